"""Known words that an unknown one may be a slip of the keyboard for."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

_SHORTEST = 4
"""Letters of a word that is looked at: of three, one wrong letter makes too many others."""
_LONG = 8
"""From so many letters on, two slips are forgiven."""
_LONGEST = 24
_MOST = 4
"""Words, none better than the other, that are taken."""


class NearWords:
    """words: lower case, as they are spelled."""

    def __init__(self, words: Iterable[str]) -> None:
        self._by_start: dict[tuple[str, int], list[tuple[str, int]]] = defaultdict(list)
        for word in sorted(set(words)):
            if _SHORTEST - 1 <= len(word) <= _LONGEST and word.isascii() and word.isalpha():
                self._by_start[word[0], len(word)].append((word, _letters(word)))

    def near(self, word: str) -> Sequence[str]:
        """Those that the fewest slips lead to: one, or two in a long word. The first letter is right, or has changed
        places with the second: people rarely miss it, and it keeps this fast.
        """
        if not (_SHORTEST <= len(word) <= _LONGEST and word.isascii() and word.isalpha()):
            return ()
        allowed = 2 if len(word) >= _LONG else 1
        letters = _letters(word)
        found: dict[int, list[str]] = defaultdict(list)
        for first in dict.fromkeys(word[:2]):
            for length in range(len(word) - allowed, len(word) + allowed + 1):
                for other, its_letters in self._by_start.get((first, length), ()):
                    swapped = first != word[0]
                    if swapped and other[1] != word[0]:
                        continue
                    # Each slip changes two letters of the set at most: most words need not be looked at more closely.
                    if (letters ^ its_letters).bit_count() <= 2 * allowed and (slips := _slips(word, other)) <= allowed:
                        found[slips].append(other)
        return found[min(found)][:_MOST] if found else ()


def _letters(word: str) -> int:
    mask = 0
    for letter in word:
        mask |= 1 << (ord(letter) - ord("a"))
    return mask


def _slips(one: str, other: str) -> int:
    """Letters added, left out, wrong, or in each other's place (optimal string alignment)."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        following = [i]
        for j, its in enumerate(other, 1):
            slips = min(row[j] + 1, following[j - 1] + 1, row[j - 1] + (letter != its))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == its:
                slips = min(slips, before[j - 2] + 1)
            following.append(slips)
        before, row = row, following
    return row[-1]
