"""Runs actions by the way that the API key may use: POST /action/trigger, or else the hosted MCP."""

from collections.abc import Mapping
from typing import Literal

from pydantic import JsonValue

from nango_tools.errors import InsufficientScopeError, NangoError
from nango_tools.mcp import HostedMcp
from nango_tools.resources.actions import Actions

Path = Literal["rest", "mcp"]

_NANGOS_OWN = "forbidden"
"""The code with which Nango says that a key lacks a scope. It does so before it looks for the action [mcp-auth-and-headers]."""


class Runner:
    """`nango.runner`. `path`: the way that the last action went; None before the first."""

    def __init__(self, actions: Actions, mcp: HostedMcp) -> None:
        self._actions = actions
        self._mcp = mcp
        self.path: Path | None = None

    async def trigger(
        self,
        *,
        connection_id: str,
        integration_id: str,
        action: str,
        input: object = None,  # noqa: A002 - Nango's word
        writes: bool,
    ) -> JsonValue:
        """POST /action/trigger, or tools/call of the hosted MCP: as `actions.trigger`, with the same errors and outcomes.

        The key's other way is tried only where Nango turned the call away for want of a scope, so that nothing ran; the
        way that works is remembered. The MCP takes objects, or nothing: what has another input needs
        `environment:actions:execute`. InsufficientScopeError where the key may use neither way.
        """
        # What REST was refused is tried over the MCP, and the other way round for a key whose scopes have changed.
        paths: list[Path] = ["mcp", "rest"] if self.path == "mcp" else ["rest", "mcp"]
        arguments = input if isinstance(input, Mapping) else None
        if arguments is None and input is not None:
            paths = ["rest"]
        where = {"connection_id": connection_id, "integration_id": integration_id}
        refused: dict[Path, InsufficientScopeError] = {}
        for path in paths:
            try:
                if path == "rest":
                    output = await self._actions.trigger(**where, action=action, input=input, writes=writes)
                else:
                    output = await self._mcp.call_tool(**where, tool=action, arguments=arguments, writes=writes)
            except InsufficientScopeError as error:
                if error.code != _NANGOS_OWN:
                    raise
                refused[path] = error
            except NangoError:
                self.path = path
                raise
            else:
                self.path = path
                return output
        raise refused["rest"]
