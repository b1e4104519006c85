"""Checks requests against JSON Schemas and reports as Nango's validator does: `{code, message, path}` per finding."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from jsonschema import Draft202012Validator, ValidationError
from starlette.requests import Request

from nango_sandbox.errors import NangoError, issue

Schema = Mapping[str, Any]

_NAMES = {dict: "object", list: "array", str: "string", bool: "boolean", int: "number", float: "number"}
_TAG = re.compile(r"(?P<name>[^\[\]]+)\[(?P<key>[^\[\]]*)\]")


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
    """The body as JSON; None if the request declares no content type. An empty body is an empty object."""
    content_type = request.headers.get("content-type")
    if content_type is None:
        return None
    if content_type.split(";")[0].strip().lower() != "application/json":
        raise NangoError(415, "invalid_content_type", "Content-Type header must be application/json")
    raw = await request.body()
    if not raw:
        return {}
    try:
        text = raw.decode()
        return _well_formed(json.loads(text, parse_constant=_refuse_constant))
    except json.JSONDecodeError as error:
        cut_short = error.pos >= len(error.doc.rstrip())
        message = "Unexpected end of JSON input" if cut_short else f"Unexpected token in JSON at position {error.pos}"
        raise NangoError(400, "invalid_json", message) from error
    except (ValueError, RecursionError) as error:
        raise NangoError(400, "invalid_json", f"This is not JSON that can be read: {type(error).__name__}") from error


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
    query: dict[str, Any] = {}
    for name, value in request.query_params.multi_items():
        nested = _TAG.fullmatch(name)
        if nested:
            group = query.setdefault(nested["name"], {})
            if isinstance(group, dict):
                group[nested["key"]] = value
        elif schema["properties"].get(name, {}).get("type") == "number":
            query[name] = float(value) if re.fullmatch(r"-?\d+(\.\d+)?", value) else value
        else:
            query[name] = value
    check(query, schema, "invalid_query_params")
    return query


def refuse_query(request: Request) -> None:
    """For endpoints that take no query parameters at all."""
    read_query(request, closed({}))


def read_headers(request: Request, schema: Schema) -> dict[str, str]:
    """Those headers that the schema names, checked."""
    named = {name: request.headers[name] for name in schema["properties"] if name in request.headers}
    check(named, schema, "invalid_headers")
    return named


def check(value: Any, schema: Schema, code: str) -> None:
    """Raises NangoError 400 with every finding, what is missing first and what is not known last."""
    findings: list[dict[str, Any]] = []
    for error in Draft202012Validator(schema).iter_errors(value):
        findings += [found for found in _findings(error) if found not in findings]
    if findings:
        raise NangoError(400, code, errors=sorted(findings, key=lambda found: found["code"] == "unrecognized_keys"))


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
            return [
                _expected(_kind(schema["properties"][name]), "undefined", *path, name)
                for name in limit
                if name not in value
            ]
        case "type":
            return [_expected(_kind(schema), _NAMES.get(type(value), "null"), *path)]
        case "additionalProperties":
            unknown = [f'"{name}"' for name in value if name not in schema.get("properties", {})]
            plural = "s" if len(unknown) > 1 else ""
            return [issue("unrecognized_keys", f"Unrecognized key{plural}: {', '.join(unknown)}", *path)]
        case "pattern":
            return [issue("invalid_format", f"Invalid string: must match pattern /{limit}/", *path)]
        case "minLength":
            return [issue("too_small", f"Too small: expected string to have >={limit} characters", *path)]
        case "maxLength":
            return [issue("too_big", f"Too big: expected string to have <={limit} characters", *path)]
        case "minimum":
            return [issue("too_small", f"Too small: expected number to be >={limit}", *path)]
        case "maximum":
            return [issue("too_big", f"Too big: expected number to be <={limit}", *path)]
        case "enum":
            options = "|".join(f'"{option}"' for option in limit)
            return [issue("invalid_value", f"Invalid option: expected one of {options}", *path)]
        case _:
            return [issue("invalid_union", str(schema.get("message", "Invalid input")), *path)]


def _kind(schema: Schema) -> str:
    """What zod calls the type; an object with free keys is a record."""
    return "record" if "propertyNames" in schema else str(schema.get("type", "value"))
