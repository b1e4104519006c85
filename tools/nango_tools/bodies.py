"""JSON on its way out and in."""

import json
from typing import Any

from pydantic import SecretBytes, SecretStr

from nango_tools.errors import Call, InvalidInput, MalformedResponse, Outcome
from nango_tools.json_values import read_json


def encode_json(value: Any, call: Call) -> SecretBytes:
    """`value`, which may hold SecretStr. Wrapped again, so that no credential stands in a traceback's locals."""
    try:
        return SecretBytes(json.dumps(value, allow_nan=False, ensure_ascii=False, default=_revealed).encode())
    except (TypeError, ValueError, RecursionError) as error:
        problem = f"the input cannot be written as JSON ({error})"
    raise InvalidInput(problem, call=call, outcome=Outcome.NOT_SENT)


def parse_json(text: str, call: Call) -> Any:
    try:
        return read_json(text)
    except ValueError as error:
        problem = f"Nango's answer is not JSON ({error})"
    del text  # it may hold credentials, and a traceback can show locals
    raise MalformedResponse(problem, call=call)


def _revealed(value: Any) -> Any:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    raise TypeError(f"{type(value).__name__} is no JSON")
