"""The guard of the catalogue: a tool whose definition has changed is kept back until somebody has accepted the change.

Whoever can deploy an action can write whatever they like into its description, which models read. So what was seen first
is pinned in the records, for each Nango environment. What a tool does when it is first seen is not judged here:
descriptions are data to the model, and writes ask.

Three listings tell of one tool: GET /scripts/config has all of it, so has `both`, which is made of the two, and MCP's leaves
parts out. In one listing every difference is a change, also what is lost: less text can make a tool look harmless. A
listing that has not told of a tool yet may tell what another one has, or, of MCP's and a complete one, what MCP leaves of it.
Whatever is taken for the same may do no less, as it is judged, than what holds.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from nango_graph.clock import Clock
from nango_graph.display import visible
from nango_graph.records.definitions import Definitions, Pinned, Shape, Slot
from nango_graph.settings import AgentSettings
from nango_tools import NangoSettings, Tool
from nango_tools.access import Access, classify
from nango_tools.catalog import Admitted, Held
from nango_tools.policy import Definitions as Mode
from nango_tools.schemas import NOT_DECLARED

_WHY = "Its definition is another one than was seen first, or accepted since."

_Definition = Mapping[str, Any]

_log = logging.getLogger(__name__)


def environment_of(settings: AgentSettings) -> str:
    """What definitions are pinned for: one Nango environment."""
    return environment_named(settings.nango, settings.environment)


def environment_named(nango: NangoSettings, name: str = "") -> str:
    """name: NANGO_AGENT_ENVIRONMENT"""
    return f"{nango.base_url.rstrip('/')} {name}".strip()


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
            if _is_no_change(tool, there):
                same.append(tool)
            elif not await self._passes(tool, there, known[tool.id]):
                kept_back[tool.id] = Held(tool.id, tool.fingerprint, _WHY)
        await self._pin([tool for tool in same if pinned[tool.id] is None])
        for tool in same:
            if pinned[tool.id] is not None:
                await self._move(tool, by=None)
        as_before = {
            _slot(tool): _shape(tool)
            for tool in tools
            if (pin := pinned[tool.id]) and pin.fingerprint == tool.fingerprint and pin.changed_fingerprint
        }
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
    definition = {
        "name": tool.name,
        "description": tool.description,
        "input_schema": tool.input_schema,
        "output_schema": tool.output_schema,
        "method": tool.method,
        "scopes": sorted(tool.scopes),
        "source": tool.source,
    }
    return Shape(tool.fingerprint, definition, tool.version)


def judged(definition: _Definition) -> Access:
    """What a tool that is so defined is thought to do, before an operator's rule."""
    verdicts = [
        classify(
            definition.get("name", ""),
            definition.get("description", ""),
            method,
            definition.get("scopes", ()),
            definition.get("input_schema"),
        )
        for method in (definition.get("method") or "").split(", ")
    ]
    return max(verdict.access for verdict in verdicts)


def _told(tool: Tool, what: str) -> str:
    return f"The definition of {visible(tool.id, keep='')} has changed ({tool.fingerprint}): {what}."


def _is_no_change(tool: Tool, there: Mapping[str, Shape]) -> bool:
    """Is it what holds already, told by another listing?  there: what holds, by source"""
    holds = {source: shape for source, shape in there.items() if shape.definition.get("source") == source}
    if tool.source in holds:
        # Not there a moment ago: another worker has seen the same listing for the first time, too.
        return holds[tool.source].fingerprint == tool.fingerprint
    new, complete = _shape(tool), [shape for source, shape in holds.items() if source != "mcp"]
    if tool.source == "mcp":
        found = (one for one in complete if one.fingerprint == new.fingerprint or _is_what_mcp_leaves(new, of=one))
    elif complete:
        found = (one for one in complete if one.fingerprint == new.fingerprint)
    else:
        # What MCP had lost is filled in, once.
        found = (one for one in holds.values() if _is_what_mcp_leaves(one, of=new))
    return _does_no_less(new, found)


def _does_no_less(new: Shape, than: Iterable[Shape]) -> bool:
    return any(judged(new.definition) >= judged(known.definition) for known in than)


def _is_what_mcp_leaves(listed: Shape, *, of: Shape) -> bool:
    """Is that MCP's form of a complete definition? It keeps the words, and of the schema `properties` and `required`, without
    what they refer to.
    """
    part, whole = listed.definition, of.definition
    there, complete = part["input_schema"], whole["input_schema"]
    return (
        part["description"] == whole["description"]
        and not (part["output_schema"] or part["method"] or part["scopes"])
        and all(_agree(there.get(key) or None, complete.get(key) or None) for key in ("properties", "required"))
        and all(
            key in complete and _agree(value, complete[key]) for key, value in there.items() if value not in ({}, [])
        )
    )


def _agree(part: Any, whole: Any) -> bool:
    """Is it the same, but for what references pointed to?"""
    if not isinstance(part, dict) or not isinstance(whole, dict):
        return type(part) is type(whole) and bool(part == whole)
    if part.get("description") == NOT_DECLARED:
        return all(key in whole and whole[key] == value for key, value in part.items() if key != "description")
    return part.keys() == whole.keys() and all(_agree(value, whole[key]) for key, value in part.items())
