"""What an action takes and returns: declared by the annotations of its function, or by JSON Schemas."""

import inspect
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, Protocol, get_type_hints

from jsonschema import Draft7Validator
from pydantic import TypeAdapter, ValidationError
from referencing import Registry

from nango_sandbox.functions.schema import definitions

Schema = Mapping[str, Any]


class InvalidInputError(ValueError):
    """The input does not fit what the action declares."""


class Signature(Protocol):
    def read(self, given: Any) -> Any:
        """The input as the function takes it. Raises InvalidInputError."""

    def definitions(self, input_name: str, output_name: str) -> dict[str, Any]:
        """JSON Schemas by name: the input's, the output's if one is declared, and what they refer to."""

    def input_schema(self) -> Schema:
        """The input's schema, whose references may point nowhere, as on a real server's MCP."""


class Annotated:
    """The signature of `async (call, input: I) -> O`: pydantic checks the input against I."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    def read(self, given: Any) -> Any:
        try:
            return self._input.validate_python(_javascript({} if given is None else given), strict=True)
        except ValidationError as error:
            raise InvalidInputError(str(error)) from error

    def definitions(self, input_name: str, output_name: str) -> dict[str, Any]:
        return {**definitions(input_name, self._input), **definitions(output_name, self._output)}

    def input_schema(self) -> Schema:
        schema: Schema = definitions("input", self._input)["input"]
        return schema

    @cached_property
    def _input(self) -> TypeAdapter[Any]:
        _, declared = list(inspect.signature(self._function).parameters)
        return TypeAdapter(get_type_hints(self._function, include_extras=True)[declared])

    @cached_property
    def _output(self) -> TypeAdapter[Any]:
        return TypeAdapter(get_type_hints(self._function, include_extras=True)["return"])


class Declared:
    """A signature in JSON Schema (draft 7, as Nango's compiler writes it).

    checked: whether the function validates its input; a real server does not do it for a function that forgot.
    shared: further schemas, by name, that `#/definitions/NAME` refers to
    """

    def __init__(
        self,
        input_schema: Schema,
        output_schema: Schema | None = None,
        *,
        checked: bool = True,
        shared: Schema | None = None,
    ) -> None:
        self._input_schema = input_schema
        self._output_schema = output_schema
        self._checked = checked
        self._shared = dict(shared or {})

    def read(self, given: Any) -> Any:
        if self._checked:
            schema = {
                **self._input_schema,
                "definitions": {**self._shared, **self._input_schema.get("definitions", {})},
            }
            # An empty registry: without one, a `$ref` to an address is fetched.
            error = next(Draft7Validator(schema, registry=Registry()).iter_errors(given), None)
            if error is not None:
                raise InvalidInputError(error.message)
        return given

    def definitions(self, input_name: str, output_name: str) -> dict[str, Any]:
        found: dict[str, Any] = {input_name: self._input_schema}
        if self._output_schema is not None:
            found[output_name] = self._output_schema
        return {**found, **self._shared}

    def input_schema(self) -> Schema:
        return self._input_schema


def _javascript(value: Any) -> Any:
    """The functions of a real server run in JavaScript, where 3.0 is 3."""
    if isinstance(value, dict):
        return {key: _javascript(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_javascript(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
