"""How references are written: where `${…}` stands in a text, and which names an expression looks up at the top."""

from collections.abc import Iterator
from typing import Any

from nango_tools.expressions import Node, children


def pieces(text: str) -> Iterator[tuple[str, str | None]]:
    """Of (plain text, expression). Braces and quotes inside an expression are balanced."""
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


def expressions_in(value: Any) -> Iterator[str]:
    """Of all references in a JSON value."""
    if isinstance(value, str):
        yield from (expression for _, expression in pieces(value) if expression is not None)
    elif isinstance(value, list):
        for item in value:
            yield from expressions_in(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from expressions_in(item)


# Kinds of node whose later children look at what the first one found, not at the top.
_NARROWING = {
    "subexpression", "pipe", "projection", "value_projection", "filter_projection", "index_expression",
}  # fmt: skip
# Kinds of node whose children all look at what they look at themselves.
_PASSING = {
    "or_expression", "and_expression", "not_expression", "comparator", "function_expression", "multi_select_list",
    "multi_select_dict", "key_val_pair", "flatten",
}  # fmt: skip


def roots_of(parsed: Node) -> frozenset[str] | None:
    """Names that an expression looks up at the top. None where it looks at all that is there."""
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
            return None
    return frozenset(roots)
