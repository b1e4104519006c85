"""References between steps: `${…}` holds JMESPath over the outputs of earlier steps.

A string that is exactly one reference keeps the type of its value; otherwise values are put into the text. Binding
is one pass over the plan's own strings: a `${` in an output is data. Expressions come from a model, so they have a
budget: `[@,@][]` twenty times over is short to write and a million elements to build.
Grammar: https://jmespath.org/specification.html
"""

import json
import math
import warnings
from collections.abc import Iterator, Mapping
from typing import Any, cast

import jmespath
from jmespath import exceptions, functions, visitor

MAX_LENGTH = 500
MAX_NODES = 80
MAX_DEPTH = 24
MAX_ELEMENTS = 50_000
MAX_TEXT = 200_000
MAX_BUILT = 5_000_000
"""Characters of JSON, roughly, that one expression may build: lists can hold the same large value many times over."""


class ReferenceProblem(Exception):
    """A reference that can't be followed. `str()` is a sentence."""


def steps_referred_to(value: Any) -> frozenset[str]:
    """Ids (and `item`) at the root of every reference in a JSON value. Broken expressions refer to nothing."""
    roots: set[str] = set()
    for expression in _expressions(value):
        try:
            roots.update(_roots(_parse(expression)))
        except ReferenceProblem:
            continue
    return frozenset(roots)


def reference_problem(value: Any) -> str | None:
    """What is wrong with the references in a JSON value, or None."""
    for expression in _expressions(value):
        try:
            parsed = _parse(expression)
            # A literal is the way to write `${` itself: ${'$'}{
            if parsed["type"] != "literal" and not _roots(parsed):
                return f"${{{expression}}} refers to no step."
        except ReferenceProblem as problem:
            return str(problem)
    return None


def is_unbound(text: str) -> bool:
    """Does the string hold a reference?"""
    return next(_split(text), (text, None)) != (text, None)


def is_one_reference(text: str) -> bool:
    """Is the string exactly one reference, so that it may become something else than text?"""
    pieces = list(_split(text))
    return len(pieces) == 1 and pieces[0][1] is not None and not pieces[0][0]


def bind(value: Any, outputs: Mapping[str, Any]) -> Any:
    """The value with every reference replaced. Raises `ReferenceProblem`."""
    if isinstance(value, str):
        return _bind_text(value, outputs)
    if isinstance(value, list):
        return [bind(item, outputs) for item in value]
    if isinstance(value, dict):
        return {key: bind(item, outputs) for key, item in value.items()}
    return value


def _bind_text(text: str, outputs: Mapping[str, Any]) -> Any:
    if is_one_reference(text):
        return _evaluate(text[2:-1], outputs)
    bound = ""
    for plain, expression in _split(text):
        bound += plain
        if expression is not None:
            value = _evaluate(expression, outputs)
            if value is None:
                raise ReferenceProblem(f"${{{expression}}} found nothing.")
            bound += value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        if len(bound) > MAX_TEXT:
            raise ReferenceProblem(f"The text grew past {MAX_TEXT} characters.")
    return bound


def _evaluate(expression: str, outputs: Mapping[str, Any]) -> Any:
    parsed = _parse(expression)
    # Steps are functions of nothing: a name that is missing is a mistake, not null.
    for root in _roots(parsed):
        if root not in outputs:
            raise ReferenceProblem(f"${{{expression}}} needs {root}, which has no output.")
    try:
        return _Bounded().visit(parsed, dict(outputs))
    except (exceptions.JMESPathError, ArithmeticError, TypeError, ValueError, RecursionError) as error:
        # More than its own errors: `[::0]`, `contains('a', 1)` and `ceil(to_number('inf'))` end in Python's.
        raise ReferenceProblem(f"${{{expression}}} can't be worked out: {error}") from error


def _split(text: str) -> Iterator[tuple[str, str | None]]:
    """Pieces of (plain text, expression). Braces and quotes inside an expression are balanced."""
    position = 0
    while (start := text.find("${", position)) >= 0:
        end = _closing(text, start + 2)
        if end is None:
            break
        yield text[position:start], text[start + 2 : end]
        position = end + 1
    if position < len(text) or not text:
        yield text[position:], None


