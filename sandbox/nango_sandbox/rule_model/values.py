"""Where a value stands in a clause and how far it reaches: one token, a list, or the words of a text."""

import re
from collections.abc import Sequence
from typing import Any

from nango_sandbox.rule_model.fields import TEXTS, is_id, is_text, option_named, words_of
from nango_sandbox.rule_model.prompt import Tool
from nango_sandbox.rule_model.request import Clause, Token
from nango_sandbox.rule_model.shapes import Field
from nango_sandbox.rule_model.sources import plain
from nango_sandbox.rule_model.words import (
    ARTICLES,
    EACH,
    ORDINALS,
    PREPOSITIONS,
    QUESTIONS,
    THOSE,
    is_plural,
    split_words,
    stem,
)

_CONNECTORS = frozenset(
    ("is", "to", "as", "of", "with", "the", "a", "an", "for", "named", "called", "be", "equals", "that", "by")
)
_VALUES = frozenset(
    ("quoted", "number", "id", "email", "url", "date", "phone", "domain", "text", "mention", "hash", "word")
)
_APART = ("path", "hash", "email", "service", "quoted")
_IDENTIFIERS = frozenset(("number", "id", "hash", "mention", "url"))


class Values:
    """The tokens of a clause that may become arguments of a tool, and which of them already did."""

    def __init__(self, tool: Tool, clause: Clause, tokens: list[Token]) -> None:
        self.tool, self.clause, self.tokens = tool, clause, tokens
        self.used: set[int] = set()

    def left(self, *kinds: str) -> list[Token]:
        return [token for token in self.tokens if token.start not in self.used and token.kind in kinds]

    def is_the_job(self, token: Token) -> bool:
        at = self.clause.verb_at
        return 0 <= at < len(self.clause.tokens) and self.clause.tokens[at].start == token.start

    def quoted_next(self, at: int) -> bool:
        return at + 1 < len(self.tokens) and self.tokens[at + 1].kind in ("quoted", "text")

    def after(self, at: int, parameter: Field) -> list[Token]:
        if at + 1 < len(self.tokens) and self.tokens[at + 1].lower in ("of", "for", "on"):
            return self._at_end(at, parameter)
        plural_of_more = is_plural(self.tokens[at].lower) and parameter.shape.kind != "array" and is_id(parameter)
        at += 1
        while at < len(self.tokens) and (
            self.tokens[at].value in _CONNECTORS or self.tokens[at].value in ("=", ":", ",")
        ):
            at += 1
        return [] if plural_of_more else self.run(at, parameter)

    def _at_end(self, at: int, parameter: Field) -> list[Token]:
        """`the amount of the deal 'Acme' to 5000`."""
        if is_id(parameter):
            return []
        end = next((n for n in range(len(self.tokens) - 1, at, -1) if self.tokens[n].lower in ("to", "as")), None)
        return self.run(end + 1, parameter) if end is not None else []

    def before(self, at: int, parameter: Field) -> list[Token]:
        if at == 0 or is_id(parameter) or parameter.shape.kind in ("integer", "number", "boolean", "object"):
            return []
        token = self.tokens[at - 1]
        named = token.kind == "quoted" or (
            token.kind == "word" and self._plain_word(token) and at > 1 and self.tokens[at - 2].lower == "the"
        )
        named = named and (not is_text(parameter) or (parameter.required and parameter.name == "name"))
        return [token] if named and token.start not in self.used else []

    def run(self, at: int, parameter: Field) -> list[Token]:
        """The value that begins at a token: one token, a list, or for a text as many words as belong together."""
        if at < len(self.tokens) and self.tokens[at].kind == "word" and self._takes_words(parameter):
            return self._words(at, parameter)
        run: list[Token] = []
        listed = parameter.shape.kind == "array"
        for token in self.tokens[at:]:
            if run and listed and (token.lower == "and" or token.value == ","):
                continue
            if (run and not listed) or not self._is_value(token, parameter):
                break
            run.append(token)
        return run

    def _is_value(self, token: Token, parameter: Field) -> bool:
        kinds = _IDENTIFIERS if is_id(parameter) else _VALUES
        if token.kind not in kinds or token.start in self.used or parameter.shape.kind in ("boolean", "object"):
            return False
        if parameter.shape.kind in ("integer", "number"):
            return token.kind == "number"
        if parameter.shape.choices:
            return option_named(parameter, stem(token.value)) is not None
        return token.kind != "word" or self._plain_word(token)

    def _takes_words(self, parameter: Field) -> bool:
        plain_text = parameter.shape.kind == "string" and not parameter.shape.choices and not is_id(parameter)
        return plain_text and (is_text(parameter) or split_words(parameter.name)[-1] == "name")

    def _words(self, at: int, parameter: Field) -> list[Token]:
        """Words up to where something else begins: "in octo/widgets", "with label bug", "to #general"."""
        others = {word for parameter in self.tool.parameters for word in words_of(parameter)}
        run: list[Token] = []
        for n in range(at, len(self.tokens)):
            token = self.tokens[n]
            following = next((t for t in self.tokens[n + 1 :] if t.lower not in ARTICLES), None)
            leads_on = following is not None and following.stem in others
            away = parameter.name == "name" or following is None or following.kind in _APART or leads_on
            if token.kind in (*_APART, "text") or token.start in self.used:
                break
            if (token.lower in PREPOSITIONS and away) or (token.kind == "mark" and leads_on):
                break
            run.append(token)
        while run and run[-1].kind == "mark":
            run.pop()
        if not run or (len(run) == 1 and not self._plain_word(run[0])) or run[0].lower in PREPOSITIONS:
            return []
        # The words as they were written; the other tokens only tell what was used.
        said = self.clause.text[run[0].start : run[-1].end] or " ".join(token.value for token in run)
        return [Token("text", "" if n else said, token.start, token.end) for n, token in enumerate(run)]

    def _plain_word(self, token: Token) -> bool:
        return token.lower not in PREPOSITIONS | ARTICLES | EACH | THOSE | QUESTIONS and token.lower not in ORDINALS

    def name_run(self) -> list[Token]:
        run: list[Token] = []
        for token in self.left("word"):
            capital = token.value[:1].isupper() and not self.is_the_job(token) and token is not self.clause.tokens[0]
            known = token.stem in {stem(word) for word in (*self.tool.name.nouns, *TEXTS)}
            if capital and not known and (not run or token.start - run[-1].end <= 1):
                run.append(token)
            elif run:
                break
        return run

    def after_preposition(self) -> list[Token]:
        """The words after "for" or "about"."""
        at = next((n for n, token in enumerate(self.tokens) if token.lower in ("for", "about")), len(self.tokens))
        return [t for t in self.tokens[at + 1 :] if t.kind in ("word", "id", "number") and self._plain_word(t)]


def typed(parameter: Field, token: Token) -> Any:
    if parameter.shape.kind in ("integer", "number"):
        text = token.value.replace(",", "")
        return int(text) if text.isdigit() else float(text) if re.fullmatch(r"\d+\.\d+", text) else text
    value = plain(token.value)
    return [value] if parameter.shape.kind == "array" else value


def many(parameter: Field, tokens: Sequence[Token]) -> Any:
    if parameter.shape.choices:
        return option_named(parameter, stem(tokens[0].value))
    if parameter.shape.kind == "array":
        return [plain(token.value) for token in tokens]
    if parameter.shape.kind in ("integer", "number"):
        return typed(parameter, tokens[0])
    return plain(" ".join(token.value for token in tokens if token.value))
