"""JMESPath with a budget: for expressions and data that nobody here wrote.

`[@,@][]` twenty times over is short to write and a million elements to build. So an expression is bounded in length, nodes and
depth when it is parsed, and in what it builds when it is evaluated. Grammar: https://jmespath.org/specification.html
"""

import json
import math
import warnings
from collections.abc import Iterator
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

_TOO_COMPLEX = "is too complex."

Node = dict[str, Any]
"""Of a parsed expression: type, value, children."""


class ExpressionProblem(Exception):
    """An expression that can't be parsed or worked out. `str()` goes on after its name: "is not JMESPath: …"."""


def parse(expression: str) -> Node:
    """Raises `ExpressionProblem`."""
    if len(expression) > MAX_LENGTH:
        raise ExpressionProblem(f"is longer than {MAX_LENGTH} characters.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PendingDeprecationWarning)  # of `text` that is no JSON, which models write
            parsed = cast("Node", jmespath.compile(expression).parsed)
    except RecursionError as error:
        raise ExpressionProblem(_TOO_COMPLEX) from error
    except (exceptions.JMESPathError, ValueError) as error:
        raise ExpressionProblem(f"is not JMESPath: {str(error).partition(chr(10))[0]}") from error
    for parent, node in _walk(parsed):
        if node["type"] == "expref" and parent != "function_expression":
            raise ExpressionProblem("is not JMESPath: & stands only before a function's argument.")
    return parsed


def evaluate(parsed: Node, data: Any, interpreter: "Bounded | None" = None) -> Any:
    """What the expression finds in JSON `data`. Raises `ExpressionProblem`."""
    try:
        return (interpreter or Bounded()).visit(parsed, data)
    except (exceptions.JMESPathError, ArithmeticError, TypeError, ValueError, RecursionError) as error:
        # More than its own errors: `[::0]`, `contains('a', 1)` and `ceil(to_number('inf'))` end in Python's.
        raise ExpressionProblem(f"can't be worked out: {error}") from error


def same(one: Any, other: Any) -> bool:
    """Are two JSON values equal? To Python `True == 1`, also inside of lists. Raises `RecursionError`."""
    if isinstance(one, list):
        return isinstance(other, list) and len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return (
            isinstance(other, dict)
            and one.keys() == other.keys()
            and all(same(value, other[name]) for name, value in one.items())
        )
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def children(node: Node) -> list[Node]:
    """The nodes right below. (A slice has numbers there.)"""
    return [child for child in node.get("children", []) if isinstance(child, dict)]


def function_problem(parsed: Node) -> str | None:
    """A function that does not exist, or with another number of arguments; JMESPath itself tells when it is called."""
    for _, node in _walk(parsed):
        if node["type"] != "function_expression":
            continue
        name, given = node["value"], len(node["children"])
        known = functions.Functions.FUNCTION_TABLE.get(name)
        if known is None:
            return f"calls {name}(), which JMESPath does not have."
        signature = known["signature"]
        variadic = bool(signature and signature[-1].get("variadic"))
        if given < len(signature) or (given > len(signature) and not variadic):
            return f"gives {name}() {given} arguments; it takes {len(signature)}{' or more' if variadic else ''}."
    return None


def _walk(parsed: Node) -> Iterator[tuple[str, Node]]:
    """(type of the parent, node), without recursion: what is too deep for it is what must be found."""
    nodes, left = 0, [(1, "", parsed)]
    while left:
        depth, parent, node = left.pop()
        nodes += 1
        if nodes > MAX_NODES or depth > MAX_DEPTH:
            raise ExpressionProblem(_TOO_COMPLEX)
        yield parent, node
        left.extend((depth + 1, node["type"], child) for child in children(node))


_TOO_MUCH = (
    f"builds more than {MAX_ELEMENTS:,} elements or {MAX_TEXT:,} characters. What it is given may be larger: take a part first, "
    "by [0], [:100] or [?…]."
)
_HANDS_ON = frozenset(
    {"field", "current", "identity", "literal", "index", "subexpression", "index_expression", "pipe", "or_expression", "and_expression"}
)  # fmt: skip
"""Kinds of node that make nothing: what comes of them was there before, or was measured when it was made."""
_CHOOSING = frozenset({"not_null", "max", "min", "max_by", "min_by", "to_array"})
"""Functions that may bring what they were given."""
_AT_A_GLANCE = frozenset({"length", "type", "not_null", "to_array"})
"""Functions that take no longer for what is large."""
_SEARCHING = frozenset({"sort", "max", "min", "join", "to_string"})
"""Functions that look at all of what they are given, and not only at how much it is."""


def parts_of(value: Any, most: int) -> int:
    """How much there is to look at in a JSON value: its parts, and a hundred characters for one. Not counted much beyond `most`."""
    parts, left = 0, [value]
    while left and parts <= most:
        part = left.pop()
        parts += 1
        if isinstance(part, str):
            parts += len(part) // 100
        elif isinstance(part, dict):
            parts += len(part)
            if parts <= most:
                left.extend(part.values())
        elif isinstance(part, list):
            if parts + len(part) > most:
                return parts + len(part)
            left.extend(part)
    return parts


class _Functions(functions.Functions):
    @functions.signature({"types": []})
    def _func_to_string(self, arg: Any) -> str:
        if isinstance(arg, str):
            return arg
        # Of each part that is counted as 4, JSON has 2 characters at least.
        if _characters(arg, 2 * MAX_TEXT) > 2 * MAX_TEXT:
            raise ExpressionProblem(_TOO_MUCH)
        return json.dumps(arg, separators=(",", ":"))

    @functions.signature({"types": ["string"]}, {"types": ["array-string"]})
    def _func_join(self, separator: str, parts: list[str]) -> str:
        if len(separator) * len(parts) + sum(map(len, parts)) > MAX_TEXT:
            raise ExpressionProblem(_TOO_MUCH)
        return separator.join(parts)

    @functions.signature({"types": ["array", "string"]}, {"types": []})
    def _func_contains(self, subject: list[Any] | str, search: Any) -> bool:
        if isinstance(subject, str):
            return search in subject
        return any(same(item, search) for item in subject)


def _characters(value: Any, most: int) -> int:
    """Of JSON, roughly. Not counted much beyond `most`."""
    characters, left = 0, [value]
    while left and characters <= most:
        part = left.pop()
        characters += len(part) + 2 if isinstance(part, str) else 4
        if isinstance(part, dict):
            left.extend(part.values())
        elif isinstance(part, list):
            left.extend(part)
    return characters


class Bounded(visitor.TreeInterpreter):
    """Stops as soon as a value that is made has grown past the budget: each kind of node at most doubles what it is given. What it
    is given may be of any size.
    """

    def __init__(self) -> None:
        super().__init__(jmespath.Options())
        self._called = _Functions()
        self._built = 0

    def visit(self, node: Any, *args: Any, **kwargs: Any) -> Any:
        value = super().visit(node, *args, **kwargs)
        kind = node["type"]
        makes = kind not in _HANDS_ON and not (kind == "function_expression" and node["value"] in _CHOOSING)
        if makes and isinstance(value, list | str):
            if len(value) > (MAX_TEXT if isinstance(value, str) else MAX_ELEMENTS):
                raise ExpressionProblem(_TOO_MUCH)
            self.looks_along(value)
        if isinstance(value, float) and not math.isfinite(value):
            raise ExpressionProblem(f"comes to {value}, which is not a number that JSON has.")
        if kind in {"multi_select_list", "multi_select_dict"}:
            left = MAX_BUILT - self._built
            self.looks_through(value)
            self._built += _characters(value, left)
            if self._built > MAX_BUILT:
                raise ExpressionProblem(_TOO_MUCH)
        return value

    def looks_through(self, *values: Any) -> None:
        """Told before all of these are walked through. Raises `ExpressionProblem` if that would be too much: here, never."""

    def looks_along(self, *values: Any) -> None:
        """The same, of what takes as long as a text, a list or an object is."""

    def visit_comparator(self, node: Any, value: Any) -> Any:
        one, other = (self.visit(child, value) for child in node["children"])
        kind = node["value"]
        if kind in ("eq", "ne"):
            if _may_be_same(one, other):
                self.looks_through(one, other)
            return same(one, other) is (kind == "eq")
        if isinstance(one, str) and isinstance(other, str):
            self.looks_through(min(one, other, key=len))
        literals = [{"type": "literal", "value": found, "children": []} for found in (one, other)]
        ordering: Any = {"type": "comparator", "value": kind, "children": literals}
        return super().visit_comparator(ordering, value)

    def visit_function_expression(self, node: Any, value: Any) -> Any:
        name, given = node["value"], [self.visit(child, value) for child in node["children"]]
        if name in _SEARCHING or (name == "contains" and isinstance(given[-1], dict | list)):
            self.looks_through(*given)
        elif name not in _AT_A_GLANCE:
            self.looks_along(*given)
        return self._called.call_function(name, given)


def _may_be_same(one: Any, other: Any) -> bool:
    """Can only a look at what is in them tell?"""
    kinds = (dict, list, str)
    return isinstance(one, kinds) and type(one) is type(other) and len(one) == len(other)
