"""The tool for the proxy: one request to an app's API, as `/proxy` makes it."""

import json
from typing import Any
from urllib.parse import quote, urlencode

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message

from nango_sandbox.api.management.tool import (
    BOOLEAN,
    CONNECTION_ID,
    INTEGRATION_ID,
    JSON,
    JSON_DEFINED,
    NUMBER,
    TEXT,
    URL_OR_EMPTY,
    Caller,
    Tool,
    ToolFailedError,
    listing,
    mapping,
    record,
    writes,
)
from nango_sandbox.api.proxy import proxy
from nango_sandbox.errors import NangoError

LARGEST = 5 * 1024 * 1024
"""Bytes of an answer that the tool returns."""
SAFE = 2**53 - 1
"""The largest number that JavaScript keeps exactly; larger ones come as strings."""

_HEADER_NAME = {"type": "string", "minLength": 1, "maxLength": 255}
_VALUE = {"anyOf": [TEXT, NUMBER]}


async def _request(caller: Caller, arguments: dict[str, Any]) -> dict[str, Any]:
    try:
        response = await proxy(_proxied(caller.request, arguments))
    except NangoError as error:
        raise ToolFailedError(error.error.get("message", error.error["code"])) from error
    headers: dict[str, Any] = {}
    for name in dict.fromkeys(response.headers.keys()):
        values = response.headers.getlist(name)
        headers[name] = values if len(values) > 1 else values[0]
    return {"status": response.status_code, "headers": headers, "body": _body(response)}


def _proxied(request: Request, arguments: dict[str, Any]) -> Request:
    """The request to `/proxy` that the arguments are. It is counted and let in as the one to the tool was."""
    headers = {
        "connection-id": arguments["connection_id"],
        "provider-config-key": arguments["integration_id"],
        **{f"nango-proxy-{name.lower()}": value for name, value in arguments.get("headers", {}).items()},
    }
    for name in ("base_url_override", "retries", "decompress", "forward_headers_on_redirect"):
        if name in arguments and arguments[name] != "":
            value = arguments[name]
            headers[name.replace("_", "-")] = str(value).lower() if isinstance(value, bool) else str(value)
    if "retry_on" in arguments:
        headers["retry-on"] = ",".join(map(str, arguments["retry_on"]))
    content = b""
    if "body" in arguments:
        headers["content-type"] = "application/json"
        content = json.dumps(arguments["body"], ensure_ascii=False).encode()
    path, _, query = arguments["path"].partition("?")
    more = urlencode(arguments.get("query_params", {}), doseq=True)

    async def receive() -> Message:
        return {"type": "http.request", "body": content, "more_body": False}

    raw_path = f"/proxy{quote(path, safe='/%:@!$&()*+,;=~')}"
    scope = {
        **request.scope,
        "method": arguments["method"],
        "path": f"/proxy{path}",
        "raw_path": raw_path.encode("ascii"),
        "query_string": "&".join(filter(None, (quote(query, safe="=&%+/:,[]"), more))).encode("ascii"),
        "headers": Headers(headers).raw,
    }
    return Request(scope, receive)


def _body(response: Response) -> Any:
    raw = bytes(response.body)
    if len(raw) > LARGEST:
        message = f"The answer has {len(raw)} bytes, more than {LARGEST}. Use the HTTP proxy for it."
        raise ToolFailedError(message)
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        message = "The answer is no text. Use the HTTP proxy for it."
        raise ToolFailedError(message) from error
    if "json" not in response.headers.get("content-type", ""):
        return text
    try:
        return json.loads(text, parse_int=_number)
    except ValueError:
        return text


def _number(digits: str) -> int | str:
    return digits if abs(int(digits)) > SAFE else int(digits)


REQUEST = Tool(
    "proxy_request",
    "Send one HTTP request to an app's API with the credentials of a connection. "
    "Answers in JSON or text, of 5 MB at most; numbers that JavaScript cannot hold come as strings.",
    record(
        {
            "method": {"type": "string", "enum": ["GET", "POST", "PUT", "PATCH", "DELETE"]},
            "path": {"type": "string", "minLength": 1, "maxLength": 8192, "pattern": r"^\/.*"},
            "integration_id": INTEGRATION_ID,
            "connection_id": CONNECTION_ID,
            "query_params": mapping({"anyOf": [TEXT, NUMBER, listing(_VALUE)]}, _HEADER_NAME),
            "headers": mapping({"type": "string", "maxLength": 8192}, _HEADER_NAME),
            "body": JSON,
            "base_url_override": URL_OR_EMPTY,
            "retries": {"type": "integer", "minimum": 0, "maximum": 5},
            "decompress": BOOLEAN,
            "retry_on": listing({"type": "integer", "minimum": 100, "maximum": 599}),
            "forward_headers_on_redirect": BOOLEAN,
        },
        "query_params",
        "headers",
        "body",
        "base_url_override",
        "retries",
        "decompress",
        "retry_on",
        "forward_headers_on_redirect",
    )
    | JSON_DEFINED,
    record(
        {
            "status": {"type": "integer", "minimum": -SAFE, "maximum": SAFE},
            "headers": mapping({"anyOf": [TEXT, listing(TEXT)]}),
            "body": JSON,
        }
    )
    | JSON_DEFINED,
    writes(destructive=True, open_world=True),
    ("proxy",),
    _request,
)