def _closing(text: str, start: int) -> int | None:
    depth, quote, index = 1, "", start
    while index < len(text):
        character = text[index]
        if quote:
            if character == "\\":
                index += 1
            elif character == quote:
                quote = ""
        elif character in "'\"`":
            quote = character
        elif character == "{":
            depth += 1
        elif character == "}":
            depth -= 1
            if depth == 0:
                return index
        index += 1
    return None


def _expressions(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield from (expression for _, expression in _split(value) if expression is not None)
    elif isinstance(value, list):
        for item in value:
            yield from _expressions(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _expressions(item)


def _parse(expression: str) -> dict[str, Any]:
    if len(expression) > MAX_LENGTH:
        raise ReferenceProblem(f"A reference is longer than {MAX_LENGTH} characters.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PendingDeprecationWarning)  # of `text` that is no JSON, which models write
            parsed = cast("dict[str, Any]", jmespath.compile(expression).parsed)
    except (exceptions.JMESPathError, ValueError, RecursionError) as error:
        raise ReferenceProblem(f"${{{expression}}} is not JMESPath: {str(error).partition(chr(10))[0]}") from error
    _check_size(parsed, expression)
    return parsed


def _check_size(parsed: dict[str, Any], expression: str) -> None:
    """Without recursion: what is too deep for it is what must be found."""
    nodes, left = 0, [(parsed, 1, "")]
    while left:
        node, depth, parent = left.pop()
        nodes += 1
        if nodes > MAX_NODES or depth > MAX_DEPTH:
            raise ReferenceProblem(f"${{{expression}}} is too complex.")
        if node["type"] == "expref" and parent != "function_expression":
            raise ReferenceProblem(f"${{{expression}}} is not JMESPath: & stands only before a function's argument.")
        left.extend((child, depth + 1, node["type"]) for child in _children(node))


def _children(node: dict[str, Any]) -> list[dict[str, Any]]:
    return [child for child in node.get("children", []) if isinstance(child, dict)]


# Kinds of node whose later children look at what the first one found, not at the top.
_NARROWING = {
    "subexpression", "pipe", "projection", "value_projection", "filter_projection", "index_expression", "expref",
}  # fmt: skip


def _roots(node: dict[str, Any]) -> set[str]:
    """Names that an expression looks up at the top."""
    kind, children = node["type"], _children(node)
    if kind == "field":
        return {node["value"]}
    if kind == "expref":
        return set()
    if kind in _NARROWING:
        children = children[:1]
    return set().union(*map(_roots, children)) if children else set()


_TOO_MUCH = f"A reference builds more than {MAX_ELEMENTS} elements or {MAX_TEXT} characters."


class _Functions(functions.Functions):
    @functions.signature({"types": ["string"]}, {"types": ["array-string"]})
    def _func_join(self, separator: str, parts: list[str]) -> str:
        if len(separator) * len(parts) + sum(map(len, parts)) > MAX_TEXT:
            raise ReferenceProblem(_TOO_MUCH)
        return separator.join(parts)


class _Bounded(visitor.TreeInterpreter):
    """Stops as soon as a value has grown past the budget: each kind of node at most doubles what it is given."""

    def __init__(self) -> None:
        super().__init__(jmespath.Options(custom_functions=_Functions()))
        self._built = 0

    def visit(self, node: Any, *args: Any, **kwargs: Any) -> Any:
        value = super().visit(node, *args, **kwargs)
        if isinstance(value, list | str) and len(value) > (MAX_TEXT if isinstance(value, str) else MAX_ELEMENTS):
            raise ReferenceProblem(_TOO_MUCH)
        if isinstance(value, float) and not math.isfinite(value):
            raise ReferenceProblem(f"{value} is not a number that JSON has.")
        if node["type"] in {"multi_select_list", "multi_select_dict"}:
            self._count(value)
        return value

    def _count(self, value: Any) -> None:
        left = [value]
        while left:
            part = left.pop()
            self._built += len(part) + 2 if isinstance(part, str) else 4
            if self._built > MAX_BUILT:
                raise ReferenceProblem(_TOO_MUCH)
            if isinstance(part, dict):
                left.extend(part.values())
            elif isinstance(part, list):
                left.extend(part)
