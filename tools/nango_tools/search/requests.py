"""A request, read: what it may be about, as words of tools."""

import re
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from itertools import pairwise

from bm25s.stopwords import STOPWORDS_EN_PLUS  # type: ignore[import-untyped] # it has no annotations

from nango_tools.search.vocabulary import Phrases, english, foreign
from nango_tools.search.words import stem, stems_of, words_of

LONGEST = 4000
"""Letters of a request that are looked at. Nobody says in more what one tool is needed for, and time is bounded."""

SAID = 1.0
PHRASE = 1.0
FOREIGN_WORD = 0.9
ONE_WORD = 0.6
DERIVED = 0.5
SEEN = 0.5

_POLITE = "please want would could let need needs still yet someone something anything everything nobody like also"
_NOT_ASKED = frozenset(map(stem, (*STOPWORDS_EN_PLUS, *_POLITE.split())))
_ENDINGS = ("ment", "er", "or", "ion", "al", "anc", "ation", "abl", "ship", "ee", "up", "out", "s")
"""Of nouns that Snowball does not bring back to their verb: pay, payment; ship, shipment; invite, invitee."""
_SEEN = (
    (re.compile(r"[\w.+-]+@[\w-]+\.\w+"), "email"),
    (re.compile(r"https?://|\bwww\."), "url"),
    (re.compile(r"(?:^|\s)#[a-z][\w-]+"), "channel"),
    (re.compile(r"\+\d[\d ()-]{6,}\d"), "phone number"),
    (re.compile(r"[$€£]\s?\d|\d\s?(?:[$€£]|\b(?:usd|eur|gbp)\b)", re.IGNORECASE), "amount"),
)
"""Things that show by their form what they are."""

_ASKS = re.compile(
    r"^\W*(?:[\w' -]+:\s*)?(?:which|what|who|whose|whom|how|when|where|is|are|has|have|does|do|did|was|were|show|list|find|any)\b"
    r"|[?？]\s*$",
    re.IGNORECASE,
)

Concept = Mapping[str, float]
"""One thing that a request says: stems that may name it in a tool, with how sure that is, 0 to 1."""


def asks(request: str) -> bool:
    """Whether it wants to know something, rather than to have something done."""
    return bool(_ASKS.search(request[:LONGEST]))


class Reader:
    """known: words of the tools, as they are spelled there. phrases: instead of those in this package."""

    def __init__(self, known: AbstractSet[str], phrases: Phrases | None = None) -> None:
        self._known = known
        self._stems_known = frozenset(map(stem, known))
        self._phrases = phrases or english()

    def concepts(self, request: str) -> list[Concept]:
        """A stem stands in one concept only, where it is surest: a thing said twice counts once."""
        words = words_of(request[:LONGEST])
        concepts: dict[tuple[int, ...], dict[str, float]] = {}
        for key, named, weight in self._readings(request[:LONGEST], words):
            concept = concepts.setdefault(key, {})
            concept[named] = max(weight, concept.get(named, 0.0))
        surest: dict[str, tuple[int, ...]] = {}
        for key, concept in concepts.items():
            for named, weight in concept.items():
                if named not in surest or weight > concepts[surest[named]][named]:
                    surest[named] = key
        return [
            kept
            for key, concept in concepts.items()
            if (kept := {named: weight for named, weight in concept.items() if surest[named] == key})
        ]

    def _readings(self, request: str, words: Sequence[str]) -> Iterable[tuple[tuple[int, ...], str, float]]:
        """(which concept, stem, weight)"""
        stems = [stem(word) for word in words]
        for place, said in enumerate(stems):
            if said not in _NOT_ASKED:
                yield (place,), said, SAID
                for derived in self._derived(said):
                    yield (place,), derived, DERIVED
        for place, (word, following) in enumerate(pairwise(words)):
            if word + following in self._known:
                yield (place, place + 1), stem(word + following), SAID
        for meaning in self._phrases.meanings(stems):
            weight = ONE_WORD if len(meaning.at) == 1 else PHRASE
            for named in meaning.meant:
                if named not in _NOT_ASKED:
                    yield meaning.at, named, weight
        # A word that tools use is no word of another language, whatever it looks like.
        unknown = ["" if word in self._known or stem(word) in _NOT_ASKED else word for word in words]
        for number, (place, meant) in enumerate(foreign().meanings(unknown)):
            for word in meant:
                yield (place, len(words) + number), stem(word), FOREIGN_WORD
        for number, (form, named) in enumerate(_SEEN):
            if form.search(request):
                for word in stems_of(named):
                    yield (-1 - number,), word, SEEN

    def _derived(self, said: str) -> Iterable[str]:
        if len(said) < 3:
            return
        for ending in _ENDINGS:
            if said + ending in self._stems_known:
                yield said + ending
            if (
                said.endswith(ending)
                and len(said) > len(ending) + 2
                and (shorter := said.removesuffix(ending)) in self._stems_known
            ):
                yield shorter
