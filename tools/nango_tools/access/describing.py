"""What the description of a tool admits. It can only raise: an author may leave out what a tool does, or deny it."""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import NamedTuple

from nango_tools.access.languages import destroys_elsewhere, reads_elsewhere
from nango_tools.access.levels import Access, Verdict
from nango_tools.access.verbs import (
    DESTROYS,
    DESTROYS_OR_NOUNS,
    ENDING_PAIRS,
    READS,
    READS_OR_WRITES,
    WRITES,
    WRITES_OR_NOUNS,
    vocabulary,
)
from nango_tools.access.writing import unmasked

# What passes on whatever it is given can do anything that its credentials can.
_PASSES_ON = re.compile(
    r"\b(?:any|arbitrary|raw|free-?form)\s+(?:[\w-]+\s+){0,4}?"
    r"(?:sql|statements?|graphql|mutations?|requests?|commands?|code|scripts?|methods?|functions?|endpoints?|api calls?)\b",
    re.IGNORECASE,
)
_FINAL = re.compile(
    r"\birreversibl|\b(?:can ?not|can't|can never) be (?:undone|reverted|recovered|restored|reversed)|\bno undo\b"
    r"|\bpermanently (?!\w+ed\b)|\bfor good\b|\binvalidat(?:es|ing)\b|\bone-time use\b|\b(?:becomes?|become) invalid\b|\bstops? working\b|\bwill no longer exist\b"
    r"|(?<!non-)(?<!not )(?<!not a )\bdestructive\b|\bdata loss\b|\bgets? rid of\b|\b(?:is|are|gets?) burned\b",
    re.IGNORECASE,
)
_ADMITS = re.compile(
    r"(?<!without )\bmark(?:s|ed|ing)?\b[^.]{0,60}?\bas (?:read|seen|viewed|opened|delivered|done|processed)\b"
    r"|\bside[- ]effects?\b|\bconsum(?:es|ing) the\b|\bon your behalf\b|\bsigned in as\b"
    r"|\bexpires? after (?:this|it|use|one|the first)\b|\ba (?:newly|freshly) (?:created|generated|issued)\b"
    r"|\bif (?:it |they |one |none )?(?:is |are )?(?:missing|absent|not (?:found|present)|(?:does|do)(?: not|n't) (?:yet )?exist)\b"
    r"[^.]{0,40}\b(?:creat|add|insert)|\b(?:creat|insert)(?:es|s|ed|ing)?\b[^.]{0,40}\bif\b",
    re.IGNORECASE,
)
# As they are written where a request is meant. POST may be a search.
_REQUESTS = re.compile(r"\bHTTP (?:DELETE|PUT|PATCH)\b|\b(?:DELETE|PUT|PATCH|POST) +(?:https?:/)?/")
_ABBREVIATED = re.compile(r"\b(?:e\.g|i\.e|etc|vs|approx|incl)\.", re.IGNORECASE)
_MARKUP = re.compile(r"</?[a-zA-Z][^<>]{0,80}>")
_TOKEN = re.compile(r"[^\W_]+(?:'[a-z]+)?|[.;:!?()\n,—–&/]")
_DETERMINERS = vocabulary("a an the it its them this each every all any your their his her one")
_BOUNDS = frozenset(".;!?\n—–")
# Before the verb of a sentence: "Action to delete", "This tool deletes", "Lets you delete".
_FRAME = vocabulary(
    "action actions tool endpoint function method operation api call to that which it you and also automatically"
)
_COORDINATES = frozenset({"and", "or", "then", ",", "also", "plus", "but", "&", "/"})
_BEFORE_VERBS = frozenset({"", *_BOUNDS, *_COORDINATES, *_FRAME, ":", "(", "will", "may", "can"})
_ANNOUNCES = vocabulary("will may can might could also then automatically immediately subsequently afterwards")
_BEINGS = vocabulary("is are be gets get been being")
_LATER = vocabulary("after afterwards once upon immediately automatically then permanently")
_PRONOUNS = frozenset({"it", "its", "them"})
_SUBJECTS = frozenset({"it", "this", "tool", "action", "which", *_ANNOUNCES})
_FIRST_WORDS = 8
# What deletes, as a thing: "Permanent deletion of", "Contact removal".
_DELETIONS = vocabulary("deletion removal erasure deactivation revocation destruction cancellation termination")
# Excluded, emptied: said of results. Not of what happens to an account.
_SAID_OF_RESULTS = vocabulary("exclude drop truncate strip expire empty deprecate redact disable deny")
_RELATIVE = vocabulary(
    "that which who whom whose whether if when where while until unless how why as not never once what"
)
_OPENS_READING = (READS - frozenset({"is", "has"})) | vocabulary(
    "return stream poll check validate show display determine obtain locate summarise summarize extract"
)
_BEFORE_OPENING = _FRAME | vocabulary(
    "this batch bulk continue use used using allows allow lets let for users user agent read-only only"
)
_RECORDS = vocabulary("details information overview metadata")
_COMPUTED = {
    "run": vocabulary("report reports search searches query queries"),
    "generate": vocabulary("summary brief overview"),
}
"""What is only worked out from what is there."""


