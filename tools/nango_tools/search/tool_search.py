"""The local search: words of a request against words of tools."""

import copy
from collections.abc import Collection, Iterable, Sequence
from typing import Self

import numpy as np
import numpy.typing as npt

from nango_tools.access import Access
from nango_tools.catalog.tool import Tool
from nango_tools.search.field_index import FieldIndex, Scores
from nango_tools.search.fields import FIELDS, texts_of
from nango_tools.search.hits import Hit, best_first
from nango_tools.search.requests import Concept, Reader, asks
from nango_tools.search.vocabulary import Phrases
from nango_tools.search.words import stem, words_of

Places = npt.NDArray[np.intp]
COVERAGE = 0.7
"""Below 1: a tool that has something of all that is said comes before one that has a single rare word, however often."""
COMPANY = 0.4
"""What a word counts that another tool of the same integration has: "order" says where to look for "without paying"."""
FITTING = 1.25
"""For a tool that reads where the request asks, and one that changes something where it does not."""


class ToolSearch:
    """An index over `tools`, which is made once and never changes. CPU only: no network, no model."""

    def __init__(self, tools: Iterable[Tool]) -> None:
        self._tools = sorted({tool.id: tool for tool in tools}.values(), key=lambda tool: tool.id)
        self._places = {tool.id: place for place, tool in enumerate(self._tools)}
        self._reads = np.array([tool.access is Access.READ for tool in self._tools], dtype=bool)
        self._integrations = np.unique([tool.integration for tool in self._tools], return_inverse=True)[1]
        texts = [{field: words_of(text) for field, text in texts_of(tool).items()} for tool in self._tools]
        self._fields = {field: FieldIndex([[stem(word) for word in text[field]] for text in texts]) for field in FIELDS}
        known = {word for text in texts for field in ("name", "description", "integration") for word in text[field]}
        self._known = known
        self._reader = self._reading(None)

    def with_phrases(self, phrases: Phrases) -> Self:
        """The same tools, searched with another vocabulary."""
        other = copy.copy(self)
        other._reader = other._reading(phrases)  # noqa: SLF001 - one of its own kind
        return other

    def _reading(self, phrases: Phrases | None) -> Reader:
        indexed = frozenset[str]().union(*(field.stems for field in self._fields.values()))
        return Reader((tool.name for tool in self._tools), self._known, indexed, phrases)

    def search(
        self, query: str, *, among: Collection[str] | None = None, limit: int = 10, fill: bool = False
    ) -> list[Hit]:
        """Tools that match at all, best first, `limit` at most.

        query: a request in plain words; its first 4,000 letters count
        among: ids (`integration/name`), others are passed over; None for all tools
        fill: after those, up to the limit and with a score of 0, what else there is in the integration of the best one (or
          in the only one there is): for somebody who looks through a list anyway and knows where the tool must be
        """
        places = self._among(among)
        own = np.zeros(len(places), dtype=np.float32)
        shared = np.zeros(len(places), dtype=np.float32)
        for concept in self._reader.concepts(query) if len(places) else ():
            matching = self._concept(concept, places) ** COVERAGE
            own += matching
            shared += self._best_of_integration(matching, places)
        fitting = np.where(self._reads[places] == asks(query), FITTING, 1)
        scores = np.where(own > 0, (own + COMPANY * shared) * fitting, 0)
        found = np.flatnonzero(scores > 0)
        hits = (Hit(self._tools[places[here]], float(scores[here])) for here in found)
        ranked = best_first(hits, limit)
        return [*ranked, *self._others(query, ranked, places, limit - len(ranked))] if fill else ranked

    def _others(self, query: str, ranked: Sequence[Hit], places: Places, room: int) -> list[Hit]:
        """Those that fit the way it is said (asked or ordered) first, then by id."""
        there = self._integrations[places]
        if room <= 0 or not len(places) or not (ranked or (there == there[0]).all()):
            return []
        where = self._integrations[self._places[ranked[0].tool.id]] if ranked else there[0]
        taken = {hit.tool.id for hit in ranked}
        others = [self._tools[place] for place in places[there == where] if self._tools[place].id not in taken]
        reads = asks(query)
        others.sort(key=lambda tool: ((tool.access is Access.READ) != reads, tool.id))
        return [Hit(tool, 0.0) for tool in others[:room]]

    @property
    def tools(self) -> tuple[Tool, ...]:
        """All that are searched, by id."""
        return tuple(self._tools)

    def _among(self, ids: Collection[str] | None) -> Places:
        if ids is None:
            return np.arange(len(self._tools))
        return np.array(sorted({self._places[key] for key in ids if key in self._places}), dtype=np.intp)

    def _best_of_integration(self, matching: Scores, places: Places) -> Scores:
        best = np.zeros(self._integrations.max(initial=-1) + 1, dtype=np.float32)
        np.maximum.at(best, self._integrations[places], matching)
        return best[self._integrations[places]]

    def _concept(self, concept: Concept, places: Places) -> Scores:
        """A tool that names a thing in two ways is no better than one that names it once."""
        best = np.zeros(len(places), dtype=np.float32)
        for named, weight in concept.items():
            np.maximum(best, weight * self._word(named, places), out=best)
        return best

    def _word(self, named: str, places: Places) -> Scores:
        return sum(
            (weight * self._fields[field].scores(named, places) for field, weight in FIELDS.items()),
            start=np.zeros(len(places), dtype=np.float32),
        )
