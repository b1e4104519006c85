"""What the agent can do: the integrations of this environment, and the tools that a user's connections offer.

Two listings are merged. The hosted MCP says what a connection really offers, but loses parts of the schemas and leaves
actions out; GET /scripts/config has all that the authors declared, and needs no connection, but lists disabled actions
too. A key that may read only one of them works from that one.
"""

import asyncio
import hashlib
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, Literal, TypeVar

import mcp.types
from pydantic import BaseModel, ConfigDict

from nango_tools.access import Access, classify
from nango_tools.client import NangoClient
from nango_tools.errors import InsufficientScopeError
from nango_tools.models.integrations import ActionConfig, IntegrationFunctions
from nango_tools.schemas import Schema, resolved

T = TypeVar("T")
_Functions = dict[str, IntegrationFunctions]

_AT_ONCE = 8
_NO_INPUT: Schema = {"type": "object", "properties": {}, "additionalProperties": False}


class Tool(BaseModel):
    """One action, as the planner and the human who approves it see it.

    input_schema, output_schema: JSON Schema without references; output_schema None where the author declared none
    access, reason: what it may do to the account, and why that is thought
    fingerprint: hex SHA-256 of name, description and input schema; another one means another tool
    source: which listing it was in
    """

    model_config = ConfigDict(frozen=True)

    integration: str
    name: str
    description: str
    input_schema: dict[str, Any]
    output_schema: dict[str, Any] | None
    scopes: tuple[str, ...]
    access: Access
    reason: str
    fingerprint: str
    source: Literal["mcp", "scripts", "both"]

    @property
    def id(self) -> str:
        return f"{self.integration}/{self.name}"


class IntegrationSummary(BaseModel):
    """An integration and the (name, description) of each of its enabled actions."""

    model_config = ConfigDict(frozen=True)

    key: str
    provider: str
    display_name: str
    tools: tuple[tuple[str, str], ...]


class Catalog:
    """Listings are kept for `ttl` seconds of `clock`, and concurrent callers share one request.

    Those of the MCP are kept once for each integration: what it offers does not depend on whose connection it is.
    """

    def __init__(self, nango: NangoClient, *, ttl: float = 300, clock: Callable[[], float] = time.monotonic) -> None:
        self._nango = nango
        self._ttl = ttl
        self._clock = clock
        self._few = asyncio.Semaphore(_AT_ONCE)
        self.forget()

    def forget(self) -> None:
        """Fetch everything anew at the next call."""
        self._functions = _Kept[_Functions | None](self._ttl, self._clock)
        self._summaries = _Kept[list[IntegrationSummary]](self._ttl, self._clock)
        self._tools: dict[str, _Kept[tuple[Tool, ...]]] = {}

    async def integrations(self) -> list[IntegrationSummary]:
        """All integrations of the environment, by key; those without tools too. Needs no connection."""
        return list(await self._summaries.get(self._fetch_summaries))

    async def discover(self, connections: Sequence[tuple[str, str]]) -> dict[str, tuple[Tool, ...]]:
        """The enabled tools, by name, for each integration among `connections` (integration id, connection id).

        The first connection of each integration is asked, several integrations at once. InsufficientScopeError where
        the key may read neither listing. Any other failure is raised too; what was found is kept for the next call.
        """
        first: dict[str, str] = {}
        for integration, connection in connections:
            first.setdefault(integration, connection)
        found = await asyncio.gather(*(self._discover(*pair) for pair in first.items()), return_exceptions=True)
        for result in found:
            if isinstance(result, BaseException):
                raise result
        return {key: tools for key, tools in zip(first, found, strict=True) if not isinstance(tools, BaseException)}

    async def tools(self, integration: str) -> tuple[Tool, ...]:
        """What was discovered last, or else what GET /scripts/config alone tells; empty for an unknown integration."""
        kept = self._tools.get(integration)
        if kept is not None and (tools := kept.fresh()) is not None:
            return tools
        functions = await self._functions.get(self._fetch_functions)
        return _merged(integration, (functions or {}).get(integration), ())

    async def tool(self, integration: str, name: str) -> Tool | None:
        """One of `tools`; None where there is none of that name, or it is disabled."""
        return next((tool for tool in await self.tools(integration) if tool.name == name), None)

    async def _discover(self, integration: str, connection: str) -> tuple[Tool, ...]:
        async def fetch() -> tuple[Tool, ...]:
            functions = await self._functions.get(self._fetch_functions)
            listed: list[mcp.types.Tool] = []
            try:
                async with self._few:
                    listed = await self._nango.mcp.list_tools(connection_id=connection, integration_id=integration)
            except InsufficientScopeError:
                if functions is None:
                    raise
            return _merged(integration, (functions or {}).get(integration), listed)

        return await self._tools.setdefault(integration, _Kept(self._ttl, self._clock)).get(fetch)

    async def _fetch_functions(self) -> _Functions | None:
        """None where the key lacks the scope."""
        try:
            return {functions.integration_id: functions for functions in await self._nango.scripts.config()}
        except InsufficientScopeError:
            return None

    async def _fetch_summaries(self) -> list[IntegrationSummary]:
        functions = await self._functions.get(self._fetch_functions)
        try:
            listed = {integration.key: integration for integration in await self._nango.integrations.list()}
        except InsufficientScopeError:
            if functions is None:
                raise
            listed = {}
        summaries = []
        for key in sorted({*listed, *(functions or {})}):
            integration, deployed = listed.get(key), (functions or {}).get(key)
            provider = (integration and integration.provider) or (deployed and deployed.provider) or key
            tools = _merged(key, deployed, ())
            summaries.append(
                IntegrationSummary(
                    key=key,
                    provider=provider,
                    display_name=(integration and integration.display_name) or key,
                    tools=tuple((tool.name, tool.description) for tool in tools),
                )
            )
        return summaries


