"""JMESPath with a budget: for expressions and data that nobody here wrote.

`[@,@][]` twenty times over is short to write and a million elements to build. So an expression is bounded in length, nodes and
depth when it is parsed, and in what it builds when it is evaluated. Grammar: https://jmespath.org/specification.html
"""

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


_TOO_MUCH = f"builds more than {MAX_ELEMENTS} elements or {MAX_TEXT} characters."


class _Functions(functions.Functions):
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


class Bounded(visitor.TreeInterpreter):
    """Stops as soon as a value has grown past the budget: each kind of node at most doubles what it is given."""

    def __init__(self) -> None:
        super().__init__(jmespath.Options(custom_functions=_Functions()))
        self._built = 0

    def visit(self, node: Any, *args: Any, **kwargs: Any) -> Any:
        value = super().visit(node, *args, **kwargs)
        if isinstance(value, list | str) and len(value) > (MAX_TEXT if isinstance(value, str) else MAX_ELEMENTS):
            raise ExpressionProblem(_TOO_MUCH)
        if isinstance(value, float) and not math.isfinite(value):
            raise ExpressionProblem(f"comes to {value}, which is not a number that JSON has.")
        if node["type"] in {"multi_select_list", "multi_select_dict"}:
            self._count(value)
        return value

    def visit_comparator(self, node: Any, value: Any) -> Any:
        if node["value"] not in ("eq", "ne"):
            return super().visit_comparator(node, value)
        one, other = (self.visit(child, value) for child in node["children"])
        return same(one, other) is (node["value"] == "eq")

    def _count(self, value: Any) -> None:
        left = [value]
        while left:
            part = left.pop()
            self._built += len(part) + 2 if isinstance(part, str) else 4
            if self._built > MAX_BUILT:
                raise ExpressionProblem(_TOO_MUCH)
            if isinstance(part, dict):
                left.extend(part.values())
            elif isinstance(part, list):
                left.extend(part)
