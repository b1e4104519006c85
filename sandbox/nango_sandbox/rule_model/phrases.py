"""The thing a job is done to, as said: "the titles of the oldest two open issues labelled stale in octo/widgets"."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from nango_sandbox.rule_model.prompt import Tool
from nango_sandbox.rule_model.request import Clause, Token, is_content, is_pronoun
from nango_sandbox.rule_model.shapes import Field
from nango_sandbox.rule_model.sources import (
    Source,
    amount_field,
    date_field,
    equals,
    field_named,
    filtered,
    label_field,
    literal,
    name,
    ordered,
    sliced,
    taken,
)
from nango_sandbox.rule_model.words import (
    EACH,
    LARGEST,
    NEWEST,
    NUMBERS,
    OLDEST,
    ORDINALS,
    PREPOSITIONS,
    SMALLEST,
    THOSE,
    is_plural,
    stem,
)

_STOPS = frozenset(("to", "as", "saying", "into", "via", "that", "because"))
_ORDER = OLDEST | NEWEST | LARGEST | SMALLEST | frozenset(ORDINALS) | frozenset(("last", "most", "top"))


@dataclass
class Phrase:
    """`tokens` of the phrase; `noun` the token of the thing, None for "it" and "the oldest one"."""

    tokens: list[Token]
    noun: Token | None = None
    each: bool = False
    projected: list[Token] = field(default_factory=list)

    @property
    def words(self) -> set[str]:
        return {token.lower for token in self.tokens}

    @property
    def many(self) -> bool:
        plural = self.noun is not None and is_plural(self.noun.value)
        pronoun = self.noun is None and any(
            token.lower in ("them", "those", "these", "both", "all", "ones") for token in self.tokens
        )
        return (
            self.each or plural or pronoun or any(token.lower in EACH for token in self.tokens) or (self.count or 1) > 1
        )

    @property
    def ordering(self) -> set[str]:
        return {token.lower for token in self.tokens} & _ORDER

    @property
    def count(self) -> int | None:
        """The two of "the first two" and of "the two oldest"."""
        if not self.ordering:
            return None
        for token in self.tokens:
            if token.kind == "number" and token.value.isdigit():
                return int(token.value)
            if token.lower in NUMBERS and token.lower != "one":
                return NUMBERS[token.lower]
        return None


def phrase_in(clause: Clause, is_thing: Callable[[Token], bool]) -> Phrase | None:
    """The phrase about the first thing that `is_thing` accepts, else the one around a pronoun."""
    if clause.each:
        noun = next((token for token in clause.each if token.kind == "word" and is_thing(token)), None)
        return Phrase(list(clause.each), noun, each=True)
    object_at = clause.verb_at + 1
    if object_at < len(clause.tokens) and clause.tokens[object_at].lower in ("it", "them"):
        return _around(clause.tokens, object_at, clause.verb_at, None)
    for at, token in enumerate(clause.tokens):
        if token.kind == "word" and at != clause.verb_at and is_thing(token):
            return _around(clause.tokens, at, clause.verb_at, token)
    for at, token in enumerate(clause.tokens):
        if is_pronoun(clause.tokens, at) or (token.lower in _ORDER and at > clause.verb_at):
            return _around(clause.tokens, at, clause.verb_at, None)
    return None


def select(source: Source, phrase: Phrase) -> Source | None:
    """The part of a list that a phrase means: all of it, the first two, the oldest one. None when the items do not tell."""
    said = phrase.ordering
    if not said or not source.many:
        return source
    by = date_field(source.shape)
    descending = False
    if said & (LARGEST | SMALLEST):
        by, descending = amount_field(source.shape), bool(said & LARGEST)
    elif said & NEWEST or ("last" in said and phrase.noun is not None and by is not None):
        descending = True  # "the last message" is the newest, "the last one" the end of the list
    elif not said & OLDEST:
        by = None
    if by is not None:
        source = ordered(source, by, descending)
    elif said & (OLDEST | NEWEST | LARGEST | SMALLEST):
        return None
    last = "last" in said and by is None
    if phrase.count:
        return sliced(source, phrase.count, last)
    at = next((ORDINALS[word] for word in sorted(said) if word in ORDINALS), 0)
    return taken(source, -1 if last else at)


def first_of(source: Source) -> Source:
    """The one that a condition has left. A part of a name may fit several: then it is none of them."""
    if not source.many:
        return source
    if "[?contains(" not in source.expression:
        return taken(source, 0)
    return source.one(f"[{source.expression}] | [?length(@) == `1`] | [0][0]")


def narrow(source: Source, phrase: Phrase, used: set[int], tool: Tool) -> tuple[Source, list[Token]]:
    """Applies what the phrase says and the reading tool could not be asked for, as conditions on the items' fields.

    Also returns the words that nothing could be made of: acting on a list that they were to narrow would be wrong.
    """
    conditions: list[str] = []
    unknown: list[Token] = []
    own = {stem(word) for word in (*tool.name.words, *tool.key.replace("/", "-").split("-"))}
    named = _name_in(phrase, used, own) if label_field(source.shape) is not None else []
    if named:
        conditions.append(_contains(source, " ".join(token.value for token in named)))
    for at, token in enumerate(phrase.tokens):
        if token.start in used or token is phrase.noun or token in phrase.projected or token in named:
            continue
        before = phrase.tokens[at - 1] if at else None
        condition = _condition(source, token, before)
        if condition:
            conditions.append(condition)
        elif (
            is_content(token)
            and token.stem not in own
            and not _says_order(token)
            and _field_led(source, phrase, at) is None
        ) or (token.kind in ("quoted", "email", "id") and token.start not in used):
            unknown.append(token)
    return filtered(source, list(dict.fromkeys(conditions))), unknown


def projection(source: Source, phrase: Phrase) -> list[Field]:
    found = [field_named(source.shape, token.stem) for token in phrase.projected]
    return [one for one in found if one is not None]


def _condition(source: Source, token: Token, before: Token | None) -> str | None:
    shape = source.shape
    led = field_named(shape, before.stem) if before is not None and before.kind == "word" else None
    if token.kind == "email":
        mail = field_named(shape, "email") or field_named(shape, "mail")
        return equals(mail, token.value) if mail else None
    if token.kind in ("quoted", "id", "number", "hash"):
        target = led if led is not None and led.shape.kind not in ("object", "boolean") else None
        target = target or (label_field(shape) if token.kind in ("quoted", "hash") else None)
        return equals(target, token.value.lstrip("#")) if target else None
    if token.kind != "word" or not is_content(token):
        return None
    flag = field_named(shape, token.stem)
    if flag is not None and flag.shape.kind == "boolean":
        return name(flag.name)
    for found in shape.fields:
        choice = next((choice for choice in found.shape.choices if stem(str(choice)) == token.stem), None)
        if choice is not None and found.shape.kind == "string":
            return equals(found, str(choice))
    if led is not None and led.shape.kind in ("string", "array") and led is not flag:
        return equals(led, token.value)
    return None


def _name_in(phrase: Phrase, used: set[int], own: set[str]) -> list[Token]:
    """`Initech renewal` of "the Initech renewal deal": words side by side, one of them with a capital."""
    run: list[Token] = []
    for token in phrase.tokens:
        free = token.start not in used and token is not phrase.noun and token not in phrase.projected
        if free and is_content(token) and token.start > 0 and token.stem not in own and not _says_order(token):
            run.append(token)
        elif any(one.value[:1].isupper() for one in run):
            break
        else:
            run = []
    return run if any(token.value[:1].isupper() for token in run) else []


def _contains(source: Source, text: str) -> str:
    label = label_field(source.shape)
    return f"contains({name(label.name)}, {literal(text)})" if label is not None else ""


def _field_led(source: Source, phrase: Phrase, at: int) -> Field | None:
    """A field's name that only leads to the value after it ("with email …")."""
    return field_named(source.shape, phrase.tokens[at].stem) if at + 1 < len(phrase.tokens) else None


