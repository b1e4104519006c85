"""A request, read: what it may be about, as words of tools."""

import re
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from itertools import pairwise

from bm25s.stopwords import STOPWORDS_EN_PLUS  # type: ignore[import-untyped] # it has no annotations

from nango_tools.search.near_words import NearWords
from nango_tools.search.vocabulary import Phrases, english, foreign
from nango_tools.search.words import plain, stem, stems_of, words_of

LONGEST = 4000
"""Letters of a request that are looked at. Nobody says in more what one tool is needed for, and time is bounded."""

SAID = 1.0
PHRASE = 1.0
FOREIGN_WORD = 0.9
ONE_WORD = 0.6
DERIVED = 0.5
SEEN = 0.5
MISSPELLED = 0.8
"""What a word counts that was perhaps meant, of what it counts where it was written."""

_POLITE = "please want would could let need needs still yet someone something anything everything nobody like also"
_NOT_ASKED = frozenset(map(stem, (*STOPWORDS_EN_PLUS, *_POLITE.split())))
_PARTICLES = frozenset(map(stem, ("in", "out", "on", "off", "up", "down", "over")))
"""Words that say nothing of themselves, but something after a verb or a noun: check in, sign on, time off."""
_NAME = re.compile(r"(?<=[\w,] )[A-Z][a-z]+")
"""Most likely the name of somebody, which is not misspelled."""
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
    """names: those of the tools. known: words of the tools, as they are spelled there. indexed: stems that can be found.
    phrases: instead of those in this package.
    """

    def __init__(
        self,
        names: Iterable[str],
        known: AbstractSet[str],
        indexed: AbstractSet[str],
        phrases: Phrases | None = None,
    ) -> None:
        self._known = known
        self._stems_known = frozenset(map(stem, known))
        self._phrases = phrases or english()
        in_names = [stems_of(name) for name in names]
        self._named = frozenset(word for name in in_names for word in name)
        self._with_particle = frozenset(pair for name in in_names for pair in pairwise(name) if pair[1] in _PARTICLES)
        self._indexed = indexed | self._phrases.stems | _NOT_ASKED
        self._near = NearWords({*known, *self._phrases.words, *STOPWORDS_EN_PLUS, *_POLITE.split()})

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
        # A word that tools use is no word of another language, whatever it looks like.
        unknown = ["" if word in self._known or stem(word) in _NOT_ASKED else word for word in words]
        translated = list(foreign().meanings(unknown))
        misspelled = self._misspelled(request, words, stems, {place for place, _ in translated})
        for place, said in enumerate(stems):
            for named, weight in self._one(said, misspelled.get(place, ())):
                yield (place,), named, weight
        for place, (word, following) in enumerate(pairwise(words)):
            if word + following in self._known:
                yield (place, place + 1), stem(word + following), SAID
            if (stems[place], stems[place + 1]) in self._with_particle:
                yield (place, place + 1), stems[place + 1], SAID
        meant = [stem(misspelled[place][0]) if place in misspelled else said for place, said in enumerate(stems)]
        for meaning in self._phrases.meanings(meant):
            weight = ONE_WORD if len(meaning.at) == 1 else PHRASE
            if not misspelled.keys().isdisjoint(meaning.at):
                weight *= MISSPELLED
            for named in meaning.meant:
                # What means nothing in a request may mean something in the name of a tool: time off, deals won.
                if named not in _NOT_ASKED or named in self._named:
                    yield meaning.at, named, weight
        for number, (place, meanings) in enumerate(translated):
            for word in meanings:
                yield (place, len(words) + number), stem(word), FOREIGN_WORD
        for number, (form, named) in enumerate(_SEEN):
            if form.search(request):
                for word in stems_of(named):
                    yield (-1 - number,), word, SEEN

    def _one(self, said: str, perhaps: Sequence[str]) -> Iterable[tuple[str, float]]:
        for named, weight in [(said, SAID), *((stem(word), MISSPELLED) for word in perhaps)]:
            if named not in _NOT_ASKED:
                yield named, weight
                yield from ((derived, weight * DERIVED) for derived in self._derived(named))

    def _misspelled(
        self, request: str, words: Sequence[str], stems: Sequence[str], translated: AbstractSet[int]
    ) -> dict[int, Sequence[str]]:
        """By place: what the word there was perhaps meant to be. Words that anybody knows, and names, are what they are."""
        names = {plain(name) for name in _NAME.findall(request)}
        return {
            place: near
            for place, (word, said) in enumerate(zip(words, stems, strict=True))
            if said not in self._indexed
            and place not in translated
            and word not in names
            and (near := self._near.near(word))
        }

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
