"""A request as tokens and clauses: what is quoted, what is a name, an address or a number, and where one job ends."""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace

from nango_sandbox.rule_model.words import (
    ARTICLES,
    POLITE,
    PREPOSITIONS,
    QUESTIONS,
    THOSE,
    group_of,
    is_plural,
    known_verb,
    stem,
)

_TOKEN = re.compile(
    r"""
      (?P<quoted>(?<![\w])'(?:[^']|(?<=\w)'(?=\w))+'(?!\w) | "[^"]+" | “[^”]+” | ‘[^’]+’ | «[^»]+» | `[^`]+`)
    | (?P<email><?[\w.+-]+@[\w-]+(?:\.[\w-]+)+>?)
    | (?P<phone>\+\d[\d ()-]{6,}\d|\d{3,}-\d{3,}(?:-\d+)*)
    | (?P<url>https?://[^\s<>"']+[^\s<>"'.,;!?)])
    | (?P<date>\d{4}-\d{2}-\d{2}(?:T[\d:.]+Z?)?)
    | (?P<domain>(?<![\w/.])[A-Za-z][\w-]*(?:\.[A-Za-z0-9-]*[A-Za-z][A-Za-z0-9-]*)+(?![\w/]))
    | (?P<path>(?<![\w/.])(?!(?:and/or|he/she|yes/no|w/o)\b)[A-Za-z0-9][\w-]*/[A-Za-z0-9_.-]*\w(?![\w/]))
    | (?P<hash>\#[A-Za-z][\w-]*)
    | (?P<mention>(?<!\w)@[A-Za-z][\w.-]*\w)
    | (?P<id>\b(?=[\w-]*\d)(?=[\w-]*[A-Za-z])[A-Za-z0-9][\w-]{2,}\b)
    | (?P<number>[\#$€£]?\d+(?:[.,]\d+)*)
    | (?P<word>[^\W\d_](?:[\w]|['’-](?=\w))*)
    | (?P<mark>[.;:,!?\n&|=()-])
    """,
    re.VERBOSE,
)
_ENDS = (".", ";", "\n", "!", "?")


@dataclass(frozen=True)
class Token:
    """`kind` is quoted, email, url, date, phone, domain (also a file's name), path, hash, mention, id, number, word, mark, text (free text
    after a colon, or after "that") or service (the name of an integration). `value` is what it stands for, without its quotes or its `#` before digits.
    """

    kind: str
    value: str
    start: int
    end: int

    @property
    def stem(self) -> str:
        return stem(self.value) if self.kind == "word" else ""

    @property
    def lower(self) -> str:
        return self.value.lower() if self.kind == "word" else ""


@dataclass
class Clause:
    """One job of the request. `verb` is its first word of doing, "" for a bare thing; `asks` when it wants to know.

    `each` holds the tokens of "for each …", said before or after the job.
    """

    tokens: list[Token]
    verb: str = ""
    verb_at: int = -1
    asks: bool = False
    each: list[Token] = field(default_factory=list)
    text: str = ""  # the whole request, which the tokens point into

    @property
    def stems(self) -> set[str]:
        return {token.stem for token in self.tokens if token.kind == "word"}

    @property
    def pronoun(self) -> bool:
        return any(is_pronoun(self.tokens, at) for at in range(len(self.tokens))) or any(
            token.lower in THOSE for token in self.each
        )


def tokens_of(text: str, services: Collection[str] = ()) -> list[Token]:
    """`services` are names of integrations in lower case; their words become one token."""
    found: list[Token] = []
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup or "word"
        raw = match.group()
        value = raw
        if kind == "quoted":
            value = raw[1:-1].strip()
        elif kind == "email":
            value = raw.strip("<>")
        elif kind == "mention":
            value = raw[1:]
        elif kind == "number":
            value = raw.lstrip("#$€£")
        elif kind == "id" and raw.isascii() and re.fullmatch(r"\d+(st|nd|rd|th)", raw):
            kind = "word"
        found.append(Token(kind, value, match.start(), match.end()))
    return list(_with_services(found, services))


