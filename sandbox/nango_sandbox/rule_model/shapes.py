"""The short type notation of the prompt, `{issues: [{number: integer, title?: string}]}`, read into `Shape`s."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<arrow>->) | (?P<dots>\.\.\.|…) | (?P<punct>[{}\[\]()|,:?])
      | (?P<string>"(?:[^"\\]|\\.)*") | (?P<number>-?\d+(?:\.\d+)?) | (?P<word>[^\s{}\[\]()|,:?"]+)
    )""",
    re.VERBOSE,
)


@dataclass(frozen=True)
class Shape:
    """What a value looks like. `kind` is string, number, integer, boolean, null, any, object or array."""

    kind: str = "any"
    fields: tuple["Field", ...] = ()
    items: "Shape | None" = None
    choices: tuple[str | int | float | bool, ...] = ()
    nullable: bool = False
    count: int | None = None  # of an array in a result: how many items it has

    def field(self, name: str) -> "Field | None":
        return next((field for field in self.fields if field.name == name), None)


@dataclass(frozen=True)
class Field:
    name: str
    shape: Shape
    required: bool = True
    description: str = ""


ANY = Shape()


class NotationError(ValueError):
    """The text is not in the notation; says where."""


def read_shape(text: str) -> Shape:
    """The shape written in `text`; `ANY` where it cannot be read, for a shape is a hint and never a promise."""
    try:
        return _Reader(text).whole()
    except NotationError:
        return ANY


def read_signature(text: str) -> tuple[str, tuple[Field, ...], Shape]:
    """`integration/tool(param: type, …) -> type` as its name, its parameters and its result. Raises `NotationError`."""
    name, bracket, rest = text.partition("(")
    if not bracket or "/" not in name:
        raise NotationError(f"not a signature: {text[:80]!r}")
    reader = _Reader(rest)
    fields = reader.fields(")")
    result = ANY
    if reader.peek() == "->":
        reader.take()
        result = reader.union()
    return name.strip(), fields, result


class _Reader:
    def __init__(self, text: str) -> None:
        self._tokens = list(_tokens(text))
        self._at = 0

    def peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def take(self, expected: str = "") -> str:
        token = self.peek()
        if not token or (expected and token != expected):
            raise NotationError(f"expected {expected or 'more'} at token {self._at}, found {token or 'the end'}")
        self._at += 1
        return token

    def whole(self) -> Shape:
        shape = self.union()
        if self.peek():
            raise NotationError(f"unexpected {self.peek()!r}")
        return shape

    def union(self) -> Shape:
        options = [self._one()]
        while self.peek() == "|":
            self.take()
            if self.peek() in ("...", "…"):  # some of many
                self.take()
            else:
                options.append(self._one())
        return _joined(options)

    def fields(self, closing: str) -> tuple[Field, ...]:
        found: list[Field] = []
        while self.peek() != closing:
            if self.peek() in ("...", "…"):
                self.take()
            else:
                name = self.take()
                name = name[1:-1] if name.startswith('"') else name
                required = self.peek() != "?"
                if not required:
                    self.take()
                self.take(":")
                found.append(Field(name, self.union(), required))
            if self.peek() == ",":
                self.take()
            elif self.peek() != closing:
                raise NotationError(f"expected , or {closing}, found {self.peek() or 'the end'}")
        self.take(closing)
        return tuple(found)

    def _count(self) -> int | None:
        if self.peek() != "(":
            return None
        self.take()
        number = self.take()
        self.take(")")
        return int(number) if number.isdecimal() else None

    def _one(self) -> Shape:
        sign = self.take()
        if sign == "{":
            return Shape("object", fields=self.fields("}"))
        if sign == "[":
            items = ANY if self.peek() == "]" else self.union()
            while self.peek() in (",", "...", "…"):
                self.take()
            self.take("]")
            return Shape("array", items=items, count=self._count())
        if sign == "(":
            inner = self.union()
            self.take(")")
            return inner
        if sign.startswith('"'):
            return Shape("string", choices=(re.sub(r"\\(.)", r"\1", sign[1:-1]),))
        if sign in ("true", "false"):
            return Shape("boolean", choices=(sign == "true",))
        if re.fullmatch(r"-?\d+", sign):
            return Shape("integer", choices=(int(sign),))
        if re.fullmatch(r"-?\d+\.\d+", sign):
            return Shape("number", choices=(float(sign),))
        if sign in ("string", "number", "integer", "boolean", "null", "object"):
            return Shape(sign)
        return ANY


def _tokens(text: str) -> Iterator[str]:
    at = 0
    text = text.rstrip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise NotationError(f"cannot read {text[at : at + 20]!r}")
        at = match.end()
        yield match.group().strip()


def _joined(options: list[Shape]) -> Shape:
    """A union keeps what a caller can use: its literals, else a text, else its first part, and whether it may be null."""
    real = [option for option in options if option.kind != "null"] or options
    if len(real) > 1 and all(option.choices for option in real):
        best = Shape(real[0].kind, choices=tuple(choice for option in real for choice in option.choices))
    else:
        plain = [option for option in real if not option.choices] or real
        best = next((option for option in plain if option.kind == "string"), plain[0])
    return replace(best, nullable=len(real) < len(options)) if len(options) > 1 else best
