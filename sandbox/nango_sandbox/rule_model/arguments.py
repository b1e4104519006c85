"""Fills a tool's parameters from a clause: by written form, by the word that leads to a value, by what is left over."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from nango_sandbox.rule_model.fields import called, is_id, is_text, option_named, thing_of, words_of
from nango_sandbox.rule_model.matching import counts
from nango_sandbox.rule_model.prompt import Tool
from nango_sandbox.rule_model.request import Clause, Token, is_content
from nango_sandbox.rule_model.shapes import Field
from nango_sandbox.rule_model.sources import plain
from nango_sandbox.rule_model.values import Values, many, typed
from nango_sandbox.rule_model.words import (
    KINDS,
    THOSE,
    group_of,
    same_things,
    split_words,
    stem,
)

_LEADS = {  # words that announce a parameter without being its name
    "title": ("titled", "called", "named"),
    "name": ("named", "called", "titled"),
    "subject": ("titled", "called"),
    "text": ("saying", "says", "say", "message"),
    "body": ("saying", "says", "comment", "text"),
    "content": ("saying", "says", "called", "named", "titled"),
    "message": ("saying", "says"),
    "comment": ("saying", "says"),
    "query": ("about", "containing", "mentioning", "matching"),
    "amount": ("worth",),
    "labels": ("labelled", "labeled", "tagged"),
}
_FORMS = {
    "hash": frozenset(("channel", "room", "name")),
    "email": frozenset(("email", "mail", "to", "recipient")),
    "url": frozenset(("url", "link", "href")),
}
_PLACES = frozenset(("owner", "repo", "channel", "email", "user", "workspace"))
_LIMITS = frozenset(("limit", "perpage", "pagesize", "maxresults", "first", "count", "top"))


@dataclass
class Filled:
    """Arguments found so far, and the required parameters that nothing was found for."""

    arguments: dict[str, Any] = field(default_factory=dict)
    missing: list[Field] = field(default_factory=list)
    used: set[int] = field(default_factory=set)


def fill(tool: Tool, clause: Clause, tokens: Sequence[Token] | None = None, *, reads: bool | None = None) -> Filled:
    """Never makes a value up: what a clause does not say stays missing. `tokens` narrows where to look."""
    found = _Filling(tool, clause, list(tokens if tokens is not None else clause.tokens))
    found.written_forms()
    found.led_values()
    found.options()
    found.kinds()
    found.numbers_after_things()
    found.flags()
    if not (tool.reads if reads is None else reads):
        found.verb_value()
        found.names()
        found.texts()
    elif any(is_query(parameter) for parameter in tool.parameters):
        found.queries()
    found.ids()
    missing = [parameter for parameter in tool.required if parameter.name not in found.arguments]
    return Filled(found.arguments, missing, found.values.used)


def is_query(parameter: Field) -> bool:
    return (
        split_words(parameter.name)[-1:] in (("query",), ("q",), ("search",), ("term",))
        and parameter.shape.kind == "string"
    )


class _Filling:
    def __init__(self, tool: Tool, clause: Clause, tokens: list[Token]) -> None:
        self.tool, self.clause, self.tokens = tool, clause, tokens
        self.values = Values(tool, clause, tokens)
        self.arguments: dict[str, Any] = {}

    def put(self, parameter: Field, value: Any, *tokens: Token) -> None:
        self.arguments[parameter.name] = value
        self.values.used.update(token.start for token in tokens)

    def open(self) -> list[Field]:
        return [parameter for parameter in self.tool.parameters if parameter.name not in self.arguments]

    def written_forms(self) -> None:
        for token in self.values.left("path"):
            owner, _, repo = token.value.partition("/")
            for at, parameter in enumerate(self.tool.parameters):
                if "repo" in split_words(parameter.name) or stem("repository") in words_of(parameter):
                    before = self.tool.parameters[at - 1] if at else None
                    if before is not None and before.shape.kind == "string" and parameter.name not in self.arguments:
                        self.put(before, owner, token)
                        self.put(parameter, repo, token)
                    elif before is None:
                        self.put(parameter, token.value, token)
        points = any(is_id(parameter) for parameter in self.tool.required)
        for kind, words in _FORMS.items():
            for token in self.values.left(kind):
                # An address beside an id says which one to update, not what to set.
                fits = [
                    p
                    for p in self.open()
                    if self._takes(p, kind, words) and (p.required or kind != "email" or not points)
                ]
                if fits:
                    self.put(fits[0], typed(fits[0], token), token)

    def _takes(self, parameter: Field, kind: str, words: frozenset[str]) -> bool:
        said = split_words(parameter.name)
        if kind == "hash" and said[-1] in ("id", "name"):
            return said == ("name",) and self.tool.name.head == "channel" and not self.tool.reads
        return bool(words & set(said))

    def led_values(self) -> None:
        """`label bug`, `titled 'Crash'`, `color: red`, `the 'bug' label`: a parameter's word and the value beside it."""
        for parameter in sorted(self.open(), key=lambda p: (not p.required, not p.name)):
            if parameter.name in self.arguments:
                continue
            words, announced = self._leads(parameter)
            for at, token in enumerate(self.tokens):
                leads = token.kind == "word" and (token.stem in words or token.lower in announced)
                if not leads or token.start in self.values.used:
                    continue
                if self.values.is_the_job(token) and not (is_text(parameter) and self.values.quoted_next(at)):
                    continue
                end = at  # "the job title of …": all words of the name lead to the value
                while end + 1 < len(self.tokens) and self.tokens[end + 1].stem in words - {token.stem, ""}:
                    end += 1
                values = self.values.after(end, parameter) or self.values.before(at, parameter)
                if values:
                    self.put(parameter, many(parameter, values), token, *values)
                    break

    def _leads(self, parameter: Field) -> tuple[set[str], frozenset[str]]:
        """What a parameter's value follows: stems of its name, and words as they are."""
        if is_id(parameter):
            return set(same_things(thing_of(parameter, self.tool))), frozenset()
        named = split_words(parameter.name)
        own = same_things(self.tool.name.head) if parameter.required and named == ("name",) else frozenset()
        whole = {stem(word) for word in named[:-1]} <= set(self.tool.name.nouns)  # not a contact's first_name
        announced = _LEADS.get(named[-1]) or _LEADS.get(named[-1] + "s", ())
        return {stem(word) for word in named if word != "is"} | own, frozenset(announced if whole else ())

    def options(self) -> None:
        for parameter in self.open():
            if not parameter.shape.choices:
                continue
            for token in self.tokens:
                said = token.stem if token.kind == "word" else stem(token.value) if token.kind == "quoted" else ""
                choice = option_named(parameter, said) if said else None
                if choice is None:
                    continue
                if token.lower == "all" and (not self.clause.asks or parameter.name in self.arguments):
                    continue
                # "open an issue" opens one; only "open issues" are open. "Close it" closes by updating.
                if token.lower == self.clause.verb and group_of(self.tool.name.verb) != "update":
                    continue
                self.put(parameter, choice, token)

    def kinds(self) -> None:
        """`open bugs` are the issues labelled so, where issues have labels."""
        if not self.tool.reads and group_of(self.tool.name.verb) != "create":
            return
        for parameter in self.open():
            if split_words(parameter.name) not in (("labels",), ("label",), ("tags",), ("type",)):
                continue
            for token in self.values.left("word"):
                if stem(KINDS.get(token.stem, "")) == self.tool.name.head and parameter.shape.kind in (
                    "string",
                    "array",
                ):
                    self.put(parameter, typed(parameter, replace(token, value=token.stem)), token)
                    return

    def numbers_after_things(self) -> None:
        """`issue 7`, `issue #7`, `the first 5 issues`."""
        for at, token in enumerate(self.tokens):
            if token.kind not in ("number", "id") or token.start in self.values.used:
                continue
            if token.kind == "number" and counts(self.tokens, at):
                limit = next((p for p in self.open() if "".join(split_words(p.name)) in _LIMITS), None)
                if self.tool.reads and limit is not None and token.value.isdigit():
                    self.put(limit, int(token.value), token)
                continue
            before = self.tokens[at - 1] if at else None
            hashed = token.end - token.start > len(token.value)
            for parameter in self.open():
                numeric = parameter.shape.kind in ("integer", "number")
                pointing = parameter.required or (self.tool.reads and is_id(parameter))
                if (
                    before is None
                    or not pointing
                    or not (is_id(parameter) or numeric)
                    or (token.kind == "id" and numeric)
                ):
                    continue
                named = before.stem in same_things(thing_of(parameter, self.tool)) | {"id", stem("number"), "no"}
                if hashed or named or before.lower == self.clause.verb:
                    self.put(parameter, typed(parameter, token), token)
                    break

    def flags(self) -> None:
        for parameter in self.open():
            if parameter.shape.kind != "boolean":
                continue
            words = words_of(parameter) - {"is", "has"}
            said = next((token for token in self.values.left("word") if {token.stem} == words), None)
            if said is not None and said.lower != self.clause.verb:
                self.put(parameter, True, said)

    def verb_value(self) -> None:
        """`assign issue 7 to ada`, `label it as triage`: the verb names the parameter, "to" or "as" leads to the value."""
        verb = stem(self.clause.verb)
        said = self.clause.tokens[self.clause.verb_at + 1 :]
        bare = bool(said) and said[0].lower in THOSE and said[0] not in self.tokens  # "label it bug"
        renamed = called(self.tool) if group_of(self.clause.verb) == "rename" else None
        for parameter in self.open():
            if is_id(parameter) or (verb not in words_of(parameter) and parameter is not renamed):
                continue
            for at, token in enumerate(self.tokens):
                leads = token.lower in ("to", "as", "with") or (bare and self.values.is_the_job(token))
                if leads and (values := self.values.run(at + 1, parameter)):
                    self.put(parameter, many(parameter, values), *values)
                    return

    def names(self) -> None:
        """`Ada Lovelace` as first and last name, or as the name."""
        run = self.values.name_run() if group_of(self.tool.name.verb) == "create" else []
        if not run:
            return
        parts = {"".join(split_words(parameter.name)): parameter for parameter in self.open()}
        first, last = parts.get("firstname"), parts.get("lastname")
        if first is not None and last is not None:
            self.put(first, run[0].value, *run)
            if len(run) > 1:
                self.put(last, " ".join(token.value for token in run[1:]), *run)
            return
        for wanted in ("name", "fullname", "realname", f"{self.tool.name.head}name"):
            if wanted in parts:
                self.put(parts[wanted], " ".join(token.value for token in run), *run)
                return

    def texts(self) -> None:
        """What is quoted or stands after a colon goes to the required texts in their order."""
        required = [p for p in self.open() if p.required and p.shape.kind == "string" and not p.shape.choices]
        texts = [p for p in required if is_text(p)]
        others = [p for p in required if p not in texts and not is_id(p) and not _PLACES & set(split_words(p.name))]
        optional = [p for p in self.open() if is_text(p) and not self.tool.required]
        for token, parameter in zip(self.values.left("text", "quoted"), [*texts, *others, *optional], strict=False):
            self.put(parameter, plain(token.value), token)

    def queries(self) -> None:
        for parameter in self.open():
            if not is_query(parameter) or not parameter.required:
                continue
            said = (
                self.values.left("quoted", "email", "text") or self.values.name_run() or self.values.after_preposition()
            )
            if said:
                self.put(parameter, plain(" ".join(token.value for token in said[:3])), *said)

    def ids(self) -> None:
        """An id that fits only one open parameter."""
        wanted = [p for p in self.open() if p.required and is_id(p) and p.shape.kind == "string"]
        given = [token for token in self.values.left("id") if self._names_nothing_else(token, wanted)]
        if len(wanted) == 1 and len(given) == 1:
            self.put(wanted[0], given[0].value, given[0])
        loose = [p for p in self.open() if p.required and p.shape.kind == "string" and "channel" in split_words(p.name)]
        for token, parameter in zip(self.values.left("id"), loose, strict=False):
            self.put(parameter, token.value, token)

    def _names_nothing_else(self, token: Token, wanted: Sequence[Field]) -> bool:
        """The id of a project is no section's in "the sections of project 6h78"."""
        at = self.tokens.index(token)
        before = self.tokens[at - 1] if at else None
        if before is None or not is_content(before) or self.values.is_the_job(before):
            return True
        return any(before.stem in same_things(thing_of(parameter, self.tool)) for parameter in wanted)
