"""Finds the tools that a request may need, on this machine: one index for each set of tools, made once and kept for a while.

Whoever asks hands in the tools that may be found. Nothing else can be: an index holds these and no others. What is shown of a
tool that was found is kept here, too.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from typing import Any

from langchain_core.embeddings import Embeddings

from nango_graph.digests import digest
from nango_graph.planning.signatures import tool_signature
from nango_tools import Access, IntegrationSummary, Tool
from nango_tools.search import HybridSearch, ToolSearch

KEPT = 16
"""Indexes. A set of tools is what the policy leaves of the connections of a person: many people have the same."""
KEPT_SIGNATURES = 2_000
"""A megabyte, of common length. Some fifty are shown in a prompt, and mostly the same in the next one."""


class ToolFinder:
    """By words; with `embeddings` by meaning too. Belongs to one event loop, as services do."""

    def __init__(self, embeddings: Embeddings | None = None) -> None:
        self._embeddings = embeddings
        self._indexes: OrderedDict[Hashable, ToolSearch | HybridSearch] = OrderedDict()
        self._vectors: dict[str, Any] = {}
        self._signatures: OrderedDict[tuple[str, str, Access], str] = OrderedDict()
        self._building = asyncio.Lock()

    async def tools(
        self, query: str, tools: Mapping[str, Tool], *, limit: int, integration: str | None = None
    ) -> list[Tool]:
        """Of `tools` (by id), or of those of one integration, the ones that match at all, best first."""
        return await self.of_integrations(query, tools, () if integration is None else (integration,), limit=limit)

    async def of_integrations(
        self, query: str, tools: Mapping[str, Tool], integrations: Collection[str], *, limit: int
    ) -> list[Tool]:
        """The same for several (keys; empty for all). A word that all of their tools have tells nothing among them."""
        index = await self._index(frozenset((tool.id, tool.fingerprint) for tool in tools.values()), tools.values)
        among = [tool_id for tool_id, tool in tools.items() if not integrations or tool.integration in integrations]
        return [tools[found] for found in await _found(index, query, among, limit)]

    def signature(self, tool: Tool) -> str:
        """`tool_signature`, worked out once for each definition: a prompt needs each several times, and so does the next one."""
        # Rules of the operator say what access a tool has, and no fingerprint holds them.
        key = (tool.id, tool.fingerprint, tool.access)
        if key not in self._signatures:
            self._signatures[key] = tool_signature(tool)
        self._signatures.move_to_end(key)
        while len(self._signatures) > KEPT_SIGNATURES:
            self._signatures.popitem(last=False)
        return self._signatures[key]

    async def names(
        self, query: str, integrations: Sequence[IntegrationSummary], *, among: Collection[str] = (), limit: int
    ) -> list[str]:
        """Ids of tools that match, best first, where only names and descriptions are known. among: keys; empty for all."""
        index = await self._index(
            tuple((each.key, each.display_name, each.tools) for each in integrations),
            lambda: [by_name(f"{each.key}/{name}", words) for each in integrations for name, words in each.tools],
        )
        ids = [
            f"{each.key}/{name}" for each in integrations if not among or each.key in among for name, _ in each.tools
        ]
        return await _found(index, query, ids, limit)

    async def _index(self, key: Hashable, tools: Callable[[], Iterable[Tool]]) -> ToolSearch | HybridSearch:
        async with self._building:
            if key not in self._indexes:
                # In a thread: thousands of tools take some half a second.
                words = await asyncio.to_thread(lambda: ToolSearch(list(tools())))
                self._indexes[key] = self._with_meaning(words)
            self._indexes.move_to_end(key)
            while len(self._indexes) > KEPT:
                self._indexes.popitem(last=False)
            return self._indexes[key]

    def _with_meaning(self, words: ToolSearch) -> ToolSearch | HybridSearch:
        return HybridSearch(words, self._embeddings, vectors=self._vectors) if self._embeddings else words


async def _found(index: ToolSearch | HybridSearch, query: str, among: Collection[str], limit: int) -> list[str]:
    if isinstance(index, HybridSearch):
        hits = await index.search(query, among=among, limit=limit)
    else:
        hits = index.search(query, among=among, limit=limit)
    return [hit.tool.id for hit in hits]


def by_name(tool_id: str, description: str = "") -> Tool:
    """For an index alone, where no more than this is known: what access it has and what it takes is not looked at."""
    integration, _, name = tool_id.partition("/")
    return Tool(
        integration=integration,
        name=name,
        description=description,
        input_schema={},
        output_schema=None,
        scopes=(),
        access=Access.WRITE,
        reason="",
        fingerprint=digest([tool_id, description]),
        source="scripts",
    )
