"""Words of other languages in a request. Nobody says which language it is: an entry is the beginning of a word in any of them."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from nango_tools.search.vocabulary.entries import Entry
from nango_tools.search.words import plain

_SHORT = 3
"""Entries of this many letters or fewer are whole words."""
_ENDING = 5
"""How many letters may follow a longer one."""
_INNER = 6
"""Entries of this many letters are also found inside of compounds: Kundenrechnungen."""
_UNSPACED = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
"""Japanese and Chinese, which set no spaces; Korean, whose words end in particles."""


class Foreign:
    def __init__(self, entries: Iterable[Entry]) -> None:
        self._spaced: dict[str, list[tuple[tuple[str, ...], tuple[str, ...]]]] = defaultdict(list)
        unspaced: dict[str, tuple[str, ...]] = {}
        for entry in entries:
            said = plain(entry.said)
            if _UNSPACED.search(said):
                unspaced[said] = unspaced.get(said, ()) + entry.meant
            elif parts := tuple(re.findall(r"\w+", said)):
                self._spaced[parts[0][:_SHORT]].append((parts, entry.meant))
        self._unspaced = sorted(unspaced.items(), key=lambda item: (-len(item[0]), item[0]))

    def meanings(self, words: Sequence[str]) -> Iterator[tuple[int, tuple[str, ...]]]:
        """(place of the word, words of tools). words: of a request; "" for those that are known to be English."""
        for place, word in enumerate(words):
            if _UNSPACED.search(word):
                yield from ((place, meant) for meant in self._within(word))
            elif word:
                yield from ((place, meant) for meant in self._beginning(words, place))

    def _beginning(self, words: Sequence[str], place: int) -> list[tuple[str, ...]]:
        """The meanings of the longest entry that the word, or a part of a compound, begins with."""
        word, longest = words[place], 0
        found: list[tuple[str, ...]] = []
        for start in range(max(1, len(word) - _INNER + 1)):
            for parts, meant in self._spaced.get(word[start : start + _SHORT], ()):
                if start and len(parts[0]) < _INNER:
                    continue
                size = sum(map(len, parts))
                if size >= longest and all(map(_begins, (word[start:], *_padded(words[place + 1 :], parts)), parts)):
                    found = [*found, meant] if size == longest else [meant]
                    longest = size
        return found

    def _within(self, text: str) -> Iterator[tuple[str, ...]]:
        """The longest first, none inside of another one."""
        for said, meant in self._unspaced:
            if said in text:
                text = text.replace(said, " ")
                yield meant


def _begins(word: str, beginning: str) -> bool:
    if len(beginning) <= _SHORT:
        return word == beginning
    return word.startswith(beginning) and len(word) - len(beginning) <= _ENDING


def _padded(words: Sequence[str], parts: Sequence[str]) -> list[str]:
    following = list(words[: len(parts) - 1])
    return following + [""] * (len(parts) - 1 - len(following))