def clauses_of(text: str, verbs: Collection[str] = (), services: Collection[str] = ()) -> list[Clause]:
    """`verbs` are stems that the tools at hand know as something to do, beside those of general English."""
    tokens = tokens_of(text, services)
    clauses: list[Clause] = []
    for part in _parts(tokens, verbs, text):
        clause = _clause(part, verbs)
        clause.text = text
        _with_said(clause)
        if clause.tokens or clause.each:
            clauses.append(clause)
    return _joined(clauses)


def _parts(tokens: list[Token], verbs: Collection[str], text: str) -> Iterator[list[Token]]:
    part: list[Token] = []
    at = 0
    while at < len(tokens):
        token = tokens[at]
        following = tokens[at + 1] if at + 1 < len(tokens) else None
        if (
            token.kind == "mark"
            and token.value == ":"
            and following is not None
            and text[token.end : token.end + 1].isspace()
        ):
            tail, at = _tail(tokens, at + 1, text)
            part.append(tail)
            continue
        ends = token.kind == "mark" and token.value in _ENDS
        joins = token.lower in ("and", "then") or (token.kind == "mark" and token.value == ",")
        if ends or (joins and part and _begins(tokens[at + 1 :], verbs)):
            yield part
            part = []
        else:
            part.append(token)
        at += 1
    yield part


def _tail(tokens: list[Token], at: int, text: str) -> tuple[Token, int]:
    """What follows a colon is said as it stands, to the end of its line; one quoted text is itself."""
    first = tokens[at]
    line_end = text.find("\n", first.start)
    end = len(text) if line_end < 0 else line_end
    if first.kind == "quoted":
        return first, at + 1
    stop = at
    while stop < len(tokens) and tokens[stop].start < end:
        stop += 1
    return Token("text", text[first.start : end].strip(), first.start, end), stop


def _begins(tokens: list[Token], verbs: Collection[str]) -> bool:
    """Whether a new job begins here: a verb, and not a word that goes on with a list of nouns."""
    rest = [token for token in tokens if token.kind != "mark"]
    while rest and rest[0].lower in POLITE:
        rest = rest[1:]
    if not rest or rest[0].kind != "word":
        return False
    if rest[0].lower == "for" and len(rest) > 1 and rest[1].lower in ("each", "every", "all"):
        return True
    if rest[0].lower in ("how", "which", "who", "what"):
        return True
    return len(rest) > 1 and _is_verb(rest[0], verbs) and not _is_adjective(rest[0], rest[1])


def _is_verb(token: Token, verbs: Collection[str]) -> bool:
    if token.kind != "word" or token.lower.endswith("ing") or (is_plural(token.lower) and not known_verb(token.lower)):
        return False
    return known_verb(token.lower) or token.stem in verbs


def _is_adjective(token: Token, following: Token | None) -> bool:
    """A thing is "open issues", a job is "open an issue"; "closed" never is one."""
    if token.lower.endswith("ed") and token.lower not in ("feed", "embed"):
        return True
    if token.lower == "open":
        return following is not None and following.lower not in ARTICLES and following.kind == "word"
    # "label 7" and "task in project 120" are things too, where "label issue 7" is a job
    noun = not known_verb(token.lower) or token.lower in ("label", "comment", "file", "check", "count")
    return noun and (
        following is None
        or following.kind in ("number", "id", "path", "mark")
        or following.lower in ("of", "for", "in")
    )


