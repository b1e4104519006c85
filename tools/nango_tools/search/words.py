"""Text into words, and words into stems that other forms of the word share."""

import re
import unicodedata
from functools import lru_cache

from snowballstemmer.english_stemmer import EnglishStemmer  # type: ignore[import-untyped] # it has no annotations

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_WORD = re.compile(r"[^\W_]+")
_NOT = re.compile(r"n['’]t\b", re.IGNORECASE)
_ENDING = re.compile(r"['’](?:s|re|ve|ll|d|m)\b", re.IGNORECASE)
_ACCENTS = re.compile("[\u0300-\u036f]")


LONGEST = 60
"""Letters of a word that has a stem."""


def plain(text: str) -> str:
    """Lower case, without accents on Latin, Greek and Cyrillic letters; full-width forms become common ones."""
    decomposed = unicodedata.normalize("NFKD", text).casefold()
    return unicodedata.normalize("NFC", _ACCENTS.sub("", decomposed))


def words_of(text: str) -> list[str]:
    """Lower-case words in their order: `fileId` is two, `don't` is `do not`, numbers are words."""
    return _WORD.findall(plain(_CAMEL.sub(" ", _ENDING.sub(" ", _NOT.sub(" not", text)))))


@lru_cache(maxsize=100_000)
def stem(word: str) -> str:
    """By Snowball's rules for English. A stemmer of its own for each word: they hold state, and threads may search."""
    return word if len(word) > LONGEST else str(EnglishStemmer().stemWord(word))


def stems_of(text: str) -> list[str]:
    return [stem(word) for word in words_of(text)]
