"""What a request is about: read once, and played again to whom it is for."""

import json
from typing import Any
from urllib.parse import parse_qsl, unquote

from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope

from nango_sandbox.faults.kinds import About


async def read_request(receive: Receive) -> tuple[bytes, Receive]:
    """The whole body, and a `receive` that gives it out again before it goes on with the rest."""
    messages: list[Message] = []
    body = b""
    while True:
        message = await receive()
        messages.append(message)
        body += message.get("body", b"")
        if message["type"] != "http.request" or not message.get("more_body", False):
            break

    async def again() -> Message:
        return messages.pop(0) if messages else await receive()

    return body, again


def about_request(scope: Scope, body: bytes) -> About:
    """The integration and the connection stand in the headers, the query, the path or the body, by endpoint."""
    headers = Headers(scope=scope)
    query = dict(parse_qsl(scope["query_string"].decode("latin-1")))
    sent = _json(body) if "json" in headers.get("content-type", "") else None
    fields = sent if isinstance(sent, dict) else {}
    path: str = scope["path"]
    segments = path.strip("/").split("/")
    in_path = segments[1] if segments[0] == "connections" and len(segments) == 2 and segments[1] != "metadata" else None
    return About(
        method=scope["method"],
        path=path,
        integration=_first(
            headers.get("provider-config-key"),
            query.get("provider_config_key"),
            fields.get("provider_config_key"),
            fields.get("integration_id"),
            unquote(segments[1]) if segments[0] == "integrations" and len(segments) > 1 else None,
        ),
        connection_id=_first(
            headers.get("connection-id"), query.get("connection_id"), fields.get("connection_id"), in_path
        ),
        actions=tuple(_actions(path, sent)),
    )


def _first(*candidates: object) -> str | None:
    return next((each for each in candidates if isinstance(each, str)), None)


def _actions(path: str, sent: Any) -> list[str]:
    if path == "/action/trigger" and isinstance(sent, dict):
        names = [sent.get("action_name")]
    elif path == "/mcp":
        calls = [each for each in (sent if isinstance(sent, list) else [sent]) if isinstance(each, dict)]
        params = [each.get("params") for each in calls if each.get("method") == "tools/call"]
        names = [each.get("name") for each in params if isinstance(each, dict)]
    else:
        names = []
    return [name for name in names if isinstance(name, str)]


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