class _Kept(Generic[T]):
    """One value, fetched by whoever asks first and kept for a while."""

    def __init__(self, ttl: float, clock: Callable[[], float]) -> None:
        self._ttl = ttl
        self._clock = clock
        self._lock = asyncio.Lock()
        self._value: tuple[T, float] | None = None

    def fresh(self) -> T | None:
        return self._value[0] if self._value and self._clock() < self._value[1] else None

    async def get(self, fetch: Callable[[], Awaitable[T]]) -> T:
        async with self._lock:
            if self._value is None or self._clock() >= self._value[1]:
                self._value = (await fetch(), self._clock() + self._ttl)
            return self._value[0]


def _merged(
    integration: str, functions: IntegrationFunctions | None, listed: Sequence[mcp.types.Tool]
) -> tuple[Tool, ...]:
    actions = {action.name: action for action in functions.actions} if functions else {}
    on_mcp = {tool.name: tool for tool in listed}
    names = sorted({*actions, *on_mcp})
    return tuple(
        _tool(integration, name, actions.get(name), on_mcp.get(name))
        for name in names
        if name not in actions or actions[name].enabled
    )


def _tool(integration: str, name: str, action: ActionConfig | None, listed: mcp.types.Tool | None) -> Tool:
    description = (action and action.description) or (listed and listed.description) or ""
    input_schema = _input_schema(action, listed)
    methods = [endpoint.method for endpoint in action.endpoints] if action else []
    scopes = action.scopes if action else ()
    verdicts = [classify(name, description, method, scopes) for method in methods or [None]]
    verdict = max(verdicts, key=lambda verdict: verdict.access)
    return Tool(
        integration=integration,
        name=name,
        description=description,
        input_schema=input_schema,
        output_schema=_output_schema(action),
        scopes=scopes,
        access=verdict.access,
        reason=verdict.reason,
        fingerprint=_fingerprint(name, description, input_schema),
        source="both" if action and listed else "scripts" if action else "mcp",
    )


def _input_schema(action: ActionConfig | None, listed: mcp.types.Tool | None) -> Schema:
    """The declared one where there is one: the MCP's has lost additionalProperties [mcp-tools-list]."""
    declared = action.definition(action.input) if action else None
    if declared is None:
        return resolved(listed.inputSchema, action.definitions if action else None) if listed else {"type": "object"}
    if declared.get("type") == "null":
        return dict(_NO_INPUT)
    return resolved(declared, action.definitions if action else None)


def _output_schema(action: ActionConfig | None) -> Schema | None:
    if action is None or not action.returns:
        return None
    declared = [
        resolved(found, action.definitions) for name in action.returns if (found := action.definition(name)) is not None
    ]
    if len(declared) != len(action.returns):
        return None
    return declared[0] if len(declared) == 1 else {"anyOf": declared}


def _fingerprint(name: str, description: str, input_schema: Schema) -> str:
    tool = {"name": name, "description": description, "input_schema": input_schema}
    canonical = json.dumps(tool, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()
