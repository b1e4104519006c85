"""Conditions on the arguments of a call: a JMESPath question, or a JSON Schema that they must fit.

Both are checked when they are read. A condition that can't be worked out for certain arguments says so, and never guesses: what
that means is for the rule to decide.
"""

from collections.abc import Mapping
from typing import Any, Protocol

from jsonschema import Draft202012Validator
from referencing import Registry

from nango_tools.expressions import Bounded, ExpressionProblem, Node, children, evaluate, function_problem, parse


class Undecided(Exception):
    """The condition can't be worked out for these arguments."""


class Condition(Protocol):
    def holds(self, arguments: Any) -> bool:
        """Raises `Undecided`."""


class Question:
    """JMESPath that is answered with true or false.

    More careful than the language, where what is missing is null, null is smaller than nothing and `!null` is true: an ordering
    of anything but two numbers or two texts, and the opposite of null, can't be worked out.
    """

    def __init__(self, expression: str) -> None:
        """Raises `ValueError` with a sentence."""
        try:
            self._parsed = parse(expression)
        except ExpressionProblem as problem:
            raise ValueError(f"the expression {problem}") from problem
        if unknown := function_problem(self._parsed):
            raise ValueError(f"the expression {unknown}")
        if not _is_yes_or_no(self._parsed):
            raise ValueError(
                "the expression is no question: compare something (amount > `1000`, draft == `true`), or use contains(), "
                "starts_with() or ends_with()."
            )
        self._expression = expression

    def holds(self, arguments: Any) -> bool:
        try:
            answer = evaluate(self._parsed, arguments, _Exact())
        except ExpressionProblem as problem:
            raise Undecided from problem
        if not isinstance(answer, bool):
            raise Undecided
        return answer

    def __repr__(self) -> str:
        return f"Question({self._expression!r})"


_ANSWERING = {"contains", "starts_with", "ends_with"}


def _is_yes_or_no(node: Node) -> bool:
    match node["type"]:
        case "comparator":
            return True
        case "and_expression" | "or_expression" | "not_expression":
            return all(map(_is_yes_or_no, children(node)))
        case "function_expression":
            return node["value"] in _ANSWERING
        case "pipe":
            return _is_yes_or_no(children(node)[-1])
        case _:
            return False


class _Exact(Bounded):
    def visit_comparator(self, node: Any, value: Any) -> Any:
        answer = super().visit_comparator(node, value)
        if answer is None:
            raise ExpressionProblem("compares what has no order.")
        return answer

    def visit_not_expression(self, node: Any, value: Any) -> Any:
        answer = self.visit(node["children"][0], value)
        if answer is None:
            raise ExpressionProblem("asks for the opposite of nothing.")
        return answer is False or answer in ("", [], {})


class Fit:
    """A JSON Schema (draft 2020-12) that the arguments fit. What may stand in it: `check_schema`."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._schema = dict(schema)
        self._validator = Draft202012Validator(self._schema, registry=Registry())

    def holds(self, arguments: Any) -> bool:
        if not isinstance(arguments, Mapping):
            raise Undecided
        try:
            return self._validator.is_valid(arguments)
        except (ArithmeticError, TypeError, ValueError, RecursionError) as error:
            raise Undecided from error

    def __repr__(self) -> str:
        return f"Fit({self._schema!r})"