class _Form(NamedTuple):
    verb: str
    ending: str  # "", "s", "ing" or "ed"
    access: Access | None  # None: it only reads, or may
    sure: bool  # not also a noun


def description_says(description: str) -> Verdict | None:
    """None where it admits nothing. Takes time in proportion to its length."""
    description = _as_read(description)
    worst: Verdict | None = None
    for verdict in _admitted(description):
        worst = worst.or_worse(verdict) if worst else verdict
        if worst.access is Access.DESTRUCTIVE:
            break
    return worst


def opening_says(description: str) -> Verdict | None:
    """None where it is empty or opens with a verb that looks: "Lists", "Tool to get", "Run a report". Of a tool that reads
    by its name something else is said first only where it does something else.
    """
    tokens = [token.lower() for token in _TOKEN.findall(_as_read(description))]
    start = next((place for place, token in enumerate(tokens) if token.isalpha()), None)
    if start is None:
        return None
    end = next((place for place in range(start, len(tokens)) if tokens[place] in _BOUNDS), len(tokens))
    sentence = tokens[start:end]
    framed = next((n for n, token in enumerate(sentence) if token not in _BEFORE_OPENING and token[-2:] != "ly"), 0)
    opening, beside = sentence[framed], (*sentence[framed + 1 :], "")[0]
    form = _opening_forms().get(opening)
    if form or reads_elsewhere(opening) or (opening in _RECORDS and beside in {"of", "about", "on", "for"}):
        return None
    wanted = _COMPUTED.get(opening.removesuffix("s"), frozenset[str]())
    if beside in _DETERMINERS and wanted.intersection(sentence[framed + 2 : framed + 8]):
        return None
    return Verdict(Access.WRITE, f'its description begins with "{opening[:40]}", which is not known to only read')


def _as_read(description: str) -> str:
    """Without what hides a word, and what only looks like the end of a sentence."""
    plain = _ABBREVIATED.sub(lambda found: found[0].replace(".", ""), unmasked(description))
    return _MARKUP.sub("", plain) if "<" in plain else plain


def _admitted(description: str) -> Iterator[Verdict]:
    for pattern, access in (
        (_PASSES_ON, Access.DESTRUCTIVE),
        (_FINAL, Access.DESTRUCTIVE),
        (_ADMITS, Access.WRITE),
        (_REQUESTS, Access.WRITE),
    ):
        if match := pattern.search(description):
            said = " ".join(match[0].split())
            yield Verdict(Access.DESTRUCTIVE if "DELETE" in said else access, f'its description says "{said}"')
    tokens = [token.lower() for token in _TOKEN.findall(description)]
    for form, how in (*_leading(tokens), *_clauses(tokens)):
        if form.access:
            yield Verdict(form.access, f'its description {how} "{form.verb}{form.ending}"')

    yield from (Verdict(Access.DESTRUCTIVE, f'its description says "{words}"') for words in _deletions(tokens))


