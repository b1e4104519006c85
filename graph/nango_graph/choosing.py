"""When a request itself says which integrations it needs, so that no model has to be asked.

The rule is careful, not clever. It reads names, and then looks for any sign that they are not the whole story: a thing that
another integration's tools deal with, a "not" or "without", a message that could go anywhere, one name for several
integrations, words that the tools don't use (which is how other languages look). One sign is enough to ask the model. That
costs one call; a wrong guess would ask a person for an account that the request does not need.

On 172 labelled requests to real tools, written to avoid the tools' words (half name no integration): clear 14 % among 5
integrations, 13 % among 20, 11 % among 60, 8 % among 95, and right each time; of plainly worded ones, 60 to 84 %.
"""

import re
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from nango_graph.naming import HUMP, WORD, Name, begins, longest, name_in, spellings
from nango_tools import IntegrationSummary

KNOWN_SHARE = 0.6
"""Of a request's letters, outside of proper names: how many must stand in words that say nothing, or that the tools concerned use."""


@dataclass(frozen=True, slots=True)
class Choice:
    """needed: keys of integrations; the user may be asked to connect them
    optional: keys of others, used before in the conversation: of use where they are connected, and never asked for
    sure: False for a choice that only stands if all that is needed is connected. Of several names, one may be a mere topic.
    """

    needed: frozenset[str]
    optional: frozenset[str]
    sure: bool


def clear_choice(
    request: str,
    available: Sequence[IntegrationSummary],
    *,
    allowed: AbstractSet[str],
    used: AbstractSet[str] = frozenset(),
) -> Choice | None:
    """What a request needs that stands for itself (it answers no question); None where it does not tell.

    available: all integrations of the environment, also those that this run may not use: the request may need them
    allowed: keys of those that it may use
    used: keys of those that were used before in the conversation
    """
    plain = _without_quotations(request)
    if _DOUBTFUL.search(plain):
        return None
    words = _words(plain)
    named = _named(words, available, used)
    if named is None or not named <= allowed:
        return None
    before = (used & allowed) - named
    concerned = [integration for integration in available if integration.key in named | before]
    others = [integration for integration in available if integration not in concerned]
    if not concerned or not all(integration.tools for integration in concerned):
        return None
    if not _deals_only_with(words, concerned, others):
        return None
    return Choice(named, frozenset(before), sure=len(named) < 2)


# What the request says, apart from what it only cites.

_QUOTATION = re.compile(
    r"""(?<!\w)'[^'\n]+'(?!\w)|"[^"\n]+"|`[^`\n]+`|[\u201c-\u201e][^\u201c\u201d\n]+[\u201c\u201d]"""
    r"|(?<!\w)[\u2018\u201a][^\u2018\u2019\n]+[\u2018\u2019](?!\w)|\u00ab[^\u00bb\n]+\u00bb|[\u300c\u300e][^\u300d\u300f\n]+[\u300d\u300f]"
)
_ADDRESS = re.compile(r"\S+://\S+|\bwww\.\S+|\S+@\S+\.\w+|\b[\w.-]+/[\w./-]+")
"""Of a page, a mailbox, a repository or a file."""
_POSSESSIVE = re.compile(r"['\u2019]s\b")
_DOUBTFUL = re.compile(
    # What is not wanted, or to be taken back; what goes to a channel, a tag or a person.
    r"\b(?:no|not|never|none|nor|neither|without|except|excluding|but|instead|rather|besides|unless|undo|cannot"
    r"|ignor\w+|skip\w*|avoid\w*|(?:do|does|did|ca|wo|is|are)nt|\w+n['\u2019]t)\b|(?<!\w)[#@](?!\d+\b)\w",
    re.IGNORECASE,
)


def _without_quotations(request: str) -> str:
    for cited in (_QUOTATION, _ADDRESS, _POSSESSIVE):
        request = cited.sub(" ", request)
    return request


@dataclass(frozen=True, slots=True)
class _Word:
    """capital: written with one where the position does not ask for it"""

    lower: str
    stem: str
    capital: bool


def _words(plain: str) -> list[_Word]:
    words = []
    for match in WORD.finditer(plain):
        written, before = match.group(), plain[: match.start()].rstrip()
        begins = (not before or before[-1] in ".!?;:") and plain[match.end() : match.end() + 1] != ":"
        capital = any(letter.isupper() for letter in (written[1:] if begins else written))
        words.append(_Word(written.lower(), _stem(written), capital))
    return words


