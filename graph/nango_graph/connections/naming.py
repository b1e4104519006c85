"""Which account a request names: "with my work Slack", "post as ada@acme.com". A rule without a model, which would rather not tell.

What the words of an account are comes from its own tags, so that it works in any language and for any naming. A word counts only
where it tells one account from all others, and only right beside the integration's name or a word for an account; what is quoted or
follows a colon is mostly a text to be sent, and does not count. An address counts there too, and after "as": anywhere else it may be
whom to write to, or whose messages to read. Nothing counts that a negation stands by.
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
_NEGATIONS_AFTER = _words_in("not cannot never nicht pas jamais nunca nao não")
"""Of what was named before: "my work Slack should not be used"."""
_TURNS = _words_in("and but or und aber oder et mais ou y pero o e mas ma")
"""What is negated after one of these was not named before it: "as ada@acme.com and not as …"."""
_AS = _words_in("as als comme como")
_OF = _words_in("of is von vom de du des del da do di")
"""May stand between a word for an account and a name: "the Slack account of Acme". Not "for", nor "to"."""
_LOGINS = _words_in("account login connection konto compte cuenta conta")
"""What an address may follow. Whoever stands after "workspace" may be invited there."""
_LEADS = (
    _AS
    | _OF
    | _words_in(
        "with from in on via through using use my our your the "
        "mit aus im über mein meine meinem meiner meinen unser unsere unserem dem der "
        "avec dans sur par mon ma notre le la con desde en por mi nuestro el com em por meu minha no na"
    )
)
"""What stands before an address that belongs to the name after it: "with my ada@acme.com Slack", but not "tell ada@acme.com Slack …"."""
_WORD = re.compile(r"[^\W_]+")
_POSSESSIVE = re.compile(r"['’]s\b")
_CONTRACTED = re.compile(r"n['’]t\b")
_EMAIL = re.compile(r"[\w.!#$%&*+/=?^`{|}~-]+@[\w-]+(?:\.[\w-]+)+")
_QUOTED = re.compile(
    r"\"[^\"]*\"|“[^”]*”|„[^“”]*[“”]|«[^»]*»|`[^`]*`|(?<!\w)'[^']*'(?!\w)|(?<!\w)‘[^’]*’(?!\w)", re.DOTALL
)
_SENTENCE_ENDS = re.compile(r"[.!?;,\n]+(?:\s|$)|\n")


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
    # Where accounts or workspaces are what the integration is about, "the Acme account" is one of its records.
    account_words = ACCOUNT_WORDS - ordinary
    sentences = _SENTENCE_ENDS.split(_said(request))
    named = _by_id(_SENTENCE_ENDS.split(request), accounts) | _by_email(sentences, names, account_words, accounts)
    for sentence in sentences:
        # Addresses have their own rule. A word of one letter is nobody's.
        words = _words(_EMAIL.sub(" 0 ", sentence))
        named |= _by_words(words, names, ordinary, account_words, words_of)
    return named.pop() if len(named) == 1 else None


def _by_id(sentences: Iterable[str], accounts: Sequence[ConnectionSummary]) -> set[str]:
    patterns = {
        one.connection_id: re.compile(rf"(?<![\w-]){re.escape(one.connection_id)}(?![\w-])")
        for one in accounts
        if _is_opaque(one.connection_id)
    }
    return {
        connection_id
        for sentence in sentences
        for connection_id, pattern in patterns.items()
        for match in pattern.finditer(sentence)
        if not _is_negated(*_around(sentence, match))
    }


def _is_opaque(connection_id: str) -> bool:
    """Backends may choose ids, and some choose words: those are no proof anywhere in a text."""
    return len(connection_id) >= 8 and any(character.isdigit() for character in connection_id)


def _by_email(
    sentences: Iterable[str],
    names: set[tuple[str, ...]],
    account_words: Collection[str],
    accounts: Sequence[ConnectionSummary],
) -> set[str]:
    """None if addresses of several accounts are said: one of them may be whom to write to."""
    emails = {one.connection_id: _emails(one) for one in accounts}
    said: set[str] = set()
    named: set[str] = set()
    for sentence in sentences:
        for match in _EMAIL.finditer(sentence):
            address = match[0].strip(".").casefold()
            whose = {connection_id for connection_id, theirs in emails.items() if address in theirs}
            before, after = _around(sentence, match)
            if len(whose) != 1 or _is_negated(before, after):
                continue
            said |= whose
            if _is_in_place(before, after, names, account_words):
                named |= whose
    return named if len(said) == 1 else set()


def _is_in_place(
    before: Sequence[str], after: Sequence[str], names: set[tuple[str, ...]], account_words: Collection[str]
) -> bool:
    """Does an address between these words name an account?"""
    if not before:
        return False
    if before[-1] in _AS or (before[-1] in _LEADS and _anchor(after, 0, names, account_words)[0] > 0):
        return True
    return _ends_with_login(before[:-1] if before[-1] in _OF else before, names, account_words)


def _ends_with_login(words: Sequence[str], names: set[tuple[str, ...]], account_words: Collection[str]) -> bool:
    """As in "my Slack account" and "compte Slack"."""
    name = max((name for name in names if tuple(words[-len(name) :]) == name), key=len, default=())
    rest = words[: len(words) - len(name)]
    return bool(rest) and rest[-1] in _LOGINS.intersection(account_words)


def _around(sentence: str, match: re.Match[str]) -> tuple[list[str], list[str]]:
    return _words(sentence[: match.start()]), _words(sentence[match.end() :])


def _is_negated(before: Sequence[str], after: Sequence[str]) -> bool:
    turn = next((at for at, word in enumerate(after) if word in _TURNS), len(after))
    return not _NEGATIONS.isdisjoint(before[-5:]) or not _NEGATIONS_AFTER.isdisjoint(after[: min(turn, 3)])


def _by_words(
    words: Sequence[str],
    names: set[tuple[str, ...]],
    ordinary: set[str],
    account_words: Collection[str],
    words_of: Mapping[str, frozenset[str]],
) -> set[str]:
    named: set[str] = set()
    at = 0
    while at < len(words):
        end, has_account_word = _anchor(words, at, names, account_words)
        if end == at:
            at += 1
            continue
        if not _is_negated(words[:at], words[end:]):
            beside: list[Sequence[str]] = [words[:at][::-1]]
            if has_account_word:
                after = words[end:]
                beside.append(after[1:] if after and after[0] in _OF else after)
            for side in beside:
                named |= _telling(side, ordinary | _NO_NAMES | set(account_words), words_of)
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
