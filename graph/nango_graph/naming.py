"""Which integrations a text calls by their names, however those are spelled."""

import re
from collections.abc import Collection, Iterable, Sequence

_LATIN = "A-Za-z\u00c0-\u024f"
WORD = re.compile(rf"[{_LATIN}]+(?:\d+(?![{_LATIN}]))?|[^\W\d_{_LATIN}]+")
HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")
_QUALIFIER = re.compile(r"(?:api|app|basic|cc|credentials|demo|jwt|key|oauth\d?|pat|sandbox|scim|tba|token|v\d+)")
"""What keys say of the way to authorize or of the kind of account: nobody says it in a request."""

Name = tuple[str, ...]


def called(request: str, integrations: Iterable[str]) -> list[list[str]]:
    """For each name in the request, in its order, the keys that go by it.

    *Stripe* are `stripe`, `stripe-api-key` and `stripe-express`; *Google Doc* is `google-docs`, and *Google* alone is nothing.
    A name may also be an ordinary word (*bill*, *Monday*): what is found may have been meant, and no more.
    """
    names = {key: name_in(key) for key in integrations}
    by_spelling = {spelling: name for name in names.values() if name for spelling in spellings(name)}
    words = [word.lower() for word in WORD.findall(request)]
    found, at, most = list[Name](), 0, max(map(len, by_spelling), default=0)
    while at < len(words):
        end = longest(words, at, by_spelling, most)
        if end is not None:
            found.append(by_spelling["".join(words[at:end])])
        at = end or at + 1
    return [[key for key, name in names.items() if begins(name, of)] for of in dict.fromkeys(found)]


def name_in(text: str) -> Name:
    """The words of a key or a display name, without what only qualifies it."""
    words = [word.lower() for word in WORD.findall(HUMP.sub(" ", text))]
    while len(words) > 1 and _QUALIFIER.fullmatch(words[-1]):
        words.pop()
    return tuple(words)


def spellings(name: Name) -> set[str]:
    """However its words are joined or set apart, in the singular and the plural."""
    joined = "".join(name)
    return {joined, joined + "s", joined.removesuffix("s")}


def longest(words: Sequence[str], at: int, spelled: Collection[str], most: int) -> int | None:
    """Where the longest of the spellings that begins at this word ends; None where none does. most: letters of any of them."""
    joined, end = "", None
    for until in range(at, len(words)):
        joined += words[until]
        if len(joined) > most:
            break
        if joined in spelled:
            end = until + 1
    return end


def begins(name: Name, of: Name) -> bool:
    return name[: len(of)] == of