def _deletions(tokens: list[str]) -> Iterator[str]:
    """As a thing that a sentence begins with, in two words, and in other languages."""
    forms = _forms()
    for place, token in enumerate(tokens):
        at_start = not place or tokens[place - 1] in _BOUNDS
        if not token.isascii() and destroys_elsewhere(token):
            yield token
        if not at_start:
            continue
        two = tokens[place : place + 2]
        if len(two) == 2 and token in forms and (forms[token].verb, two[1]) in ENDING_PAIRS:
            yield " ".join(two)
        if token not in forms:
            if not token.endswith(("ed", "ion", "ions")) and destroys_elsewhere(token):
                yield token
            named = next((word for word in tokens[place : place + 3] if word in _DELETIONS), None)
            after = tokens[place : place + 4][tokens[place : place + 3].index(named) + 1 :] if named else []
            if named and (not after or after[0] in _BOUNDS or after[0] == "of"):
                yield named


def _leading(tokens: list[str]) -> Iterator[tuple[_Form, str]]:
    """The first verb of each sentence."""
    forms = _forms()
    start = 0
    while start < len(tokens):
        end = next((place for place in range(start, len(tokens)) if tokens[place] in _BOUNDS), len(tokens))
        if start and tokens[start] == "to" and {"use", "call", "see"}.intersection(tokens[start:end]):
            start = end + 1  # "To delete it, use another tool."
            continue
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
    third_person = False  # how the sentence began: "Gets the report and posts a summary"
    padded = ["", "", "", *tokens, "", ""]
    for place in range(3, len(padded) - 2):
        form = forms.get(padded[place])
        if padded[place - 1] in {"", *_BOUNDS}:
            third_person = form is not None and form.ending == "s"
        if form is None or form.access is None:
            continue
        two_before, before, after = padded[place - 2], padded[place - 1], padded[place + 1]
        has_object = after in _DETERMINERS
        joined = before in _COORDINATES or (before == "optionally" and has_object and two_before in _COORDINATES)
        match form.ending:
            case "s":
                told = (has_object and form.sure) or after in _PRONOUNS
                told = told or (has_object and (before in _SUBJECTS or (joined and third_person)))
            case "":
                earlier = forms.get(two_before) if joined and before != "/" else None
                beside_a_verb = earlier is not None and earlier.ending == "" and padded[place - 3] in _BEFORE_VERBS
                told = (joined and has_object) or (form.sure and (beside_a_verb or before in _ANNOUNCES))
            case "ing":
                told = has_object and form.sure and (joined or before in {"by", "while", "thereby"})
                told = told or (form.sure and before == "before" and after in _PRONOUNS)
            case _:
                passive = before in _BEINGS or (before in _LATER and two_before in _BEINGS)
                later = after in _LATER or before in _LATER or two_before in {"will", "may", "then"}
                told = form.sure and passive and (later or _is_done(form, padded[max(0, place - 8) : place]))
        if told:
            yield form, "says"


def _is_done(form: _Form, before: list[str]) -> bool:
    """Plainly, and not of those that are listed: "any earlier key is revoked", but "keys that are revoked"."""
    clause = before[max((n + 1 for n, token in enumerate(before) if token in _BOUNDS), default=0) :]
    told = form.access is Access.DESTRUCTIVE and form.verb not in _SAID_OF_RESULTS
    return told and clause[-1:] != ["be"] and not _RELATIVE.intersection(clause)


@cache
def _opening_forms() -> Mapping[str, str]:
    return {form: verb for verb in _OPENS_READING for ending, form in _inflected(verb) if ending != "ed"}


@cache
def _forms() -> Mapping[str, _Form]:
    """Every verb in each of its forms."""
    forms: dict[str, _Form] = {}
    classes = (
        (READS | READS_OR_WRITES, None, True),
        (WRITES_OR_NOUNS | {"email", "fax"}, Access.WRITE, False),
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
