"""How answers become models, and models requests: tolerant of what is new in the one, strict about the other.

In an answer unknown fields are dropped, a null is as good as nothing, and a missing or wrong field is a
MalformedResponse. What we send must be exactly what Nango takes: a misspelt field, or one of another type, is an
InvalidInput before anything leaves.
"""

from typing import Annotated, Any, SupportsIndex, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Secret,
    SecretStr,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from nango_tools.errors import Call, InvalidInput, MalformedResponse, Outcome

T = TypeVar("T")

Name = Annotated[str, StringConstraints(min_length=1)]
"""What is sent to name something; nothing is named by an empty string."""


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

    @field_validator("*", mode="before")
    @classmethod
    def _null_is_as_good_as_nothing(cls, value: object, info: ValidationInfo) -> object:
        field = cls.model_fields[info.field_name or ""]
        if value is not None or field.is_required():
            return value
        return field.get_default(call_default_factory=True, validated_data=info.data)


class Sent(_Guarded):
    """Something we send. Immutable; a field it does not name, or of another type, is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, populate_by_name=True)


def body(kind: type[Sent], call: Call, /, **fields: object) -> dict[str, Any]:
    """A request's JSON object, made of a `kind` of these fields; those that are None are left out.

    InvalidInput names fields, never values: those may be secret. What holds credentials comes wrapped in Secret, and is
    only unwrapped to become a model: tracebacks can show locals. Credentials in the object are wrapped.
    """
    try:
        made = kind.model_validate({name: _opened(value) for name, value in fields.items() if value is not None})
        return made.model_dump(by_alias=True, exclude_none=True)
    except ValidationError as error:
        problem = _first(error)
    raise InvalidInput(problem, call=call, outcome=Outcome.NOT_SENT)


def _opened(value: object) -> object:
    return value.get_secret_value() if isinstance(value, Secret) else value


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
