"""References between steps: `${…}` holds JMESPath over the outputs of earlier steps.

A string that is exactly one reference keeps the type of its value; otherwise values are put into the text. Binding
is one pass over the plan's own strings: a `${` in an output is data. Expressions come from a model, so each has a
budget (`nango_tools.expressions`), and so has all that one step binds for all its items (`Binding`).
"""

import contextlib
import json
from collections.abc import Mapping
from typing import Any

from nango_graph.planning.reference_syntax import expressions_in, pieces, roots_of
from nango_tools.expressions import (
    MAX_LENGTH,
    MAX_TEXT,
    Bounded,
    ExpressionProblem,
    Node,
    evaluate,
    function_problem,
    parse,
    parts_of,
)

MAX_BOUND = 20_000_000
"""Characters of JSON, roughly, that the arguments of all calls of one step may have together."""
MAX_WORK = 1_000_000
"""Parts of expressions looked at, and a share of what they look through, in binding one step: a second or two."""
_AT_A_STROKE = 4
"""Parts of a value that are got through in the time in which one part of an expression is visited."""
_A_CALL = 100
"""Parts of expressions that could be visited in the time in which the arguments of one call are put together."""


class ReferenceProblem(Exception):
    """A reference that can't be followed. `str()` is a sentence."""


class TakesLonger(Exception):
    """More than was to be done at once. Nothing is wrong with the reference."""


def steps_referred_to(value: Any) -> frozenset[str]:
    """Ids (and `item`) at the root of every reference in a JSON value. Broken expressions refer to nothing."""
    roots: set[str] = set()
    for expression in expressions_in(value):
        try:
            roots.update(_roots(expression, _parse(expression)))
        except ReferenceProblem:
            continue
    return frozenset(roots)


def reference_problem(value: Any) -> str | None:
    """What is wrong with the references in a JSON value, or None."""
    for expression in expressions_in(value):
        try:
            parsed = _parse(expression)
            # A literal is the way to write `${` itself: ${'$'}{
            if not _roots(expression, parsed) and parsed["type"] != "literal":
                return f"${{{expression}}} refers to no step."
            if problem := function_problem(parsed):
                return f"${{{expression}}} {problem}"
        except ReferenceProblem as problem:
            return str(problem)
    return None


def selection_problem(expression: str) -> str | None:
    """What is wrong with an expression over a step's own output, as the rest of a sentence; or None."""
    try:
        return function_problem(parse(expression))
    except ExpressionProblem as problem:
        return str(problem)


def names_at_the_top(expression: str) -> frozenset[str]:
    """Of an expression without `${}`. None of one that looks at all there is, or can't be parsed."""
    try:
        return _roots(expression, _parse(expression))
    except ReferenceProblem:
        return frozenset()


def is_unbound(text: str) -> bool:
    """Does the string hold a reference?"""
    return next(pieces(text), (text, None)) != (text, None)


def is_one_reference(text: str) -> bool:
    """Is the string exactly one reference, so that it may become something else than text?"""
    found = list(pieces(text))
    return len(found) == 1 and found[0][1] is not None and not found[0][0]


def bind(value: Any, outputs: Mapping[str, Any]) -> Any:
    """The value with every reference replaced. Raises `ReferenceProblem`."""
    return Binding(outputs).bind(value)


