"""The hosted MCP of a connection: POST /mcp, one connection per request, answers as server-sent events.

A listing is one POST a page, and a tool call one POST: this server needs no `initialize` [mcp-initialize], while the
official client sends two requests before, hangs on a stream that ends early, and hides Nango's refusals, which are plain
HTTP errors here, in exception groups. For what takes a session of the official client there is one, over our pool.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CallToolResult, TextContent, Tool
from pydantic import JsonValue

from nango_tools import json_rpc
from nango_tools.addressing import connection_headers
from nango_tools.bodies import parse_json
from nango_tools.errors import Call, MalformedResponse, NangoError
from nango_tools.failures import from_rpc_error
from nango_tools.http import Http
from nango_tools.models.wire import validated


class HostedMcp:
    """`nango.mcp`: the actions of one connection at a time, as tools. Raises as the REST API does for the same failure."""

    def __init__(self, http: Http) -> None:
        self._http = http

    async def list_tools(self, *, connection_id: str, integration_id: str) -> list[Tool]:
        """POST /mcp, tools/list: the connection's tools, all pages. Their order is Nango's and changes; there are no
        annotations, and so nothing that tells reads from writes.

        Actions whose input is not an object are missing here though they can be triggered [mcp-tools-list].
        Raises UnknownConnection, InvalidKeyError, InsufficientScopeError, MalformedResponse, and what any read raises.
        """
        call = Call("list MCP tools", connection_id, integration_id)
        headers = connection_headers(call, connection_id, integration_id)
        return await json_rpc.all_tools(self._http, "/mcp", call, headers)

    async def call_tool(
        self,
        *,
        connection_id: str,
        integration_id: str,
        tool: str,
        arguments: Mapping[str, object] | None = None,
        writes: bool,
    ) -> JsonValue:
        """POST /mcp, tools/call: the tool's output, whatever JSON it is.

        As `actions.trigger`, and with the same errors, for keys that have only the MCP scope. Nango does not validate
        `arguments`. With `writes` the call may take settings.write_timeout seconds, and is sent again only if it
        certainly had no effect.
        """
        call = Call("call MCP tool", connection_id, integration_id, tool, writes)
        headers = connection_headers(call, connection_id, integration_id)
        params = {"name": tool, "arguments": dict(arguments or {})}
        # Without a name for the answer: what it holds is in no traceback.
        result = validated(
            CallToolResult, await json_rpc.request(self._http, "/mcp", call, "tools/call", params, headers), call
        )
        if len(result.content) != 1 or not isinstance(result.content[0], TextContent):
            raise MalformedResponse("the MCP server answered with something else than one text block", call=call)
        text = result.content[0].text
        if result.isError:
            # Nango never does this [mcp-tools-call]; should it begin to, the text will be what the message is now.
            raise from_rpc_error({"message": text}, call)
        output: JsonValue = parse_json(text, call)
        return output

    @asynccontextmanager
    async def session(self, *, connection_id: str, integration_id: str) -> AsyncIterator[ClientSession]:
        """An initialized session of the official client, for what takes one (langchain-mcp-adapters' load_mcp_tools).

        NangoError is raised when the block ends, not inside. A tool that is called through it counts as one that writes,
        whatever it does: nothing here tells.
        """
        call = Call("MCP session", connection_id, integration_id)
        transport = _OverPool(self._http, call, connection_headers(call, connection_id, integration_id))
        url = f"{self._http.settings.base_url}/mcp"
        # The transport keeps the time-outs of each request; this is for an answer that never comes through.
        patience = timedelta(seconds=2 * max(self._http.settings.read_timeout, self._http.settings.write_timeout))
        try:
            async with (
                httpx.AsyncClient(transport=transport, trust_env=False) as client,
                streamable_http_client(url, http_client=client) as (read, write, _),
                ClientSession(read, write, read_timeout_seconds=patience) as session,
            ):
                await session.initialize()
                yield session
        except Exception:
            # The client wraps what its transport raises in groups, or only logs it and closes the stream.
            if transport.failure is None:
                raise
        if transport.failure is not None:
            raise transport.failure


class _OverPool(httpx.AsyncBaseTransport):
    """Lets the official client speak through the pooled one, with one connection's headers; keeps the first failure.

    Bodies are read, and answers checked, before they are handed on: the official client waits for ever on a broken one.
    """

    def __init__(self, http: Http, call: Call, headers: dict[str, str]) -> None:
        self._http = http
        self._call = call
        self._headers = headers
        self.failure: NangoError | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.method != "POST":
            return httpx.Response(405, request=request)
        try:
            return await self._forward(request)
        except NangoError as error:
            self.failure = self.failure or error
            raise

    async def _forward(self, request: httpx.Request) -> httpx.Response:
        message = parse_json((await request.aread()).decode(), self._call)
        call = self._call_of(message)
        headers = self._headers | json_rpc.ACCEPT
        if version := request.headers.get("mcp-protocol-version"):
            headers["MCP-Protocol-Version"] = version
        response = await self._http.send("POST", "/mcp", call, headers=headers, body=message)
        if "id" not in message:
            return httpx.Response(202, request=request)
        answer = json_rpc.answer_to(message["id"], response, call)
        if "error" in answer:
            raise from_rpc_error(answer["error"], call)
        return httpx.Response(200, json=answer, request=request)

    def _call_of(self, message: Any) -> Call:
        """A tool may write, and a write is never sent again like a listing."""
        if message.get("method") != "tools/call":
            return self._call
        return replace(self._call, operation="call MCP tool", action=message["params"]["name"], writes=True)
