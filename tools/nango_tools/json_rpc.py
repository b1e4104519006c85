"""JSON-RPC over HTTP as Nango's MCP servers speak it: one POST, an answer as an event stream or plain JSON."""

from collections.abc import Mapping
from typing import Any

import httpx
from httpx_sse import EventSource, SSEError
from mcp.types import ListToolsResult, Tool

from nango_tools.bodies import parse_json
from nango_tools.errors import Call, MalformedResponse
from nango_tools.failures import from_rpc_error
from nango_tools.failures.wording import json_or_none
from nango_tools.http import Http
from nango_tools.models.wire import validated

_MOST_PAGES = 20

ACCEPT = {"Accept": "application/json, text/event-stream"}
"""Nango answers 406 to less."""


async def request(
    http: Http, path: str, call: Call, method: str, params: dict[str, Any], headers: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """The `result` of one JSON-RPC request; its `error` is raised as the NangoError it stands for."""
    message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    response = await http.send("POST", path, call, headers={**(headers or {}), **ACCEPT}, body=message)
    answer = answer_to(1, response, call)
    if "error" in answer:
        raise from_rpc_error(answer["error"], call)
    result: dict[str, Any] = answer["result"]
    return result


async def all_tools(http: Http, path: str, call: Call, headers: Mapping[str, str] | None = None) -> list[Tool]:
    """tools/list: one POST a page. MalformedResponse for a listing of another shape, or of more than 20 pages."""
    tools: list[Tool] = []
    params: dict[str, str] = {}
    for _ in range(_MOST_PAGES):
        page = validated(ListToolsResult, await request(http, path, call, "tools/list", params, headers), call)
        tools += page.tools
        if page.nextCursor is None:
            return tools
        params = {"cursor": page.nextCursor}
    raise MalformedResponse(f"the list of tools did not end after {_MOST_PAGES} pages", call=call)


def answer_to(request_id: int | str, response: httpx.Response, call: Call) -> dict[str, Any]:
    """The JSON-RPC answer to `request_id`: it has a dict `result` or a dict `error`."""
    found = _found(request_id, _messages(response, call))
    if found is None:
        raise MalformedResponse("the MCP server's stream ended without an answer", call=call)
    return found


def _found(request_id: int | str, messages: list[Any]) -> dict[str, Any] | None:
    for message in messages:
        if isinstance(message, dict) and message.get("id") == request_id:
            for key in ("result", "error"):
                if isinstance(message.get(key), dict):
                    return message
    return None


def _messages(response: httpx.Response, call: Call) -> list[Any]:
    if response.headers.get("content-type", "").startswith("application/json"):
        return [parse_json(response.text, call)]
    try:
        events = [event.data for event in EventSource(response).iter_sse()]
        return [message for data in events if (message := json_or_none(data)) is not None]
    except SSEError as error:
        problem = f"the MCP server's answer cannot be read ({error})"
    raise MalformedResponse(problem, call=call)
