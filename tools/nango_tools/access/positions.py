"""Which words of a name can be its verb, by where they stand, and which are known."""

from collections.abc import Iterator
from itertools import pairwise

from nango_tools.access.verbs import (
    DESTROYS,
    DESTROYS_OR_NOUNS,
    JOINS,
    READS,
    READS_OR_WRITES,
    THINGS,
    WRITES,
    WRITES_OR_NOUNS,
    judged,
    vocabulary,
)
from nango_tools.access.writing import Writing

_BEFORE_THE_VERB = vocabulary("batch bulk mass multi async http https rest api v do my auto soft hard force safe admin")


def begins_with_reading(writing: Writing) -> bool:
    return head_of(writing)[0] in READS


def head_of(writing: Writing) -> tuple[str, tuple[str, ...]]:
    """The first word that can be the verb, in the last segment (`crm.contacts.list`), and what follows it."""
    words = without_what_comes_before(writing.segments[-1]) if writing.segments else ()
    return (words[0], words[1:]) if words else ("", ())


def without_what_comes_before(words: tuple[str, ...]) -> tuple[str, ...]:
    for start, word in enumerate(words):
        if word not in _BEFORE_THE_VERB and not word.isdecimal():
            return words[start:]
    return words[-1:]


def verb_positions(writing: Writing) -> Iterator[str]:
    """The words that are a verb if they can be: the first, what follows "and" and its like, and the last of a name whose
    first word is no verb.
    """
    for segment in writing.segments:
        words = without_what_comes_before(segment)
        first = words[0]
        yield first
        yield from (word for before, word in pairwise(words) if before in JOINS)
        if len(words) > 1 and not is_verb(first):
            yield words[-1]


def is_verb(word: str) -> bool:
    known = READS | READS_OR_WRITES | WRITES_OR_NOUNS | DESTROYS_OR_NOUNS
    return word in known or judged(lemma(word)) is not None


def lemma(word: str) -> str:
    """deletes, creating: of unmistakable verbs only, as orders and listings are things."""
    for ending, instead in (("ies", "y"), ("es", ""), ("s", ""), ("ing", ""), ("ing", "e")):
        verb = word.removesuffix(ending) + instead
        if word.endswith(ending) and (verb in WRITES or verb in DESTROYS):
            return verb
    return word


def is_thing(word: str) -> bool:
    """Of a name without a known verb: what can be none that is unknown, as verbs of names do not end in s."""
    plural = len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is"))
    return word in THINGS or plural or word in _BEFORE_THE_VERB or word.isdecimal()


def is_plural(word: str) -> bool:
    return word.endswith("s") and not word.endswith("ss")