def _says_order(token: Token) -> bool:
    return token.lower in _ORDER | frozenset(NUMBERS) | EACH | THOSE or token.lower == "many"


def _around(tokens: Sequence[Token], at: int, verb_at: int, noun: Token | None) -> Phrase:
    start = at
    of_at: int | None = None
    while start > verb_at + 1:
        before = tokens[start - 1]
        if before.lower == "of":
            of_at = start - 1
        elif of_at is not None and before.lower == "and":
            pass
        elif before.kind == "quoted":
            if noun is None or start != at:
                break
        elif before.kind not in ("word", "number") or before.lower in PREPOSITIONS:
            break
        start -= 1
    end = at + 1
    if tokens[at].lower in ("it", "this", "that", "them", "these", "those", "there"):
        tokens = tokens[:end]  # what follows, as in "label it bug", is no part of it
    while end < len(tokens):
        token = tokens[end]
        if token.lower in _STOPS or token.kind == "text":
            break
        follows = tokens[end + 1] if end + 1 < len(tokens) else None
        if token.lower in ("in", "on") and follows is not None and follows.kind == "hash":
            break
        end += 1
    projected = [token for token in tokens[start:of_at] if is_content(token)] if of_at is not None else []
    part = list(tokens[start:end])
    each = any(token.lower in ("each", "every") for token in part)
    return Phrase(part, noun, each, projected)
