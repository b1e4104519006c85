"""How answers become models: unknown fields are dropped, a missing or wrong one is a MalformedResponse."""

from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from nango_tools.errors import Call, MalformedResponse

T = TypeVar("T")


class Wire(BaseModel):
    """Something Nango sent. Immutable, and without the fields it does not name."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True, populate_by_name=True)


def validated(kind: type[T], value: Any, call: Call) -> T:
    """`value` as a `kind`. The error names fields, never values: an answer may hold credentials."""
    try:
        return TypeAdapter(kind).validate_python(value)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        where = ".".join(str(step) for step in first["loc"]) or "the whole"
        problem = f"Nango's answer has an unexpected shape ({where}: {first['msg']})"
    raise MalformedResponse(problem, call=call)
