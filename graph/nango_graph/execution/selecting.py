"""What a step's `select` finds in its output, within limits: the output may be large, and neither it nor the expression is ours."""

from typing import Any

from nango_graph.planning.signatures import characters_in
from nango_tools.expressions import Bounded, ExpressionProblem, evaluate, parse

MAX_WORK = 300_000
"""Nodes of the expression times the values they are worked out for: a second or so."""
_AT_A_STROKE = 100
"""Characters that a function or a comparison gets through in the time in which one node is visited."""


def selected(expression: str, output: Any) -> Any:
    """Raises `ExpressionProblem`, whose text goes on after the expression."""
    return evaluate(parse(expression), output, _Brief())


class _Brief(Bounded):
    """Bounded in time too. What is built, and so the memory, is bounded anyway."""

    def __init__(self) -> None:
        super().__init__()
        self._left = MAX_WORK

    def visit(self, node: Any, *args: Any, **kwargs: Any) -> Any:
        self._left -= 1
        if node["type"] in {"function_expression", "comparator"}:
            # These may walk through all of what they are given.
            self._left -= characters_in(args[0], most=max(0, self._left) * _AT_A_STROKE) // _AT_A_STROKE
        if self._left < 0:
            raise ExpressionProblem("takes too long on this output.")
        return super().visit(node, *args, **kwargs)
