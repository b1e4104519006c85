"""Which tool a clause speaks of: verbs first, then the things it names, then what its words fill."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from nango_sandbox.rule_model.fields import called, is_id, is_text, list_of, lists, option_named, words_of
from nango_sandbox.rule_model.prompt import Tool
from nango_sandbox.rule_model.request import Clause, Token, is_content
from nango_sandbox.rule_model.words import (
    ARTICLES,
    CREATING,
    EACH,
    PREPOSITIONS,
    THOSE,
    group_of,
    is_plural,
    same_things,
    split_words,
    stem,
)

# What a written form suggests about the thing meant, so that "#general" speaks of a channel without the word.
_SUGGESTS = {
    "hash": ("channel",),
    "email": ("email", "user", "contact"),
    "path": ("repository", "repo"),
    "mention": ("user",),
}
_BROAD = frozenset(("list", "create", "post", "update", "delete"))


@dataclass(frozen=True)
class Match:
    tool: Tool
    score: float


def matches(clause: Clause, tools: Iterable[Tool], about: Iterable[str] = ()) -> list[Match]:
    """Tools that can do what the verb says to a thing the clause names, best first.

    `about` are stems of what "it" and "them" stand for. A tool whose things the clause does not mention at all is no match.
    """
    stems = (
        clause.stems
        if clause.asks
        else {token.stem for at, token in enumerate(clause.tokens) if token.kind == "word" and at != clause.verb_at}
    )
    if clause.asks and any(group_of(token.lower) == "post" for token in clause.tokens if token.kind == "word"):
        stems = stems | {stem("message")}  # "what did ada say in #general?"
    suggested = {stem(word) for token in clause.tokens for word in _SUGGESTS.get(token.kind, ())}
    suggested |= set(about)
    services = {token.value for token in [*clause.tokens, *clause.each] if token.kind == "service"}
    found = []
    for tool in tools:
        verb = verb_fit(tool, clause)
        if verb is None:
            continue
        noun = _noun_fit(tool, clause, stems, suggested)
        if noun is None:
            continue
        score = verb + noun + _described(tool, clause) + _service(tool, services)
        found.append(Match(tool, round(score, 3)))
    return sorted(found, key=lambda match: (-match.score, match.tool.key))


def verb_fit(tool: Tool, clause: Clause) -> float | None:
    """How well the clause's verb is the tool's, None where it is another one."""
    if clause.asks or not clause.verb:
        if not tool.reads or not (clause.asks or _is_a_thing(clause, tool)):
            return None
        return 3.0 if clause.verb == tool.name.verb else 2.0
    said, theirs = group_of(clause.verb), group_of(tool.name.verb)
    if clause.verb == tool.name.verb:
        return 4.0
    if tool.reads:
        return None
    if said == theirs:
        return 3.0
    word = stem(clause.verb)
    made = _made(clause)
    if word == stem(tool.name.head) and (tool.name.verb in CREATING or theirs == "post"):
        return 3.5 if any(is_id(field) for field in tool.required) or theirs == "post" else 2.0
    if said not in ("list", "create", "post") and word == stem(tool.description.split(" ", 1)[0]):
        return 3.0
    if theirs == "update" and said not in ("list", "create", "post", "delete"):
        if any(option_named(field, word) is not None for field in tool.parameters):
            return 3.0
        if any(word in words_of(field) for field in tool.parameters):
            return 3.0
        if said == "rename" and called(tool) is not None:
            return 2.5
        if said in ("move", "mark") and any(
            option_named(field, word) is not None for field in tool.parameters for word in clause.stems
        ):
            return 2.5
    if {said, theirs} == {"post", "create"} and same_things(tool.name.head) & made:
        return 1.5  # "post a comment", "add a message"
    return None


def _is_a_thing(clause: Clause, tool: Tool) -> bool:
    """Without a verb it has to be a thing, "open issues in octo/widgets", and no order in words that are not known."""
    for at, token in enumerate(clause.tokens[:4]):
        if token.kind == "word" and (same_things(tool.name.head) | _returned(tool)) & {token.stem}:
            return is_plural(token.lower) or not any(is_content(before) for before in clause.tokens[:at])
        if (at and token.lower in ARTICLES | THOSE) or token.lower in PREPOSITIONS:
            return False
    return False


def _made(clause: Clause) -> set[str]:
    """The stem of what is made: "a comment" is, "the comments" and "the largest deal" are there already."""
    for token in clause.tokens[clause.verb_at + 1 :]:
        if (
            token.kind not in ("word", "quoted")
            or token.lower in PREPOSITIONS
            or token.lower in ("the", "this", "that", *EACH)
        ):
            break
        if is_content(token) and not is_plural(token.lower):
            return {token.stem}
    return set()


def _noun_fit(tool: Tool, clause: Clause, stems: set[str], suggested: set[str]) -> float | None:
    head, others = tool.name.head, tool.name.nouns[:-1]
    score, met = 0.0, False
    objects = _object_stems(clause)
    returned = {thing for word in _returned(tool) for thing in same_things(word)} if tool.reads else set()
    if not head:
        met, score = True, -1.0
    elif (same_things(head) | returned) & stems:
        met, score = True, 4.0 + (2.0 if (same_things(head) | returned) & objects else 0.0)
        if not same_things(head) & stems:
            others = ()
            score -= 0.5
    elif same_things(head) & suggested:
        met, score = True, 1.0
    elif stem(clause.verb) == head and not tool.reads:
        met, score = True, 1.0 if any(is_id(field) for field in tool.required) else -1.0
    else:
        score = -2.0
    for noun in others:
        if same_things(noun) & stems:
            met, score = True, score + 1.5
        elif same_things(noun) & suggested:
            met = True
        else:
            score -= 1.5
    if not met and clause.verb and not clause.asks:
        # "post … to #general": the thing goes without saying when what is written fills the tool's parameters.
        kinds = {suggestion for suggestion in suggested if any(suggestion in words_of(f) for f in tool.required)}
        writes = group_of(tool.name.verb) == "post" and any(is_text(field) for field in tool.required)
        met = bool(kinds) and writes
        if met:
            score = max(score, -0.5)
        elif clause.verb == tool.name.verb and group_of(clause.verb) not in _BROAD:
            met, score = True, max(score, -1.0)  # "invite U1 to C2": few tools invite
        elif writes:
            met, score = True, max(score, -1.5)
    if not met and tool.reads and clause.verb == tool.name.verb:
        met = any(
            token.kind == "service" and token.value.replace(" ", "-") == tool.integration for token in clause.tokens
        )
    if not met:
        return None
    return score + _number(tool, clause)


def _object_stems(clause: Clause) -> set[str]:
    """The things between the verb and the first preposition: what is done, not where."""
    found: set[str] = set()
    for token in clause.tokens[clause.verb_at + 1 :]:
        if token.lower in PREPOSITIONS or token.kind in ("path", "hash", "text"):
            break
        if token.kind == "word":
            found.add(token.stem)
    return found


def _number(tool: Tool, clause: Clause) -> float:
    """A list for many, a single record where one is pointed at."""
    if not tool.reads:
        return 0.0
    own = same_things(tool.name.head) | _returned(tool)
    pointed = any(
        (
            token.kind in ("id", "email", "number", "hash")
            and not counts(clause.tokens, at)
            and _pointed_at(clause.tokens, at, own)
        )
        or (token.lower in ("it", "one", "this", "he", "she", "him", "her", "his") and not clause.each)
        for at, token in enumerate(clause.tokens)
    )
    many = any(is_plural(token.lower) for token in clause.tokens if token.kind == "word") and not pointed
    if lists(tool):
        return 1.0 if many or not pointed else -1.0
    return 1.5 if pointed else -0.5


def _pointed_at(tokens: Sequence[Token], at: int, own: Iterable[str]) -> bool:
    """Whether the word before an id is the thing itself or says nothing about which thing it is."""
    before = tokens[at - 1] if at else None
    if tokens[at].kind == "hash" and stem("channel") not in own:
        return False
    return before is None or not is_content(before) or before.stem in own or before.stem == tokens[at].kind


def counts(tokens: Sequence[Token], at: int) -> bool:
    """Whether a number says how many: "the last 5 messages", and not which: "issue 5"."""
    if tokens[at].kind != "number":
        return False
    following = next(
        (token for token in tokens[at + 1 : at + 3] if token.kind == "word" and is_plural(token.lower)), None
    )
    return following is not None or (
        at > 0 and tokens[at - 1].lower in ("last", "first", "latest", "newest", "oldest", "top")
    )


def _described(tool: Tool, clause: Clause) -> float:
    told = {stem(word) for word in tool.description.replace(",", " ").replace(".", " ").split()}
    named = {stem(word) for word in split_words(tool.key.partition("/")[2])}
    parameters = {word for field in tool.parameters for word in words_of(field)}
    content = {token.stem for token in clause.tokens if is_content(token)} - named
    return min(1.2, 0.3 * len(content & told)) + min(1.0, 0.4 * len(content & parameters))


def _service(tool: Tool, services: set[str]) -> float:
    if not services:
        return 0.0
    words = " ".join(split_words(tool.integration))
    return (
        3.0
        if any(
            service in (words, tool.integration) or service.replace(" ", "") == words.replace(" ", "")
            for service in services
        )
        else 0.0
    )


def _returned(tool: Tool) -> set[str]:
    found = list_of(tool.result)
    return {stem(word) for word in split_words(found[0][-1])} if found and found[0] else set()
