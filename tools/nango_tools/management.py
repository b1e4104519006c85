"""The Management MCP: what an operator does to a Nango environment, as eleven tools [mcp-management].

Another host than the API (settings.management_mcp_url), the same key, no connection headers. Unlike the hosted MCP it
annotates its tools, describes their output and reports failures as results; tools beyond the key's scopes are hidden.
"""

from collections.abc import Mapping
from typing import Any

from mcp.types import CallToolResult, TextContent, Tool
from pydantic import JsonValue

from nango_tools import json_rpc
from nango_tools.errors import Call, MalformedResponse, SettingsError
from nango_tools.failures import from_tool_text
from nango_tools.http import Http
from nango_tools.models.wire import validated


class ManagementMcp:
    """`nango.management`: list its tools, and call one."""

    def __init__(self, http: Http) -> None:
        self._http = http

    async def list_tools(self) -> list[Tool]:
        """tools/list: the tools that this key may use, all pages, with annotations (readOnlyHint, destructiveHint) and
        output schemas. Empty for a key without a fitting scope.

        Raises SettingsError where settings name no Management MCP, and what any read raises.
        """
        call = Call("list management tools")
        return await json_rpc.all_tools(self._http, self._url(call), call)

    async def call_tool(
        self, name: str, arguments: Mapping[str, Any] | None = None, *, writes: bool
    ) -> dict[str, JsonValue]:
        """tools/call: the tool's structured output. It may hold credentials and session tokens as plain text. `arguments` may
        hold SecretStr, which are then in no message and no traceback.

        `writes` is False only for a tool whose annotations say readOnlyHint; else the call is sent again only if it
        certainly had no effect. Raises InvalidInput for arguments that do not fit, NotFound for a tool that is not
        there, InsufficientScopeError for one that is hidden, UnknownConnection, UnknownIntegration,
        ReauthorizationRequired, ManagementToolFailed for anything else a tool says, SettingsError where settings name
        no Management MCP, and what any call raises.
        """
        call = Call(f"management tool {name!r}", writes=writes)
        params = {"name": name, "arguments": dict(arguments or {})}
        # Without a name for the answer: the credentials that it may hold are in no traceback.
        result = validated(CallToolResult, await self._request(call, "tools/call", params), call)
        if result.isError:
            said = "\n".join(block.text for block in result.content if isinstance(block, TextContent))
            raise from_tool_text(said, call)
        if result.structuredContent is None:
            del result
            raise MalformedResponse("the Management MCP answered without structuredContent", call=call)
        return result.structuredContent

    async def _request(self, call: Call, method: str, params: dict[str, Any]) -> dict[str, Any]:
        return await json_rpc.request(self._http, self._url(call), call, method, params)

    def _url(self, call: Call) -> str:
        url = self._http.settings.management_mcp_url
        if url is None:
            raise SettingsError("Set NANGO_MANAGEMENT_MCP_URL to the Management MCP of this Nango", call=call)
        return url
