"""Words and meanings: the local search fused with embeddings, where an endpoint for them is configured."""

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Iterable, MutableMapping, Sequence

import numpy as np
import numpy.typing as npt
from langchain_core.embeddings import Embeddings

from nango_tools.catalog.tool import Tool
from nango_tools.search.hits import Hit, best_first
from nango_tools.search.tool_search import ToolSearch

Vector = npt.NDArray[np.float32]

DEPTH = 50
"""How many of each ranking are fused."""
FUSION = 60
"""k of reciprocal rank fusion: Cormack, Clarke, Büttcher, SIGIR 2009, found 60 to be a good choice for any rankings."""
BATCH = 128
"""Texts in one request to the endpoint."""
TEXT = 2000
"""Letters of a tool or a request that are sent; models take 512 tokens and more."""

logger = logging.getLogger(__name__)


class HybridSearch:
    """Sends names and descriptions of the tools, and each request, to the endpoint of `embeddings`.

    vectors: of tools by their fingerprint. Hand the same one to the next search, when the catalogue has changed, and only
        what is new is sent; it must be of the same model.
    patience: seconds that one search waits for the endpoint. What is not there by then is the words' business alone.
    rest: seconds for which an endpoint that failed is left alone
    """

    def __init__(
        self,
        words: ToolSearch,
        embeddings: Embeddings,
        *,
        vectors: MutableMapping[str, Vector] | None = None,
        patience: float = 10.0,
        rest: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._words = words
        self._tools = {tool.id: tool for tool in words.tools}
        self._embeddings = embeddings
        self._vectors: MutableMapping[str, Vector] = {} if vectors is None else vectors
        self._patience = patience
        self._rest = rest
        self._clock = clock
        self._resting_until = -float("inf")
        self._embedding = asyncio.Lock()

    async def search(self, query: str, *, among: Collection[str] | None = None, limit: int = 10) -> list[Hit]:
        """As `ToolSearch.search`; a tool need not share a word with the request. Words alone where the endpoint fails."""
        if limit <= 0 or not query.strip():
            return []
        by_meaning = await self._by_meaning(query, among)
        if by_meaning is None:
            return self._words.search(query, among=among, limit=limit)
        depth = max(DEPTH, limit)
        by_words = [hit.tool for hit in self._words.search(query, among=among, limit=depth)]
        return best_first(_fused(by_words, by_meaning[:depth]), limit)

    async def _by_meaning(self, query: str, among: Collection[str] | None) -> list[Tool] | None:
        """The nearest first; None where the endpoint can't be had."""
        if self._clock() < self._resting_until:
            return None
        known = len(self._vectors)
        try:
            async with asyncio.timeout(self._patience):
                async with self._embedding:
                    await self._embed(self._tools.values())
                asked = _vector(await self._embeddings.aembed_query(query[:TEXT]))
            wanted = (
                self._tools.values() if among is None else [self._tools[key] for key in among if key in self._tools]
            )
            nearness = {tool.id: float(asked @ self._vectors[tool.fingerprint]) for tool in wanted}
        except Exception as error:  # noqa: BLE001 - any implementation may stand behind the interface, and words can do without
            # Messages of endpoints can quote the key.
            logger.warning("No embeddings (%s): tools are searched by words alone.", type(error).__name__)
            if len(self._vectors) == known:
                self._resting_until = self._clock() + self._rest
            return None
        return sorted((self._tools[key] for key in nearness), key=lambda tool: (-nearness[tool.id], tool.id))

    async def _embed(self, tools: Iterable[Tool]) -> None:
        """What came is kept, also when the rest does not come."""
        new = {tool.fingerprint: tool for tool in tools if tool.fingerprint not in self._vectors}
        missing = list(new.values())
        for start in range(0, len(missing), BATCH):
            batch = missing[start : start + BATCH]
            vectors = await self._embeddings.aembed_documents([_text(tool) for tool in batch])
            if len(vectors) != len(batch):
                raise ValueError("as many vectors as texts were expected")
            self._vectors.update(zip((tool.fingerprint for tool in batch), map(_vector, vectors), strict=True))


def _text(tool: Tool) -> str:
    """Nothing that is not in the fingerprint."""
    return f"{tool.name}: {tool.description}"[:TEXT]


def _vector(numbers: Sequence[float]) -> Vector:
    """Of length 1."""
    vector = np.asarray(numbers, dtype=np.float32)
    length = float(np.linalg.norm(vector))
    if vector.ndim != 1 or not np.isfinite(length) or length == 0:
        raise ValueError("an embedding is a list of numbers that are not all 0")
    return vector / np.float32(length)


def _fused(*rankings: Sequence[Tool]) -> Iterable[Hit]:
    tools = {tool.id: tool for ranking in rankings for tool in ranking}
    scores = dict.fromkeys(tools, 0.0)
    for ranking in rankings:
        for rank, tool in enumerate(ranking, 1):
            scores[tool.id] += 1 / (FUSION + rank)
    return (Hit(tools[key], score) for key, score in scores.items())
