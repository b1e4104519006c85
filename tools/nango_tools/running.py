"""Runs actions by the way that the API key may use: POST /action/trigger, or else the hosted MCP."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Literal

from pydantic import JsonValue

from nango_tools.errors import Call, InsufficientScopeError, NangoError
from nango_tools.mcp import HostedMcp
from nango_tools.models.actions import AsyncAction
from nango_tools.provider_limits import Pausing, ProviderLimits, Sleep
from nango_tools.resources.actions import Actions

Path = Literal["rest", "mcp"]

_NANGOS_OWN = "forbidden"
"""The code with which Nango says that a key lacks a scope. It does so before it looks for the action
[mcp-auth-and-headers].
"""


class Runner:
    """`nango.runner`. `path`: the way that the last action went; None before the first."""

    def __init__(self, actions: Actions, mcp: HostedMcp, limits: ProviderLimits) -> None:
        self._actions = actions
        self._mcp = mcp
        self._limits = limits
        self.path: Path | None = None

    async def trigger(
        self,
        *,
        connection_id: str,
        integration_id: str,
        action: str,
        input: object = None,  # noqa: A002 - Nango's word
        writes: bool,
        pausing: Pausing | None = None,
        sleep: Sleep | None = None,
        at_once: bool = False,
    ) -> JsonValue:
        """POST /action/trigger, or tools/call of the hosted MCP: as `actions.trigger`, same errors and outcomes.

        The key's other way is tried only where Nango turned the call away for want of a scope, so that nothing ran; the
        way that works is remembered. The MCP takes objects, or nothing: what has another input needs
        `environment:actions:execute`. InsufficientScopeError where the key may use neither way.

        Request limits are kept to, the provider's too (provider_limits.py): a read waits and is sent again; a write is
        sent once, and RateLimited before that where it would wait for long, or with `at_once` at all. `pausing` is told
        of each pause; `sleep` waits, instead of the client.
        """
        call = Call("trigger", connection_id, integration_id, action, writes)
        return await self._limits.within(
            call, lambda: self._either_way(call, input), pausing=pausing, sleep=sleep, at_once=at_once
        )

    async def clear(
        self,
        *,
        connection_id: str,
        integration_id: str,
        action: str,
        writes: bool,
        pausing: Pausing | None = None,
        sleep: Sleep | None = None,
    ) -> None:
        """For POST /action/trigger and tools/call: waits until no request limit of the provider's keeps this call back;
        sends nothing. RateLimited (not_sent) where that would be too long.
        """
        call = Call("trigger", connection_id, integration_id, action, writes)
        await self._limits.clear(call, pausing=pausing, sleep=sleep)

    async def trigger_async(
        self,
        *,
        connection_id: str,
        integration_id: str,
        action: str,
        input: object = None,  # noqa: A002 - Nango's word
        writes: bool,
        wait: Callable[[AsyncAction], Awaitable[JsonValue]],
        pausing: Pausing | None = None,
        sleep: Sleep | None = None,
        at_once: bool = False,
    ) -> JsonValue:
        """POST /action/trigger with X-Async: as `trigger`; `wait` is handed what Nango began, and brings its output.

        Nango never runs it a second time. The hosted MCP knows no asynchronous actions: where the key may use nothing
        else, the action runs synchronously, and `wait` is not called.
        """
        call = Call("trigger", connection_id, integration_id, action, writes)

        async def run() -> JsonValue:
            if self.path == "mcp":
                return await self._either_way(call, input)
            try:
                begun = await self._actions.trigger_async(
                    connection_id=connection_id,
                    integration_id=integration_id,
                    action=action,
                    input=input,
                    writes=writes,
                )
            except InsufficientScopeError as error:
                if error.code != _NANGOS_OWN:
                    raise
                self.path = "mcp"
                return await self._either_way(call, input)
            self.path = "rest"
            return await wait(begun)

        return await self._limits.within(call, run, pausing=pausing, sleep=sleep, at_once=at_once)

    async def _either_way(self, call: Call, given: object) -> JsonValue:
        # What REST was refused is tried over the MCP, and the other way round for a key whose scopes have changed.
        paths: list[Path] = ["mcp", "rest"] if self.path == "mcp" else ["rest", "mcp"]
        arguments = given if isinstance(given, Mapping) else None
        if arguments is None and given is not None:
            paths = ["rest"]
        where = {"connection_id": call.connection_id or "", "integration_id": call.integration_id or ""}
        action, writes = call.action or "", call.writes
        refused: dict[Path, InsufficientScopeError] = {}
        for path in paths:
            try:
                if path == "rest":
                    output = await self._actions.trigger(**where, action=action, input=given, writes=writes)
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