def _stem(word: str) -> str:
    """English endings off: the tools are described in English."""
    word = word.lower()
    if len(word) > 4 and word.endswith("ies"):
        word = word[:-3] + "y"
    if len(word) > 3 and word.endswith("s") and not word.endswith("ss"):
        word = word[:-1]
    for ending in ("ing", "ed"):
        if word.endswith(ending) and len(word) - len(ending) > 2:
            word = word.removesuffix(ending)
            break
    return word.removesuffix("e") if len(word) > 3 else word


def _stems(text: str) -> list[str]:
    return [_stem(word) for word in WORD.findall(HUMP.sub(" ", text))]


# Names


def _names(integration: IntegrationSummary) -> set[Name]:
    return {name_in(text) for text in (integration.key, integration.provider, integration.display_name)} - {()}


def _named(
    words: Sequence[_Word], available: Sequence[IntegrationSummary], used: AbstractSet[str]
) -> frozenset[str] | None:
    """The integrations that are called by their names; None where a name is that of several, or may be an ordinary word."""
    names = {integration.key: _names(integration) for integration in available}
    by_spelling: dict[str, set[Name]] = {}
    for name in set().union(*names.values()):
        for spelling in spellings(name):
            by_spelling.setdefault(spelling, set()).add(name)
    lower, most = [word.lower for word in words], max(map(len, by_spelling), default=0)
    named, at = set[str](), 0
    while at < len(words):
        end = longest(lower, at, by_spelling, most)
        if end is None:
            at += 1
            continue
        called = by_spelling["".join(lower[at:end])]
        family = {key for key, own in names.items() if any(begins(name, with_) for name in own for with_ in called)}
        if len(family & used) == 1:
            family &= used
        if len(family) > 1 or not (end - at > 1 or words[at].capital or _fits(words, at, family, available)):
            return None
        named |= family
        at = end
    return frozenset(named)


def _fits(words: Sequence[_Word], at: int, family: AbstractSet[str], available: Iterable[IntegrationSummary]) -> bool:
    """Whether a word in small letters is likely a name: the request speaks of something that its tools deal with."""
    things = set[str]().union(*(_things(integration) for integration in available if integration.key in family))
    return any(word.stem in things for word in (*words[:at], *words[at + 1 :]))


# What it is about

_PLAIN = frozenset(
    _stems(
        "a about all also an and any are as at be been between both by can could day did do does during each every for from give "
        "had has have he her here his hour how i if in into is it its just last latest many may me month more much must my new "
        "newest next now of off on one only or our out over please she should show so some still than that the their them then "
        "there these they this those three through to today tomorrow two under until up us was we week were what when where "
        "which who whom whose why will with would year yesterday yet you your"
    )
)
"""Words that say nothing of what a request is about."""

_DELIVERS = frozenset(
    _stems(
        "announce call chat dm email forward inform know log mail message note notify ping post remind report say schedule send "
        "share sms tell text write"
    )
)
"""Brings something to somebody or somewhere, which many integrations can do, and the one that is named may be its source."""

_LEADS = frozenset({"as", "at", "by", "from", "in", "into", "onto", "to", "with"})
_DETERMINERS = frozenset(WORD.findall("a an each every her his its my our that the their these this those your"))
"""In front of a place, a source or a means. One that the tools don't know may be another account."""


def _things(integration: IntegrationSummary) -> set[str]:
    """What its tools deal with: their names without the verb, which comes first, and its own name."""
    things = {_stem(word) for name in _names(integration) for word in (*name, "".join(name))}
    return things.union(*(_stems(name)[1:] for name, _ in integration.tools))


def _deals_only_with(
    words: Sequence[_Word], concerned: Sequence[IntegrationSummary], others: Iterable[IntegrationSummary]
) -> bool:
    tools = [tool for integration in concerned for tool in integration.tools]
    things = set[str]().union(*map(_things, concerned))
    deeds = things.union(*(_stems(name) for name, _ in tools))
    own = deeds.union(*(_stems(description) for _, description in tools)) - _PLAIN
    elsewhere = set[str]().union(*map(_things, others))
    known = plain = unknown = 0
    led = False
    for word in words:
        placed, led = led, word.lower in _LEADS or (led and word.lower in _DETERMINERS)
        if word.stem in _DELIVERS and word.stem not in deeds:
            return False
        if word.stem in own:
            known += len(word.lower)
        elif word.stem in _PLAIN:
            plain += len(word.lower)
        elif word.stem in elsewhere or (placed and not word.capital):
            return False
        elif not word.capital:
            unknown += len(word.lower)
    return known > 0 and known + plain >= KNOWN_SHARE * (known + plain + unknown)
