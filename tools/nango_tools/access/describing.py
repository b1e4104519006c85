"""What the description of a tool admits. It can only raise: an author may leave out what a tool does, or deny it."""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import NamedTuple

from nango_tools.access.levels import Access, Verdict
from nango_tools.access.verbs import (
    DESTROYS,
    DESTROYS_OR_NOUNS,
    READS,
    READS_OR_WRITES,
    WRITES,
    WRITES_OR_NOUNS,
    vocabulary,
)

# What passes on whatever it is given can do anything that its credentials can.
_PASSES_ON = re.compile(
    r"\b(?:any|arbitrary|raw|free-?form)\s+(?:[\w-]+\s+){0,4}?"
    r"(?:sql|statements?|graphql|mutations?|requests?|commands?|code|scripts?|methods?|functions?|endpoints?|api calls?)\b",
    re.IGNORECASE,
)
_FINAL = re.compile(
    r"\birreversibl|\b(?:can ?not|can't|can never) be (?:undone|reverted|recovered|restored|reversed)|\bno undo\b"
    r"|\bpermanently (?!\w+ed\b)|\bfor good\b|\binvalidat(?:es|ing)\b|\bone-time use\b",
    re.IGNORECASE,
)
_ADMITS = re.compile(
    r"\bmark(?:s|ed|ing)?\b[^.]{0,60}?\bas (?:read|seen|viewed|opened|delivered|done|processed)\b"
    r"|\bside[- ]effects?\b|\bconsum(?:es|ing) the\b|\bon your behalf\b|\bsigned in as\b"
    r"|\bif (?:it |they |one |none )?(?:is |are )?(?:missing|absent|not (?:found|present)|(?:does|do)(?: not|n't) (?:yet )?exist)\b"
    r"[^.]{0,40}\b(?:creat|add|insert)|\b(?:creat|insert)(?:es|s|ed|ing)?\b[^.]{0,40}\bif\b",
    re.IGNORECASE,
)
_TOKEN = re.compile(r"[^\W_]+(?:'[a-z]+)?|[.;:!?()\n,—–]")
_DETERMINERS = vocabulary("a an the it its them this each every all any your their his her one")
_BOUNDS = frozenset(".;!?\n—–")
# Before the verb of a sentence: "Action to delete", "This tool deletes", "Lets you delete".
_FRAME = vocabulary(
    "action actions tool endpoint function method operation api call to that which it you and also automatically"
)
_COORDINATES = frozenset({"and", "or", "then", ",", "also", "plus", "but"})
_ANNOUNCES = vocabulary("will may can might could also then automatically immediately subsequently afterwards")
_BEINGS = vocabulary("is are be gets get been being")
_LATER = vocabulary("after afterwards once upon immediately automatically then permanently")
_PRONOUNS = frozenset({"it", "its", "them"})
_SUBJECTS = frozenset({"it", "this", "tool", "action", "which", *_ANNOUNCES})
_FIRST_WORDS = 8


class _Form(NamedTuple):
    verb: str
    ending: str  # "", "s", "ing" or "ed"
    access: Access | None  # None: it only reads, or may
    sure: bool  # not also a noun


def description_says(description: str) -> Verdict | None:
    """None where it admits nothing. Takes time in proportion to its length."""
    worst: Verdict | None = None
    for verdict in _admitted(description):
        worst = worst.or_worse(verdict) if worst else verdict
        if worst.access is Access.DESTRUCTIVE:
            break
    return worst


def _admitted(description: str) -> Iterator[Verdict]:
    for pattern, access in ((_PASSES_ON, Access.DESTRUCTIVE), (_FINAL, Access.DESTRUCTIVE), (_ADMITS, Access.WRITE)):
        if match := pattern.search(description):
            yield Verdict(access, f'its description says "{" ".join(match[0].split())}"')
    tokens = [token.lower() for token in _TOKEN.findall(description)]
    for form, how in (*_leading(tokens), *_clauses(tokens)):
        if form.access:
            yield Verdict(form.access, f'its description {how} "{form.verb}{form.ending}"')


def _leading(tokens: list[str]) -> Iterator[tuple[_Form, str]]:
    """The first verb of each sentence."""
    forms = _forms()
    start = 0
    while start < len(tokens):
        end = next((place for place in range(start, len(tokens)) if tokens[place] in _BOUNDS), len(tokens))
        for place in range(start, min(end, start + _FIRST_WORDS)):
            form = forms.get(tokens[place])
            if form is None or form.ending in {"ing", "ed"}:
                continue
            after = tokens[place + 1] if place + 1 < end else ""
            if place == start and (form.sure or (start == 0 and after in _DETERMINERS)):
                yield form, "begins with" if start == 0 else "says"
            elif form.sure and tokens[place - 1] in _FRAME:
                yield form, "says"
            break
        start = end + 1


def _clauses(tokens: list[str]) -> Iterator[tuple[_Form, str]]:
    """Verbs further on: with an object, after "and" beside another verb, after "will", in the passive."""
    forms = _forms()
    padded = ["", "", *tokens, "", ""]
    for place in range(2, len(padded) - 2):
        form = forms.get(padded[place])
        if form is None or form.access is None:
            continue
        two_before, before, after = padded[place - 2], padded[place - 1], padded[place + 1]
        has_object = after in _DETERMINERS
        joined = before in _COORDINATES
        match form.ending:
            case "s":
                told = (has_object and form.sure) or after in _PRONOUNS or (has_object and before in _SUBJECTS)
            case "":
                beside_a_verb = joined and (earlier := forms.get(two_before)) is not None and earlier.ending == ""
                told = (joined and has_object) or (form.sure and (beside_a_verb or before in _ANNOUNCES))
            case "ing":
                told = has_object and form.sure and (joined or before in {"by", "while", "thereby"})
            case _:
                passive = before in _BEINGS or (before in _LATER and two_before in _BEINGS)
                told = (
                    form.sure
                    and passive
                    and (after in _LATER or before in _LATER or two_before in {"will", "may", "then"})
                )
        if told:
            yield form, "says"


@cache
def _forms() -> Mapping[str, _Form]:
    """Every verb in each of its forms."""
    forms: dict[str, _Form] = {}
    classes = (
        (READS | READS_OR_WRITES, None, True),
        (WRITES_OR_NOUNS, Access.WRITE, False),
        (DESTROYS_OR_NOUNS, Access.DESTRUCTIVE, False),
        (WRITES, Access.WRITE, True),
        (DESTROYS, Access.DESTRUCTIVE, True),
    )
    for verbs, access, sure in classes:
        for verb in verbs:
            for ending, form in _inflected(verb):
                forms[form] = _Form(verb, ending, access, sure)
    return forms


def _inflected(verb: str) -> Iterator[tuple[str, str]]:
    yield "", verb
    if verb.endswith("y") and verb[-2] not in "aeou":
        yield "s", f"{verb[:-1]}ies"
        yield "ed", f"{verb[:-1]}ied"
    else:
        yield "s", f"{verb}es" if verb.endswith(("s", "x", "z", "ch", "sh")) else f"{verb}s"
    for ending in ("ing", "ed"):
        yield ending, f"{verb.removesuffix('e')}{ending}"
        yield ending, f"{verb}{verb[-1]}{ending}"
