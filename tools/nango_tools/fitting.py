"""Do arguments fit a tool's JSON Schema? Nango itself checks nothing, and the provider has the last word.

Whoever deploys a tool writes its schema, and the arguments may come from anywhere. So what could take long (regular expressions, the
uniqueness of items) is not looked at, and the rest has a budget. `leniently` sees to it that this refuses nothing.
"""

from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from typing import Any

import jsonschema
from jsonschema import Draft202012Validator, FormatChecker, ValidationError, validators
from jsonschema.exceptions import best_match
from referencing import Registry

from nango_tools.expressions import same
from nango_tools.lenient import KEYWORDS, BrokenSchema, leniently

_LONGEST = 300
MAX_STEPS = 300_000
"""Of checking one call: some half a second. What is beyond them is not looked at."""
_ERROR = 25
"""Steps that an error costs, beside what it holds, wherever it comes by."""


def misfit(
    schema: dict[str, Any],
    arguments: Any,
    *,
    undecided: Callable[[jsonschema.ValidationError], bool] = lambda _: False,
) -> str | None:
    """What is wrong, in one compact line; None if nothing. undecided: which errors do not count yet. Raises nothing."""
    try:
        lenient = leniently(schema)
    except (BrokenSchema, RecursionError) as broken:
        return f"the tool's own schema is broken ({broken}), so nothing can be checked against it"
    try:
        found = best_match(error for error in _errors(lenient, arguments) if not undecided(error))
        if found is None:
            return _sendable(_unknown_name(schema, arguments))
        where = ".".join(map(str, found.absolute_path))[:_LONGEST] or "arguments"
        return _sendable(f"{where}: {found.message if len(found.message) < _LONGEST else found.validator}")
    except (RecursionError, ArithmeticError, ValueError, TypeError):
        # Numbers of thousands of digits, lists in lists in lists: what JSON hardly carries either.
        return "arguments: they are too deep, or hold numbers too long, to be checked"


def _sendable(text: str | None) -> str | None:
    """On one line, and without halves of characters, which JSON can bring and which can't be written down anywhere."""
    return None if text is None else " ".join(text.splitlines()).encode("utf-8", "backslashreplace").decode("utf-8")


def _unknown_name(schema: dict[str, Any], arguments: Any) -> str | None:
    """An argument that the tool does not have. The hosted MCP drops `additionalProperties`."""
    properties = schema.get("properties")
    open_ended = schema.get("additionalProperties") or schema.get("patternProperties")
    if not properties or open_ended or not isinstance(arguments, dict):
        return None
    if any(word in schema for word in ("anyOf", "oneOf", "allOf", "if")):
        return None
    unknown = sorted(set(arguments) - set(properties))
    return (
        f"{unknown[0][:_LONGEST]}: there is no such argument (there are: {', '.join(sorted(properties))})"
        if unknown
        else None
    )


class _Exhausted(Exception):
    """More to check than the budget has."""


class _Budget(FormatChecker):
    """Steps that are left. A format checker only because a validator hands its own on to all that it starts."""

    def __init__(self) -> None:
        super().__init__(())
        self._left = MAX_STEPS

    def take(self, steps: int) -> None:
        self._left -= steps
        if self._left < 0:
            raise _Exhausted


_Check = Callable[[Any, Any, Any, Any], Iterator[ValidationError]]


def _counted(check: _Check) -> _Check:
    def counted(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
        budget: _Budget = validator.format_checker
        budget.take(1 + (len(value) // 8 if isinstance(value, dict | list) else 0))
        if isinstance(instance, dict):
            budget.take(len(instance) // 8)
        for error in check(validator, value, instance, schema) or ():
            budget.take(_ERROR + len(error.message) // 100)  # a message holds the whole value
            yield error

    return counted


def _enum(validator: Any, options: Any, instance: Any, _: Any) -> Iterator[ValidationError]:
    if isinstance(instance, dict | list):
        validator.format_checker.take(_size(options))
    if not any(same(option, instance) for option in options):
        yield ValidationError(f"{instance!r} is not one of {options!r}")


def _const(validator: Any, option: Any, instance: Any, _: Any) -> Iterator[ValidationError]:
    if isinstance(instance, dict | list):
        validator.format_checker.take(_size(option))
    if not same(option, instance):
        yield ValidationError(f"{option!r} was expected")


def _multiple_of(validator: Any, unit: Any, instance: Any, _: Any) -> Iterator[ValidationError]:
    """As written in decimals, where 19.99 is a multiple of 0.01; and for numbers that no float holds."""
    if validator.is_type(instance, "number") and (_exact(instance) / _exact(unit)).denominator != 1:
        yield ValidationError(f"{instance!r} is not a multiple of {unit}")


def _exact(number: float) -> Fraction:
    return Fraction(number) if isinstance(number, int) else Fraction(repr(number))


def _size(value: Any) -> int:
    below: Any = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return 1 + sum(map(_size, below))


_CHECKS = {keyword: Draft202012Validator.VALIDATORS[keyword] for keyword in KEYWORDS}
_Lenient = validators.create(
    meta_schema=Draft202012Validator.META_SCHEMA,
    validators={
        keyword: _counted(check)
        for keyword, check in {**_CHECKS, "enum": _enum, "const": _const, "multipleOf": _multiple_of}.items()
    },
    type_checker=Draft202012Validator.TYPE_CHECKER,
)


def _errors(schema: Any, arguments: Any) -> Iterator[ValidationError]:
    # An empty registry: without one, addresses are fetched.
    validator = _Lenient(schema, format_checker=_Budget(), registry=Registry())
    try:
        yield from validator.iter_errors(arguments)
    except _Exhausted:
        return
