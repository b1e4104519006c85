"""Checks requests against JSON Schemas and reports as Nango's validator does: `{code, message, path}` per finding.

Besides the keywords of JSON Schema: `message` says what a pattern, `not` or `anyOf` reports, and `transform` (`lower`,
`strip`) what is done to text of a query or a header before it is checked.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

from jsonschema import Draft202012Validator, ValidationError
from jsonschema.validators import extend
from starlette.datastructures import Headers
from starlette.requests import Request

from nango_sandbox.api import querystring
from nango_sandbox.errors import NangoError, issue

Schema = Mapping[str, Any]

DEEPEST = 100
"""Levels of a JSON body. What is deeper could be stored but not written again."""

_JSON = "application/json"
_NAMES = {dict: "object", list: "array", str: "string", bool: "boolean", int: "number", float: "number"}
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_ABOUT_VALUE = ("pattern", "minLength", "maxLength", "minimum", "maximum", "maxItems")
"""Keywords about a value that is of the right type."""


@dataclass(frozen=True)
class _NoNumber:
    """Text where a number was expected, by the name that it has as a number."""

    name: str


def _pattern(_: Any, pattern: str, value: Any, __: Schema) -> Iterator[ValidationError]:
    """Patterns are JavaScript's: `$` is the end of the text, where Python would let a line break pass."""
    in_python = re.sub(r"\$$", r"\\Z", pattern).replace("(?<", "(?P<")
    if isinstance(value, str) and not re.search(in_python, value):
        yield ValidationError(f"{value!r} does not match {pattern!r}")


_Validator: type[Draft202012Validator] = extend(Draft202012Validator, {"pattern": _pattern})  # type: ignore[no-untyped-call]


def closed(properties: Schema, *required: str) -> dict[str, Any]:
    """The schema of an object that takes these properties and no others."""
    return {"type": "object", "required": list(required), "properties": properties, "additionalProperties": False}


async def read_body(request: Request, schema: Schema | Callable[[Any], Schema]) -> dict[str, Any]:
    """The JSON body, checked against a schema, or against the one that the body itself calls for.

    Raises NangoError 415 or 400.
    """
    body = await read_json(request)
    if body is None:
        raise NangoError(400, "invalid_body", errors=[_expected("object", "undefined")])
    check(body, schema(body) if callable(schema) else schema, "invalid_body")
    checked: dict[str, Any] = body
    return checked


async def read_json(request: Request) -> Any:
    """The body as JSON; None if the request declares no JSON. An empty body is an empty object."""
    if not declares_json(request.headers):
        return None
    return parse_json(await request.body())


def declares_json(headers: Headers) -> bool:
    """Raises NangoError 415 for a content type that is not even like JSON's."""
    content_type = headers.get("content-type")
    if content_type is None:
        return False
    if not content_type.lower().startswith(_JSON):
        raise NangoError(415, "invalid_content_type", f"Content-Type header must be {_JSON}")
    return content_type.split(";")[0].strip().lower() == _JSON


def parse_json(raw: bytes) -> Any:
    """An object or a list; an empty body is an empty object. Raises NangoError 400."""
    if not raw:
        return {}
    try:
        text = raw.decode()
        value = json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        cut_short = error.pos >= len(error.doc.rstrip())
        message = "Unexpected end of JSON input" if cut_short else _unexpected(error.pos)
        raise NangoError(400, "invalid_json", message) from error
    except (ValueError, RecursionError) as error:
        raise NangoError(400, "invalid_json", f"This is not JSON that can be read: {type(error).__name__}") from error
    if not isinstance(value, (dict, list)):
        raise NangoError(400, "invalid_json", _unexpected(len(text) - len(text.lstrip())))
    if _is_too_deep(value):
        raise NangoError(400, "invalid_json", f"This JSON is nested more than {DEEPEST} levels deep")
    return _well_formed(value)


def _unexpected(position: int) -> str:
    return f"Unexpected token in JSON at position {position}"


def _is_too_deep(value: Any) -> bool:
    level = [value]
    for _ in range(DEEPEST):
        inner = [list(each.values()) if isinstance(each, dict) else each for each in level]
        level = [each for held in inner for each in held if isinstance(each, (dict, list))]
        if not level:
            return False
    return True


def _refuse_constant(name: str) -> Any:
    """Python reads NaN and Infinity, which are not JSON."""
    raise ValueError(name)