class Binding:
    """The references of one step. What all its calls come to has one budget, whatever each of them does."""

    def __init__(self, outputs: Mapping[str, Any], *, at_once: int | None = None) -> None:
        """`at_once`: the work after which `TakesLonger` is raised, less than `MAX_WORK`."""
        self._outputs = outputs
        self._at_once = at_once
        self._found: dict[str, Any] = {}
        """By expression, of those that are the same for every item."""
        self._parsed: dict[str, tuple[Node, frozenset[str]]] = {}
        """By expression: with its roots."""
        self._bound = 0
        self._work = 0

    def value_of(self, reference: str) -> Any:
        """What a `for_each` or a `when` comes to. Raises `ReferenceProblem`."""
        return self._text(reference, {})

    def bind(self, value: Any, item: Mapping[str, Any] | None = None) -> Any:
        """The value with every reference replaced; item: `{"item": …}`, of a step that runs for each. Raises `ReferenceProblem`."""
        bound = self._bind(value, item or {})
        self.will_walk_through(bound)
        self._count(bound)
        return bound

    def at_leisure(self, *values: Any) -> "Binding":
        """One that may take its time, in another thread. What stands in `values` is parsed here and now: neither JMESPath's parser nor
        `warnings` may be used by two threads at once.
        """
        other = Binding(self._outputs)
        for expression in expressions_in(list(values)):
            with contextlib.suppress(ReferenceProblem):  # of which the same is told when it is worked out
                self._read(expression)
        other._parsed = self._parsed
        return other

    def will_walk_through(self, value: Any, *, calls: int = 0) -> None:
        """Raises `TakesLonger` where that is too much to be done at once."""
        if self._at_once is not None:
            self.work(calls * _A_CALL)
            self.look_through(value)

    def _bind(self, value: Any, item: Mapping[str, Any]) -> Any:
        if isinstance(value, str):
            return self._text(value, item)
        if isinstance(value, list):
            return [self._bind(part, item) for part in value]
        if isinstance(value, dict):
            return {key: self._bind(part, item) for key, part in value.items()}
        return value

    def _text(self, text: str, item: Mapping[str, Any]) -> Any:
        if is_one_reference(text):
            return self._evaluate(text[2:-1], item)
        bound = ""
        for plain, expression in pieces(text):
            bound += plain
            if expression is not None:
                value = self._evaluate(expression, item)
                if value is None:
                    raise ReferenceProblem(f"${{{expression}}} found nothing.")
                bound += value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            if len(bound) > MAX_TEXT:
                raise ReferenceProblem(f"The text grew past {MAX_TEXT} characters.")
        return bound

    def _evaluate(self, expression: str, item: Mapping[str, Any]) -> Any:
        if expression in self._found:
            return self._found[expression]
        parsed, roots = self._read(expression)
        seen = {}
        for root in sorted(roots):
            # Steps are functions of nothing: a name that is missing is a mistake, not null.
            if root not in item and root not in self._outputs:
                raise ReferenceProblem(f"${{{expression}}} needs {root}, which has no output.")
            seen[root] = item[root] if root in item else self._outputs[root]
        try:
            # There is nothing else to be found: what a call may hold is told by the roots, which rules are asked about.
            value = evaluate(parsed, seen, _Working(self))
        except ExpressionProblem as problem:
            raise _named(expression, problem) from problem
        if roots.isdisjoint(item):
            self._found[expression] = value
        return value

    def _read(self, expression: str) -> tuple[Node, frozenset[str]]:
        if expression not in self._parsed:
            parsed = _parse(expression)
            self._parsed[expression] = parsed, _roots(expression, parsed)
        return self._parsed[expression]

    def look_through(self, *values: Any) -> None:
        """Before all of these are walked through. Raises as `work`."""
        for value in values:
            most = MAX_WORK if self._at_once is None else self._at_once
            self.work(parts_of(value, max(0, most - self._work) * _AT_A_STROKE) // _AT_A_STROKE)

    def work(self, amount: int) -> None:
        """Raises `ExpressionProblem` once there was too much of it, or `TakesLonger`."""
        self._work += amount
        if self._at_once is not None and self._work > self._at_once:
            raise TakesLonger
        if self._work > MAX_WORK:
            raise ExpressionProblem(
                "takes too long to be worked out, for all calls of the step together: refer to less."
            )

    def _count(self, value: Any) -> None:
        left = [value]
        while left:
            part = left.pop()
            self._bound += len(part) + 2 if isinstance(part, str) else 4
            if self._bound > MAX_BOUND:
                raise ReferenceProblem(
                    f"The arguments of all calls of this step come to more than {MAX_BOUND // 1_000_000} MB together: "
                    "pass on less of what earlier steps brought, or to fewer items."
                )
            if isinstance(part, dict):
                self._bound += sum(map(len, part))
                left.extend(part.values())
            elif isinstance(part, list):
                left.extend(part)


class _Working(Bounded):
    """Counts what the expressions of one step look at, all together."""

    def __init__(self, binding: Binding) -> None:
        super().__init__()
        self._binding = binding

    def visit(self, node: Any, *args: Any, **kwargs: Any) -> Any:
        self._binding.work(1)
        return super().visit(node, *args, **kwargs)

    def looks_through(self, *values: Any) -> None:
        self._binding.look_through(*values)

    def looks_along(self, *values: Any) -> None:
        self._binding.work(sum(_length(value) for value in values))


def _length(value: Any) -> int:
    if isinstance(value, str):
        return len(value) // 100
    return len(value) // _AT_A_STROKE if isinstance(value, dict | list) else 0


def _parse(expression: str) -> Node:
    try:
        return parse(expression)
    except ExpressionProblem as problem:
        raise _named(expression, problem) from problem


def _named(expression: str, problem: ExpressionProblem) -> ReferenceProblem:
    shown = expression if len(expression) <= MAX_LENGTH else f"{expression[:40]}…"
    return ReferenceProblem(f"${{{shown}}} {problem}")


def _roots(expression: str, parsed: Node) -> frozenset[str]:
    """Names that an expression looks up at the top. Raises `ReferenceProblem` where it looks at all that is there."""
    roots = roots_of(parsed)
    if roots is None:
        told = "must begin with the id of a step: @, * and [ ] alone stand for nothing here."
        raise ReferenceProblem(f"${{{expression}}} {told}")
    return roots
