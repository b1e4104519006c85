"""English phrases in a request."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from nango_tools.search.vocabulary.entries import Entry
from nango_tools.search.words import stem, stems_of, words_of

GAP = 4
"""How many words may stand where a phrase has `…`."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What was found. at: the places of its words in the request. meant: stems of tools."""

    at: tuple[int, ...]
    meant: tuple[str, ...]


class Phrases:
    """words, stems: of all that may be said."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._by_first: dict[str, list[tuple[tuple[str | None, ...], tuple[str, ...]]]] = defaultdict(list)
        words: set[str] = set()
        for entry in entries:
            words.update(words_of(entry.said))
            if said := _pattern(entry.said):
                meant = tuple(found for word in entry.meant for found in stems_of(word))
                self._by_first[str(said[0])].append((said, meant))
        self.words = frozenset(words)
        self.stems = frozenset(map(stem, words))

    def meanings(self, stems: Sequence[str]) -> Iterator[Meaning]:
        """stems: of all words of a request, in their order."""
        for start, first in enumerate(stems):
            for said, meant in self._by_first.get(first, ()):
                if at := _places(said, stems, start):
                    yield Meaning(at, meant)


def _pattern(said: str) -> tuple[str | None, ...]:
    """Stems, and None for a gap."""
    pattern: list[str | None] = []
    for part in map(stems_of, said.split("…")):
        if pattern and part:
            pattern.append(None)
        pattern.extend(part)
    return tuple(pattern)


def _places(said: tuple[str | None, ...], stems: Sequence[str], start: int) -> tuple[int, ...]:
    """Empty where the phrase does not begin there."""
    at: list[int] = []
    place, reach = start, 0
    for word in said:
        if word is None:
            reach = GAP
            continue
        end = min(place + reach + 1, len(stems))
        found = next((here for here in range(place, end) if stems[here] == word), None)
        if found is None:
            return ()
        at.append(found)
        place, reach = found + 1, 0
    return tuple(at)
