"""References between steps: `${…}` holds JMESPath over the outputs of earlier steps.

A string that is exactly one reference keeps the type of its value; otherwise values are put into the text. Binding
is one pass over the plan's own strings: a `${` in an output is data. Expressions come from a model, so they have a
budget (`nango_tools.expressions`).
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from nango_tools.expressions import MAX_LENGTH, MAX_TEXT, ExpressionProblem, Node, children, evaluate, parse


class ReferenceProblem(Exception):
    """A reference that can't be followed. `str()` is a sentence."""


def steps_referred_to(value: Any) -> frozenset[str]:
    """Ids (and `item`) at the root of every reference in a JSON value. Broken expressions refer to nothing."""
    roots: set[str] = set()
    for expression in _expressions(value):
        try:
            roots.update(_roots(expression, _parse(expression)))
        except ReferenceProblem:
            continue
    return frozenset(roots)


def reference_problem(value: Any) -> str | None:
    """What is wrong with the references in a JSON value, or None."""
    for expression in _expressions(value):
        try:
            parsed = _parse(expression)
            # A literal is the way to write `${` itself: ${'$'}{
            if not _roots(expression, parsed) and parsed["type"] != "literal":
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
    found = {}
    for root in sorted(_roots(expression, parsed)):
        # Steps are functions of nothing: a name that is missing is a mistake, not null.
        if root not in outputs:
            raise ReferenceProblem(f"${{{expression}}} needs {root}, which has no output.")
        found[root] = outputs[root]
    try:
        # There is nothing else to be found: what a call may hold is told by the roots, which rules are asked about.
        return evaluate(parsed, found)
    except ExpressionProblem as problem:
        raise _named(expression, problem) from problem


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


def _parse(expression: str) -> Node:
    try:
        return parse(expression)
    except ExpressionProblem as problem:
        raise _named(expression, problem) from problem


def _named(expression: str, problem: ExpressionProblem) -> ReferenceProblem:
    shown = expression if len(expression) <= MAX_LENGTH else f"{expression[:40]}…"
    return ReferenceProblem(f"${{{shown}}} {problem}")


# Kinds of node whose later children look at what the first one found, not at the top.
_NARROWING = {
    "subexpression", "pipe", "projection", "value_projection", "filter_projection", "index_expression",
}  # fmt: skip
# Kinds of node whose children all look at what they look at themselves.
_PASSING = {
    "or_expression", "and_expression", "not_expression", "comparator", "function_expression", "multi_select_list",
    "multi_select_dict", "key_val_pair", "flatten",
}  # fmt: skip


def _roots(expression: str, parsed: Node) -> frozenset[str]:
    """Names that an expression looks up at the top. Raises `ReferenceProblem` where it looks at all that is there."""
    roots, left = set[str](), [parsed]
    while left:
        node = left.pop()
        kind, below = node["type"], children(node)
        if kind == "field":
            roots.add(node["value"])
        elif kind in _NARROWING:
            left += below[:1]
        elif kind in _PASSING:
            left += below
        elif kind not in {"literal", "expref"}:
            # `&…` is worked out for the elements of what its function is given.
            told = "must begin with the id of a step: @, * and [ ] alone stand for nothing here."
            raise ReferenceProblem(f"${{{expression}}} {told}")
    return frozenset(roots)
