"""Which account a request names: "with my work Slack", "post as ada@acme.com". A rule without a model, which would rather not tell.

What the words of an account are comes from its own tags, so that it works in any language and for any naming. A word counts only
where it tells one account from all others, and only right beside the integration's name or a word for an account; what is quoted or
follows a colon is mostly a text to be sent, and does not count.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence

from nango_graph.connections.finding import WAIT_TAG
from nango_tools import ConnectionSummary


def _words_in(listing: str) -> frozenset[str]:
    return frozenset(listing.split())


ACCOUNT_WORDS = _words_in(
    "account accounts workspace workspaces login connection konto compte cuenta conta arbeitsbereich"
)
_NO_NAMES = _words_in(
    "my our your his her its their the this that these those an and or not for new old other another same shared in on of to at with "
    "from as by via per all both each any every which "
    "mein meine meinem meiner meinen unser unsere unserem der die das den dem ein eine einem einer im und oder von vom mit "
    "mon ma mes notre nos le la les un une des du de et ou avec dans mi mis nuestro el los las una unos del y con en "
    "meu minha nosso os um uma do da dos das no na"
)
"""Words that stand before any account: a display name "The Team" does not own its article."""
_NEGATIONS = _words_in(
    "not never dont without except excluding instead than rather no nor nicht kein keine keinen keinem ohne statt anstatt außer "
    "pas sans sauf jamais sin excepto nunca nao não sem exceto"
)
_WORD = re.compile(r"[^\W_]+")
_POSSESSIVE = re.compile(r"['’]s\b")
_CONTRACTED = re.compile(r"n['’]t\b")
_EMAIL = re.compile(r"[\w.!#$%&*+/=?^`{|}~-]+@[\w-]+(?:\.[\w-]+)+")
_QUOTED = re.compile(
    r"\"[^\"]*\"|“[^”]*”|„[^“”]*[“”]|«[^»]*»|`[^`]*`|(?<!\w)'[^']*'(?!\w)|(?<!\w)‘[^’]*’(?!\w)", re.DOTALL
)
_SENTENCE_ENDS = re.compile(r"[.!?;,\n]+(?:\s|$)|\n")
_CONNECTING = 3
"""Letters of the longest word that may stand between an account word and a name: "the Slack account of Acme"."""


def named_account(
    request: str, *, integration: Collection[str], tool_names: Iterable[str], accounts: Sequence[ConnectionSummary]
) -> str | None:
    """The id of the one account of an integration that the request names; None if it names none, several, or not clearly.

    `integration`: its key and display name. `tool_names`: of its tools, whose words mean things and not accounts.
    """
    if len(accounts) < 2:
        return None
    words_of = {one.connection_id: _words_of(one) for one in accounts}
    names = {tuple(_words(name)) for name in integration} - {()}
    said = {word for name in [*integration, *tool_names] for word in _words(name)}
    ordinary = {form for word in said for form in (word, f"{word}s", word.removesuffix("s"))}
    named = _by_id(request, accounts) | _by_email(request, accounts)
    for sentence in _SENTENCE_ENDS.split(_said(request)):
        named |= _by_words(_words(sentence), names, ordinary, words_of)
    return named.pop() if len(named) == 1 else None


def _by_id(request: str, accounts: Sequence[ConnectionSummary]) -> set[str]:
    return {
        one.connection_id
        for one in accounts
        if re.search(rf"(?<![\w-]){re.escape(one.connection_id)}(?![\w-])", request) and _is_opaque(one.connection_id)
    }


def _is_opaque(connection_id: str) -> bool:
    """Backends may choose ids, and some choose words: those are no proof anywhere in a text."""
    return len(connection_id) >= 8 and any(character.isdigit() for character in connection_id)


def _by_email(request: str, accounts: Sequence[ConnectionSummary]) -> set[str]:
    said = {match[0].strip(".").casefold() for match in _EMAIL.finditer(_said(request))}
    mine = {one.connection_id: _emails(one) for one in accounts}
    return {
        connection_id
        for connection_id, emails in mine.items()
        if said & (emails - set().union(*(theirs for other, theirs in mine.items() if other != connection_id)))
    }


def _by_words(
    words: Sequence[str], names: set[tuple[str, ...]], ordinary: set[str], words_of: Mapping[str, frozenset[str]]
) -> set[str]:
    named: set[str] = set()
    # Where accounts or workspaces are what the integration is about, "the Acme account" is one of its records.
    account_words = ACCOUNT_WORDS - ordinary
    at = 0
    while at < len(words):
        end, has_account_word = _anchor(words, at, names, account_words)
        if end == at:
            at += 1
            continue
        if not _NEGATIONS.intersection(words[max(0, at - 5) : at]):
            beside: list[Sequence[str]] = [words[:at][::-1]]
            if has_account_word:
                after = words[end:]
                beside.append(after[1:] if after and len(after[0]) <= _CONNECTING else after)
            for side in beside:
                named |= _telling(side, ordinary | _NO_NAMES | account_words, words_of)
        at = end
    return named


def _anchor(
    words: Sequence[str], start: int, names: set[tuple[str, ...]], account_words: Collection[str]
) -> tuple[int, bool]:
    """Where a run of the integration's name and words for an account ends, and whether it holds one of those."""
    end, has_account_word = start, False
    while end < len(words):
        name = max((name for name in names if tuple(words[end : end + len(name)]) == name), key=len, default=())
        if name:
            end += len(name)
        elif words[end] in account_words:
            end, has_account_word = end + 1, True
        else:
            break
    return end, has_account_word


def _telling(side: Iterable[str], no_names: Collection[str], words_of: Mapping[str, frozenset[str]]) -> set[str]:
    """The account that the words next to an anchor tell from the others, read outwards while they are words of accounts."""
    named: set[str] = set()
    for word in side:
        whose = {connection_id for connection_id, words in words_of.items() if word in words}
        if not whose or word in no_names:
            break
        if len(whose) == 1:
            named |= whose
    return named


def _words_of(connection: ConnectionSummary) -> frozenset[str]:
    words: set[str] = set()
    for key, value in connection.tags.items():
        if key == WAIT_TAG:
            continue
        # The last part of a domain says nothing: half the world is "com".
        text = _EMAIL.sub(lambda email: email[0].rpartition(".")[0], value)
        words.update(word for word in _words(text) if len(word) > 1)
    return frozenset(words)


def _emails(connection: ConnectionSummary) -> set[str]:
    return {match[0].casefold() for value in connection.tags.values() for match in _EMAIL.finditer(value)}


def _words(text: str) -> list[str]:
    return _WORD.findall(_CONTRACTED.sub(" not", _POSSESSIVE.sub("", text)).casefold())


def _said(request: str) -> str:
    """Without what is quoted, and without what follows a colon, unless that is "account: …"."""
    text = _QUOTED.sub(lambda quoted: "\n" if len(quoted[0].split()) > 1 else quoted[0][1:-1], request)
    for colon in re.finditer(r":(?=\s)", text):
        before = _words(text[: colon.start()])
        if not before or before[-1] not in ACCOUNT_WORDS:
            return text[: colon.start()]
    return text
