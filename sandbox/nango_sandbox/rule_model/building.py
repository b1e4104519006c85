"""The steps for one clause and one tool: what has to be read first, its arguments, and what stays missing."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from nango_sandbox.rule_model.adding import keep_present
from nango_sandbox.rule_model.arguments import fill
from nango_sandbox.rule_model.attempts import Attempt, Scene
from nango_sandbox.rule_model.feeding import feed, from_history
from nango_sandbox.rule_model.fields import is_id, is_text, thing_of
from nango_sandbox.rule_model.phrases import Phrase
from nango_sandbox.rule_model.prompt import Tool
from nango_sandbox.rule_model.reading import Reading
from nango_sandbox.rule_model.request import Clause, Token, is_content
from nango_sandbox.rule_model.sources import Source, plain
from nango_sandbox.rule_model.words import ARTICLES, EACH, PREPOSITIONS, THOSE, group_of, same_things, split_words, stem

_IDLE = ("too", "well", "again", "message", "reminder", "update", "note", "list", "summary")
_MEANT = ("quoted", "email", "hash", "path", "id", "url", "text", "mention", "number", "date", "phone", "domain")


def attempt(scene: Scene, tool: Tool, clause: Clause) -> Attempt:
    """Leaves the scene as it is, so that several tools can be tried for one clause."""
    if clause.verb == "reply":
        tool = _replying(tool)
    out = Attempt(tool, scene.prefix, scene.next_number)
    used: set[int] = set()
    reading = Reading(scene, tool, clause, out, used)
    phrase = reading.phrase()
    source = reading.source(phrase) if phrase is not None else None
    taken = {token.start for token in phrase.tokens} if phrase is not None and source is not None else set()
    given = [token for token in clause.tokens if token.start not in taken]
    for tokens in _jobs(tool, clause, given):
        _add_step(reading, tokens, phrase, source)
    out.beyond = _beyond(given, used, tool)
    out.unused = _qualifiers(tool, clause, used)
    if tool.reads and phrase is None:
        out.unused += [t for t in clause.tokens[1:] if _is_name(t, tool) and t.start not in used]
    pointed = phrase is not None and phrase.noun is None and source is not None
    if pointed and group_of(tool.name.verb) == "post" == group_of(clause.verb):
        out.unused += [t for t in given[clause.verb_at + 1 :] if _says_more(t, tool) and t.start not in used]
    out.unused += [t for t in given if t.kind in _MEANT and t.start not in used and not _within(t, clause.tokens, used)]
    return out


def _replying(tool: Tool) -> Tool:
    """A reply that does not say to what would be a message like any other."""
    fields = [replace(p, required=p.required or "thread" in split_words(p.name)) for p in tool.parameters]
    return replace(tool, parameters=tuple(fields))


def _add_step(reading: Reading, tokens: list[Token], phrase: Phrase | None, source: Source | None) -> None:
    tool, out = reading.tool, reading.out
    filled = fill(tool, reading.clause, tokens)
    arguments = filled.arguments
    reading.used |= filled.used
    if phrase is not None and phrase.noun is None and not phrase.projected:
        _say(reading, arguments)
    each = feed(tool, arguments, phrase, source) if source is not None and phrase is not None else ""
    for parameter in tool.required:
        if is_id(parameter) and parameter.name not in arguments:
            found = reading.look_up(parameter, tokens)
            if found is not None:
                arguments[parameter.name] = found
    from_history(tool, arguments, reading.clause, reading.scene.sources, pointed=phrase is not None)
    _last_word(reading, arguments, tokens)
    keep_present(reading, arguments, source.one("item") if source is not None and each else source)
    out.missing += [(tool, parameter) for parameter in tool.required if parameter.name not in arguments]
    out.add(tool, arguments, for_each=each)
    out.idle = _idle(tool, arguments)


def _qualifiers(tool: Tool, clause: Clause, used: set[int]) -> list[Token]:
    """What kind of thing is to be made, where the tool has no place for it: a "private channel" is no plain channel."""
    words = clause.tokens[clause.verb_at + 1 :]
    head = next((at for at, token in enumerate(words) if token.stem in same_things(tool.name.head)), 0)
    if group_of(tool.name.verb) != "create" or any(token.kind != "word" for token in words[:head]):
        return []
    known = {stem(word) for word in (*tool.name.words, *tool.description.replace(".", " ").split())}
    return [t for t in words[:head] if is_content(t) and t.start not in used and t.stem not in known]


def _beyond(tokens: Sequence[Token], used: set[int], tool: Tool) -> list[Token]:
    for at, token in enumerate(tokens):
        rest = tokens[at + 1 :]
        own = {stem(word) for word in tool.name.words}
        strange = any(is_content(one) and one.stem not in own for one in rest)
        if token.lower in ("and", "then") and strange and not any(one.start in used for one in rest):
            return list(rest)
    return []


def _jobs(tool: Tool, clause: Clause, tokens: list[Token]) -> list[list[Token]]:
    """`close issues 7 and 8` is one job for each number: `issues 7`, `issues 8`."""
    numbered = [p for p in tool.required if is_id(p) and p.shape.kind in ("integer", "number")]
    things = {thing for parameter in numbered for thing in same_things(thing_of(parameter, tool))}
    run: list[Token] = []
    for at, token in enumerate(clause.tokens):
        hashed = token.end - token.start > len(token.value)  # "#7"
        if token.kind == "number" and (run or hashed or (at and clause.tokens[at - 1].stem in things)):
            run.append(token)
        elif run and token.lower != "and" and token.value != ",":
            break
    if len(run) < 2:
        return [tokens]
    before = [token for token in tokens if token.end <= run[0].start]
    after = [token for token in tokens if token.start >= run[-1].end]
    return [[*before, number, *after] for number in run]


def _last_word(reading: Reading, arguments: dict[str, Any], tokens: Sequence[Token]) -> None:
    """One thing missing and one text left over belong together, but for a name where an id is wanted."""
    missing = [parameter for parameter in reading.tool.required if parameter.name not in arguments]
    if len(missing) != 1 or missing[0].shape.kind not in ("string", "any") or missing[0].shape.choices:
        return
    left = [token for token in tokens if token.kind == "quoted" and token.start not in reading.used]
    if len(left) == 1 and (not is_id(missing[0]) or any(sign.isdigit() for sign in left[0].value)):
        arguments[missing[0].name] = plain(left[0].value)
        reading.used.add(left[0].start)
    elif not left:
        _say(reading, arguments)


def _say(reading: Reading, arguments: dict[str, Any]) -> None:
    """`say hello in it`."""
    texts = [p for p in reading.tool.required if is_text(p) and p.name not in arguments]
    if len(texts) == 1 and (text := _spoken(reading.clause, reading.tool)):
        arguments[texts[0].name] = plain(text)


def _spoken(clause: Clause, tool: Tool) -> str:
    """What is to be said, without quotes: "say good morning in #general", "add a task to buy milk"."""
    tokens = clause.tokens[clause.verb_at + 1 :]
    if group_of(clause.verb) == "create":
        things = {thing for parameter in tool.parameters for thing in same_things(thing_of(parameter, tool))}
        for at, token in enumerate(tokens[:-2]):
            what = tokens[at + 2]
            if token.stem in same_things(tool.name.head) and tokens[at + 1].lower == "to" and what.kind == "word":
                return "" if what.lower in ARTICLES or what.stem in things else clause.text[what.start : tokens[-1].end]
    if group_of(clause.verb) != "post" or not tokens:
        return ""
    run: list[Token] = []
    for token in tokens:
        if token.lower in PREPOSITIONS or token.kind != "word":
            break
        run.append(token)
    own = {stem(word) for word in tool.name.words}
    if (
        not run
        or len(run) == len(tokens)
        or any(token.lower in ARTICLES | EACH | THOSE or token.stem in own for token in run)
    ):
        return ""
    return clause.text[run[0].start : run[-1].end]


def _idle(tool: Tool, arguments: dict[str, Any]) -> bool:
    """An update that only says what to update."""
    place = {"owner", "repo", "workspace"}
    says = any(not is_id(p) and not place & set(split_words(p.name)) for p in tool.required)
    changed = set(arguments) - {parameter.name for parameter in tool.required}
    return group_of(tool.name.verb) == "update" and not changed and not says


def _says_more(token: Token, tool: Tool) -> bool:
    """`a link to it` is not what it is called."""
    return is_content(token) and token.lower not in _IDLE and token.stem not in {stem(w) for w in tool.name.words}


def _is_name(token: Token, tool: Tool) -> bool:
    return is_content(token) and token.value[:1].isupper() and token.stem not in {stem(w) for w in tool.name.words}


def _within(token: Token, tokens: Sequence[Token], used: set[int]) -> bool:
    """A number among words that were taken as one text."""
    at = tokens.index(token)
    return 0 < at < len(tokens) - 1 and tokens[at - 1].start in used and tokens[at + 1].start in used