def _clause(tokens: list[Token], verbs: Collection[str]) -> Clause:
    tokens = [token for token in tokens if not (token.kind == "mark" and token.value in "()!?&|-")]
    while tokens and (tokens[0].lower in POLITE or tokens[0].kind == "mark"):
        tokens = tokens[1:]
    each: list[Token] = []
    for at, token in enumerate(tokens):
        following = tokens[at + 1] if at + 1 < len(tokens) else None
        if token.lower == "for" and following and following.lower in ("each", "every", "all"):
            comma = next(
                (n for n in range(at, len(tokens)) if tokens[n].kind == "mark" and tokens[n].value == ","), None
            )
            end = comma
            if end is None and at == 0:  # "for each contact create an issue"
                end = next(
                    (
                        n
                        for n in range(3, len(tokens) - 1)
                        if known_verb(tokens[n].lower) and not _is_adjective(tokens[n], tokens[n + 1])
                    ),
                    None,
                )
            end = len(tokens) if end is None else end
            each, tokens = tokens[at + 1 : end], tokens[:at] + tokens[end + (comma is not None) :]
            break
    clause = Clause(tokens, each=each)
    clause.asks = any(re.split("['’]", token.lower)[0] in QUESTIONS for token in tokens[:1])
    for at, token in enumerate(tokens):
        following = tokens[at + 1] if at + 1 < len(tokens) else None
        if clause.asks or (at > 0 and not all(t.lower in POLITE or t.kind in ("mark", "service") for t in tokens[:at])):
            break
        if _is_verb(token, verbs) and not _is_adjective(token, following):
            clause.verb, clause.verb_at = token.lower, at
            break
    told = clause.verb_at + 1
    if clause.verb in ("tell", "give", "send", "say") and told < len(tokens) and tokens[told].lower in ("me", "us"):
        clause.asks, clause.verb = True, ""
    if clause.verb and group_of(clause.verb) == "list":
        clause.asks = True
    return clause


def _with_said(clause: Clause) -> None:
    """What follows "that" or "saying" is said as it stands: "tell #general that we are live"."""
    if group_of(clause.verb) != "post":
        return
    tokens = clause.tokens
    for at in range(clause.verb_at + 1, len(tokens) - 1):
        pointing = tokens[at].lower == "that" and (
            at + 2 >= len(tokens) or tokens[at + 1].lower in PREPOSITIONS or tokens[at + 1].kind != "word"
        )
        if tokens[at].lower not in ("that", "saying", "says") or pointing or tokens[at + 1].kind in ("quoted", "text"):
            continue
        end = len(tokens)
        if tokens[-1].kind in ("hash", "mention", "email") and tokens[-2].lower in ("to", "in", "on"):
            end -= 2
        if end > at + 1:
            first, last = tokens[at + 1], tokens[end - 1]
            tokens[at:end] = [Token("text", clause.text[first.start : last.end].strip(), first.start, last.end)]
        return


def _joined(clauses: list[Clause]) -> list[Clause]:
    """A lone "for each X" belongs to the job after it; a piece without a verb belongs to the one before."""
    joined: list[Clause] = []
    for clause in clauses:
        if joined and not joined[-1].tokens and joined[-1].each:
            joined[-1] = replace(clause, each=joined[-1].each)
        elif joined and joined[-1].verb and not clause.verb and not clause.asks and clause.tokens:
            joined[-1].tokens.extend(clause.tokens)
        else:
            joined.append(clause)
    return joined


def _with_services(tokens: list[Token], services: Collection[str]) -> Iterator[Token]:
    names = sorted((name.split() for name in services if name), key=len, reverse=True)
    at = 0
    while at < len(tokens):
        for name in names:
            words = tokens[at : at + len(name)]
            said = [word.lower.removesuffix("'s").removesuffix("’s") for word in words]
            if said == name:
                yield Token("service", " ".join(name), words[0].start, words[-1].end)
                at += len(name)
                break
        else:
            yield tokens[at]
            at += 1


def is_pronoun(tokens: Sequence[Token], at: int) -> bool:
    """Such as "it" and "them", and "each" where no thing follows: "comment 'x' on each"."""
    word = tokens[at].lower
    if word == "there":  # "which channels are there?" points at nothing
        return at > 0 and tokens[at - 1].lower not in ("is", "are", "was", "were") and at + 1 == len(tokens)
    if word not in ("each", "all"):
        return word in THOSE
    return at + 1 == len(tokens) or tokens[at + 1].lower in PREPOSITIONS


def is_content(token: Token) -> bool:
    """A word that says something by itself."""
    return token.kind == "word" and token.lower not in ARTICLES | PREPOSITIONS | POLITE | QUESTIONS | THOSE
