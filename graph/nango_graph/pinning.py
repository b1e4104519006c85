"""The guard of the catalogue: a tool whose definition has changed is kept back until somebody has accepted the change.

Whoever can deploy an action can write whatever they like into its description, which models read. So what was seen first
is pinned in the records, for each Nango environment. What a tool does when it is first seen is not judged here:
descriptions are data to the model, and writes ask.

Three listings tell of one tool: MCP's leaves parts of the schema out, GET /scripts/config has them, and `both` is made of the
two. Another listing is no change as long as it brings no text that was not there before.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from nango_graph.clock import Clock
from nango_graph.display import visible
from nango_graph.records.definitions import Definitions, Pinned, Shape, Slot
from nango_graph.settings import AgentSettings
from nango_tools import Tool
from nango_tools.catalog import Admitted, Held
from nango_tools.policy import Definitions as Mode
from nango_tools.schemas import NOT_DECLARED

SHOWN_DIGITS = 12
"""Of a fingerprint, where people read it."""

_WHY = "Its definition is another one than was seen first, or accepted since."

_Definition = Mapping[str, Any]

_log = logging.getLogger(__name__)


def environment_of(settings: AgentSettings) -> str:
    """What definitions are pinned for: one Nango environment."""
    return f"{settings.nango.base_url.rstrip('/')} {settings.environment}".strip()


class Pins:
    """Remembers in the records what tools look like. Reads them each time: another process may have accepted a change.

    mode: hold: a changed tool is kept back; warn: it is admitted, and its change waits all the same; accept: it holds
        from then on
    """

    def __init__(self, definitions: Definitions, *, environment: str, clock: Clock, mode: Mode = "hold") -> None:
        self._definitions = definitions
        self._environment = environment
        self._clock = clock
        self._mode = mode

    async def admit(self, tools: Sequence[Tool]) -> Admitted:
        """See `Guard`. A few statements in all, one where nothing is new, and some for each tool that has just changed."""
        known = await self._known(tools)
        if new := [tool for tool in tools if tool.id not in known]:
            await self._pin(new)
            # Another worker may have come first, with another definition.
            known = await self._known(tools)
        pinned = {tool.id: known[tool.id].get(tool.source) for tool in tools}
        other = [tool for tool in tools if (pin := pinned[tool.id]) is None or pin.fingerprint != tool.fingerprint]
        shapes = await self._definitions.shapes(self._environment, {(tool.integration, tool.name) for tool in other})
        kept_back: dict[str, Held] = {}
        same: list[Tool] = []
        for tool in other:
            there = shapes[tool.integration, tool.name]
            if _brings_nothing_new(tool, there):
                same.append(tool)
            elif not await self._passes(tool, there, known[tool.id]):
                kept_back[tool.id] = Held(tool.id, tool.fingerprint, _WHY)
        await self._pin([tool for tool in same if pinned[tool.id] is None])
        for tool in same:
            if pinned[tool.id] is not None:
                await self._move(tool, by=None)
        as_before = [
            _slot(tool)
            for tool in tools
            if (pin := pinned[tool.id]) and pin.fingerprint == tool.fingerprint and pin.changed_fingerprint
        ]
        await self._definitions.settle(self._environment, as_before)
        return Admitted(
            tuple(tool for tool in tools if tool.id not in kept_back),
            tuple(kept_back[tool.id] for tool in tools if tool.id in kept_back),
        )

    async def _known(self, tools: Sequence[Tool]) -> dict[str, dict[str, Pinned]]:
        """By tool id, then by source."""
        known: dict[str, dict[str, Pinned]] = {}
        found = await self._definitions.pinned(self._environment, {tool.integration for tool in tools})
        for (integration, name, source), pinned in found.items():
            known.setdefault(f"{integration}/{name}", {})[source] = pinned
        return known

    async def _pin(self, tools: Sequence[Tool]) -> None:
        seen = {_slot(tool): _shape(tool) for tool in tools}
        await self._definitions.pin(self._environment, seen, now=self._clock.now())

    async def _move(self, tool: Tool, *, by: str | None) -> None:
        await self._definitions.move(self._environment, _slot(tool), _shape(tool), by=by, now=self._clock.now())

    async def _passes(self, tool: Tool, there: Mapping[str, Shape], known: Mapping[str, Pinned]) -> bool:
        """A change, as the mode has it. It is told once, however many listings bring it. `there`: what holds, by source."""
        now = self._clock.now()
        if tool.source not in there:
            # Never seen in this listing: what holds is what another one had.
            await self._definitions.pin(self._environment, {_slot(tool): next(iter(there.values()))}, now=now)
        if self._mode == "accept":
            await self._move(tool, by="policy")
            _log.info("%s", _told(tool, "accepted, as the policy says"))
            return True
        waiting = {source for source, pin in known.items() if pin.changed_fingerprint == tool.fingerprint}
        if tool.source not in waiting:
            first = await self._definitions.wait(self._environment, _slot(tool), _shape(tool), now=now)
            if first and not waiting:
                what = "kept back until it is accepted" if self._mode == "hold" else "in use all the same"
                _log.warning("%s", _told(tool, f"{what}; look at it with `nango-agent tools changes`"))
        return self._mode == "warn"


def _slot(tool: Tool) -> Slot:
    return tool.integration, tool.name, tool.source


def _shape(tool: Tool) -> Shape:
    definition = {"name": tool.name, "description": tool.description, "input_schema": tool.input_schema}
    return Shape(tool.fingerprint, definition, tool.version)


def _brings_nothing_new(tool: Tool, there: Mapping[str, Shape]) -> bool:
    """Is it only what another listing has brought before? Or the complete form, seen for the first time, of what MCP's had?

    there: what holds, by source
    """
    new = _shape(tool).definition
    others = {source: shape.definition for source, shape in there.items() if source != tool.source}
    if any(_tells_no_more(new, known) for known in others.values()):
        return True
    return others.keys() == there.keys() == {"mcp"} and _is_what_mcp_left(others["mcp"], of=new)


def _told(tool: Tool, what: str) -> str:
    return f"The definition of {visible(tool.id, keep='')} has changed ({tool.fingerprint[:SHOWN_DIGITS]}): {what}."


def _tells_no_more(part: _Definition, whole: _Definition) -> bool:
    """Does every text of `part` stand in `whole`, in its place?"""
    schema, larger = part["input_schema"], whole["input_schema"]
    return part["description"] in ("", whole["description"]) and all(
        value in ({}, []) or (key in larger and _agree(value, larger[key])) for key, value in schema.items()
    )


def _is_what_mcp_left(listed: _Definition, *, of: _Definition) -> bool:
    """Is that what MCP's listing leaves of a complete definition? It keeps `properties` and `required`, without what they
    refer to.
    """
    there, complete = listed["input_schema"].get("properties") or {}, of["input_schema"].get("properties") or {}
    return (
        listed["description"] == of["description"]
        and there.keys() == complete.keys()
        and _tells_no_more(listed, of)
    )  # fmt: skip


def _agree(part: Any, whole: Any) -> bool:
    """Is it the same, but for what references pointed to?"""
    if not isinstance(part, dict) or not isinstance(whole, dict):
        return bool(part == whole)
    if part.get("description") == NOT_DECLARED:
        return all(key in whole and whole[key] == value for key, value in part.items() if key != "description")
    return part.keys() == whole.keys() and all(_agree(value, whole[key]) for key, value in part.items())
