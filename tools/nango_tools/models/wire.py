"""How answers become models, and models requests: tolerant of what is new in the one, strict about the other.

In an answer unknown fields are dropped, and a missing or wrong one is a MalformedResponse. What we send must be exactly
what Nango takes: a misspelt field is an InvalidInput before anything leaves.
"""

from collections.abc import Mapping
from typing import Any, SupportsIndex, TypeVar

from pydantic import BaseModel, ConfigDict, Secret, SecretStr, TypeAdapter, ValidationError

from nango_tools.errors import Call, InvalidInput, MalformedResponse, Outcome

T = TypeVar("T")


class _Guarded(BaseModel):
    """A pickle would hold in clear what SecretStr hides everywhere else."""

    def __reduce_ex__(self, protocol: SupportsIndex) -> str | tuple[Any, ...]:
        secrets = (value for value in vars(self).values() if isinstance(value, Secret | SecretStr))
        if any(secret.get_secret_value() for secret in secrets):
            raise TypeError(f"{type(self).__name__} holds a credential and is not pickled: fetch or make it anew")
        return super().__reduce_ex__(protocol)


class Wire(_Guarded):
    """Something Nango sent. Immutable, and without the fields it does not name."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True, populate_by_name=True)


class Sent(_Guarded):
    """Something we send. Immutable; a field it does not name, or of another type, is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, populate_by_name=True)


def body(**fields: Any) -> dict[str, Any]:
    """A request's JSON object, without the fields that are None. Models in it become objects; secrets stay wrapped."""
    return {name: _plain(value) for name, value in fields.items() if value is not None}


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(by_alias=True, exclude_none=True)
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def checked(kind: type[T] | TypeAdapter[T], value: object, name: str, call: Call) -> T:
    """`value`, a `kind` or a mapping to make one of. InvalidInput names fields, never values: those may be secret."""
    adapter = kind if isinstance(kind, TypeAdapter) else TypeAdapter(kind)
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        problem = f"{name} is not what Nango takes ({_first(error)})"
    del value  # tracebacks can show locals
    raise InvalidInput(problem, call=call, outcome=Outcome.NOT_SENT)


def validated(kind: type[T], value: Any, call: Call) -> T:
    """`value` as a `kind`. The error names fields, never values: an answer may hold credentials."""
    try:
        return TypeAdapter(kind).validate_python(value)
    except ValidationError as error:
        problem = f"Nango's answer has an unexpected shape ({_first(error)})"
    del value
    raise MalformedResponse(problem, call=call)


def _first(error: ValidationError) -> str:
    first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    return f"{'.'.join(str(step) for step in first['loc']) or 'the whole'}: {first['msg']}"