def _well_formed(value: Any) -> Any:
    """JSON can carry halves of surrogate pairs, which UTF-8 cannot; they become U+FFFD."""
    text = json.dumps(value, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.loads(re.sub("[\ud800-\udfff]", "\N{REPLACEMENT CHARACTER}", text))
    return value


def read_query(request: Request, schema: Schema) -> dict[str, Any]:
    """The query parameters, checked; `tags[a]=b` becomes `{"tags": {"a": "b"}}`, numbers become numbers."""
    query = _read(querystring.parse(request.url.query), schema)
    check(query, schema, "invalid_query_params")
    return query


def refuse_query(request: Request) -> None:
    """For endpoints that take no query parameters at all."""
    read_query(request, closed({}))


def read_path(request: Request, **names: Schema) -> dict[str, str]:
    """The names in the path, checked."""
    check(request.path_params, closed(names, *names), "invalid_uri_params")
    return request.path_params


def read_headers(request: Request, schema: Schema) -> dict[str, Any]:
    """Those headers that the schema names, checked; numbers become numbers."""
    named = {name: request.headers[name] for name in schema["properties"] if name in request.headers}
    headers = _read(named, schema)
    check(headers, schema, "invalid_headers")
    return headers


def _read(texts: Mapping[str, Any], schema: Schema) -> dict[str, Any]:
    return {name: _as(schema["properties"].get(name, {}), value) for name, value in texts.items()}


def _as(schema: Schema, value: Any) -> Any:
    if schema.get("type") in ("number", "integer"):
        return _number(value)
    if isinstance(value, str) and "transform" in schema:
        return value.lower() if schema["transform"] == "lower" else value.strip()
    return value


def _number(value: Any) -> float | _NoNumber:
    """As JavaScript reads it: no text is 0."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if not isinstance(value, str):
        return _NoNumber("NaN")
    text = value.strip()
    if text and not _NUMBER.fullmatch(text):
        return _NoNumber("NaN")
    number = float(text or 0)
    return number if isfinite(number) else _NoNumber("Infinity")


def check(value: Any, schema: Schema, code: str) -> None:
    """Raises NangoError 400 with every finding, in the order of the schema; what is not known comes last."""
    findings: list[dict[str, Any]] = []
    for error in _telling(_Validator(schema).iter_errors(value)):
        findings += [found for found in _findings(error) if found not in findings]
    if findings:
        places = list(schema.get("properties", ()))

        def order(found: dict[str, Any]) -> tuple[bool, int]:
            first = found["path"][0] if found["path"] else None
            return found["code"] == "unrecognized_keys", places.index(first) if first in places else len(places)

        raise NangoError(400, code, errors=sorted(findings, key=order))


def _telling(errors: Iterable[ValidationError]) -> list[ValidationError]:
    """Of a value that has the wrong type nothing else is told."""
    held = list(errors)
    mistyped = [list(each.absolute_path) for each in held if each.validator == "type"]
    return [each for each in held if each.validator == "type" or list(each.absolute_path) not in mistyped]


def _expected(expected: str, received: str, *path: str) -> dict[str, Any]:
    return issue("invalid_type", f"Invalid input: expected {expected}, received {received}", *path)


def _findings(error: ValidationError) -> list[dict[str, Any]]:
    path = [str(step) for step in error.absolute_path]
    value: Any = error.instance
    limit: Any = error.validator_value
    schema: Schema = error.schema if isinstance(error.schema, Mapping) else {}
    if "propertyNames" in error.absolute_schema_path:
        return [issue("invalid_key", "Invalid key in record", *path, str(value))]
    match error.validator:
        case "required":
            return [_missing(schema["properties"][name], *path, name) for name in limit if name not in value]
        case "type" if isinstance(value, _NoNumber):
            return [_expected("number", value.name, *path)]
        case "type":
            return [_expected(_kind(schema), _NAMES.get(type(value), "null"), *path)]
        case "additionalProperties":
            unknown = [f'"{name}"' for name in value if name not in schema.get("properties", {})]
            plural = "s" if len(unknown) > 1 else ""
            return [issue("unrecognized_keys", f"Unrecognized key{plural}: {', '.join(unknown)}", *path)]
        case "pattern":
            message = schema.get("message", f"Invalid string: must match pattern /{limit}/")
            return [issue("invalid_format", message, *path)]
        case "minLength":
            return [issue("too_small", f"Too small: expected string to have >={limit} characters", *path)]
        case "maxLength":
            return [issue("too_big", f"Too big: expected string to have <={limit} characters", *path)]
        case "minimum":
            return [issue("too_small", f"Too small: expected number to be >={limit}", *path)]
        case "maximum":
            return [issue("too_big", f"Too big: expected number to be <={limit}", *path)]
        case "maxItems":
            return [issue("too_big", f"Too big: expected array to have <={limit} items", *path)]
        case "enum":
            options = "|".join(f'"{option}"' for option in limit)
            return [issue("invalid_value", f"Invalid option: expected one of {options}", *path)]
        case "anyOf" if (option := _fitting(error)) is not None:
            return [found for each in option for found in _findings(each)]
        case _:
            return [_no_option(schema, *path)]


def _fitting(union: ValidationError) -> list[ValidationError] | None:
    """What is wrong by the one option of a union whose type the value has; None if that is not one."""
    options: dict[Any, list[ValidationError]] = {}
    for error in union.context or ():
        options.setdefault(error.schema_path[0], []).append(error)
    fitting = [errors for errors in options.values() if all(each.validator in _ABOUT_VALUE for each in errors)]
    return fitting[0] if len(fitting) == 1 else None


def _no_option(schema: Schema, *path: str) -> dict[str, Any]:
    return issue("invalid_union", str(schema.get("message", "Invalid input")), *path)


def _missing(schema: Schema, *path: str) -> dict[str, Any]:
    return _no_option(schema, *path) if "not" in schema else _expected(_kind(schema), "undefined", *path)


def _kind(schema: Schema) -> str:
    """What zod calls the type; an object with free keys is a record."""
    kind = str(schema.get("type", "value"))
    return "record" if "propertyNames" in schema else {"integer": "int"}.get(kind, kind)
