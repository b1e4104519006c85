"""Conditions on arguments: what they find, and that what can't be worked out never speaks for a call."""

import time
from pathlib import Path
from typing import Any

import pytest

from nango_tools import Access
from nango_tools.policy import Action, Effect, Policy, PolicyError, Subject

PAY = Subject("acme", "pay", Access.WRITE)
LIST = Subject("acme", "list", Access.READ)


def _policy(folder: Path, effect: str, condition: str) -> Policy:
    file = folder / "policy.yaml"
    file.write_text(f"version: 1\nrules:\n  - name: r\n    effect: {effect}\n    arguments: {condition}\n")
    return Policy.load(file)


def _effects(folder: Path, condition: str, arguments: Any) -> tuple[bool, bool]:
    """Does a rule with the condition deny, and does one allow?"""
    denied = _policy(folder, "deny", condition).judge(Action(LIST, arguments))
    allowed = _policy(folder, "allow", condition).judge(Action(PAY, arguments))
    return denied.effect is Effect.DENY, allowed.effect is Effect.ALLOW


MATCHES, DIFFERS, UNDECIDED = (True, True), (False, False), (True, False)


@pytest.mark.parametrize(
    ("question", "arguments", "found"),
    [
        ("amount > `1000`", {"amount": 1001}, MATCHES),
        ("amount > `1000`", {"amount": 1000}, DIFFERS),
        ("amount > `1000`", {"amount": 1000.5}, MATCHES),
        ("amount > `1000`", {}, UNDECIDED),
        ("amount > `1000`", {"amount": None}, UNDECIDED),
        ("amount > `1000`", {"amount": "5000"}, UNDECIDED),
        ("amount > `1000`", {"amount": True}, UNDECIDED),
        ("amount > `1000`", {"amount": float("nan")}, UNDECIDED),
        ("amount > `1000`", {"amount": [5000]}, UNDECIDED),
        ("amount > `1000`", [], UNDECIDED),
        ("amount > `1000`", None, UNDECIDED),
        ("!(amount <= `1000`)", {}, UNDECIDED),
        ("amount <= `1000` || draft == `true`", {}, UNDECIDED),
        ("amount != `null` && amount > `1000`", {}, DIFFERS),
        ("amount == `null` || amount > `1000`", {}, MATCHES),
        ("items[?price > `5`] | length(@) > `0`", {"items": [{"price": 6}]}, MATCHES),
        ("items[?price > `5`] | length(@) > `0`", {"items": [{"price": 4}]}, DIFFERS),
        ("items[?price > `5`] | length(@) > `0`", {"items": [{"price": 4}, {}]}, UNDECIDED),
        ("length(to[?!ends_with(@, '@acme.com')]) == `0`", {"to": ["a@acme.com"]}, MATCHES),
        ("length(to[?!ends_with(@, '@acme.com')]) == `0`", {"to": ["a@acme.com", "b@else.com"]}, DIFFERS),
        ("length(to[?!ends_with(@, '@acme.com')]) == `0`", {"to": "a@acme.com"}, UNDECIDED),
        ("length(to[?!ends_with(@, '@acme.com')]) == `0`", {}, UNDECIDED),
        ("length(to[?!internal]) == `0`", {"to": [{}]}, UNDECIDED),
        ("length(to[?!internal]) == `0`", {"to": [{"internal": 0}]}, MATCHES),
        ("contains(channel, 'general')", {"channel": "general-talk"}, MATCHES),
        ("contains(channel, 'general')", {"channel": ["general"]}, MATCHES),
        ("contains(channel, 'general')", {}, UNDECIDED),
        ("contains(channel, `1`)", {"channel": "a1"}, UNDECIDED),
        ("channel == 'general'", {}, DIFFERS),
        ("channel == `1`", {"channel": True}, DIFFERS),
        ("channel == `[1]`", {"channel": [True]}, DIFFERS),
        ('channel == `{\\"a\\": [0]}`', {"channel": {"a": [False]}}, DIFFERS),
        ("channel == `[1]`", {"channel": [1.0]}, MATCHES),
        ("channel != `[0]`", {"channel": [False]}, MATCHES),
        ("contains(`[0, 1]`, channel)", {"channel": False}, DIFFERS),
        ("contains(`[[0]]`, channel)", {"channel": [False]}, DIFFERS),
        ("contains(`[0]`, channel)", {"channel": 0}, MATCHES),
        ("contains(to, `true`)", {"to": [1]}, DIFFERS),
        ("name < 'm'", {"name": "ada"}, MATCHES),
        ("text[::0] == `1`", {"text": [1]}, UNDECIDED),
        ("join('', all) == 'x'", {"all": ["y" * 150_000, "z" * 150_000]}, UNDECIDED),
    ],
)
def test_a_question_is_answered_or_not_in_favour_of_the_call(
    tmp_path: Path, question: str, arguments: Any, found: tuple[bool, bool]
) -> None:
    assert _effects(tmp_path, f'"{question}"', arguments) == found


def test_what_cannot_be_worked_out_is_said_without_the_value(tmp_path: Path) -> None:
    ruling = _policy(tmp_path, "deny", '"length(to) > `3`"').judge(Action(LIST, {"to": 4711}))
    assert ruling.effect is Effect.DENY
    assert ruling.reason.endswith("What can't be worked out counts against it: the arguments.")
    assert "4711" not in ruling.reason


@pytest.mark.parametrize("expression", ["amount", "items[?price > `5`]", "`true`", "@", "a && b == `1`", "!a", "length(a)", "not_null(a, b)", "a | b", "{a: b}", "a.b", "max(a)"])  # fmt: skip
def test_an_expression_that_is_no_question_is_refused(tmp_path: Path, expression: str) -> None:
    with pytest.raises(PolicyError, match="is no question"):
        _policy(tmp_path, "deny", f'"{expression}"')


def test_negations_in_a_row_are_worked_out_once_each(tmp_path: Path) -> None:
    policy = _policy(tmp_path, "deny", f'"{"!" * 20}(a == `1`)"')
    started = time.thread_time()
    assert policy.judge(Action(LIST, {"a": 1})).effect is Effect.DENY
    assert policy.judge(Action(LIST, {"a": 2})).effect is Effect.ALLOW
    assert time.thread_time() - started < 0.2


CHANNEL = "{required: [channel], properties: {channel: {enum: [general, random]}}}"
AMOUNT = "{required: [amount], properties: {amount: {type: number, maximum: 100}}, additionalProperties: false}"


@pytest.mark.parametrize(
    ("schema", "arguments", "found"),
    [
        (CHANNEL, {"channel": "general"}, MATCHES),
        (CHANNEL, {"channel": "secret"}, DIFFERS),
        (CHANNEL, {}, DIFFERS),
        (CHANNEL, "general", UNDECIDED),
        (CHANNEL, None, UNDECIDED),
        (AMOUNT, {"amount": 100}, MATCHES),
        (AMOUNT, {"amount": 101}, DIFFERS),
        (AMOUNT, {"amount": "5"}, DIFFERS),
        (AMOUNT, {"amount": 1, "to": "me"}, DIFFERS),
        ("{minProperties: 1}", {"a": 1}, MATCHES),
        ("{maxProperties: 0}", {}, MATCHES),
        ("{additionalProperties: {type: string}}", {"a": 1}, DIFFERS),
        ("{required: [a], properties: {a: {type: [integer, number], maximum: 5}}, additionalProperties: true}", {"a": 5, "b": 1}, MATCHES),
        ("{required: [a], properties: {a: {enum: [1, 200], maximum: 100}}}", {"a": 200}, DIFFERS),
        ("{required: [a], properties: {a: {anyOf: [{type: 'null'}, {type: number, maximum: 5}]}}}", {"a": None}, MATCHES),
        ("{anyOf: [{required: [a]}, {required: [b]}]}", {"b": 1}, MATCHES),
    ],
)  # fmt: skip
def test_a_schema_is_fitted_or_not(tmp_path: Path, schema: str, arguments: Any, found: tuple[bool, bool]) -> None:
    assert _effects(tmp_path, schema, arguments) == found


@pytest.mark.parametrize(
    ("schema", "says"),
    [
        ("{properties: {amount: {type: number, maximum: 5}}}", "`amount` must stand in `required`"),
        ("{required: [amount], properties: {amount: {maximum: 5}}}", "say `type: number` too"),
        ("{required: [to], properties: {to: {maxItems: 1}}}", "say `type: array` too"),
        ("{required: [a], properties: {a: {type: [number, string], maximum: 100}}}", "and no other"),
        ("{required: [a], properties: {a: {type: [string, 'null'], maxLength: 3}}}", "and no other"),
        ("{required: [channel], properties: {channel: {}}}", "anything fits this"),
        ("{required: [channel], properties: {channel: {title: x}}}", "anything fits this"),
        ("{required: [channel], properties: {channel: true}}", "`true` fits anything"),
        ("{required: [a], properties: {a: {type: ['null', boolean, object, array, number, string]}}}", "anything fits"),
        ("{required: [a], properties: {a: {anyOf: [{type: 'null'}, {}]}}}", "anything fits this"),
        ("{required: [a], properties: {a: {allOf: [{type: string}, {title: x}]}}}", "anything fits this"),
        ("{required: [to], properties: {to: {type: array, items: {}}}}", "anything fits this"),
        ("{required: [to], properties: {to: {type: array, contains: true}}}", "`true` fits anything"),
        ("{anyOf: [{}]}", "every call fits this"),
        ("{anyOf: [{required: [a]}, true]}", "`true` fits anything"),
        ("{allOf: [{anyOf: [{minProperties: 1}, {type: object}]}]}", "every call fits this"),
        ("{title: x}", "every call fits this"),
        ("{type: object}", "every call fits this"),
        ("{properties: {}}", "every call fits this"),
        ("{required: []}", "every call fits this"),
        ("{minProperties: 0}", "every call fits this"),
        ("{additionalProperties: true}", "every call fits this"),
        ("{additionalProperties: {}}", "anything fits this"),
        ("{maxItems: 3}", "say `type: array` too"),
        ("{required: [to], properties: {to: {properties: {a: {const: 1}}, required: [a]}}}", "say `type: object` too"),
        ("{anyOf: [{properties: {a: {const: 1}}}]}", "`a` must stand in `required`"),
        ("{not: {required: [amount]}}", "`not` can't stand here"),
        ("{allOf: [{not: {required: [amount]}}]}", "`not` can't stand here"),
    ],
)
def test_a_schema_that_a_call_could_fit_by_saying_nothing_may_not_allow(tmp_path: Path, schema: str, says: str) -> None:
    with pytest.raises(PolicyError, match="yaml:5: ") as refused:
        _policy(tmp_path, "allow", schema)
    assert says in str(refused.value)
    if "not" not in schema:
        _policy(tmp_path, "deny", schema)
        with pytest.raises(PolicyError):
            _policy(tmp_path, "deny", f"{{not: {schema}}}")


def test_to_deny_all_but_a_shape_says_the_shape_in_full(tmp_path: Path) -> None:
    policy = _policy(tmp_path, "deny", f"{{not: {CHANNEL}}}")
    for arguments, effect in (({"channel": "random"}, Effect.ALLOW), ({"channel": 1}, Effect.DENY), ({}, Effect.DENY)):
        assert policy.judge(Action(LIST, arguments)).effect is effect


@pytest.mark.parametrize("keyword", ["pattern", "patternProperties", "format", "$ref", "$dynamicRef", "$id", "uniqueItems", "unevaluatedProperties", "if", "oneOf", "propertyNames", "maximun"])  # fmt: skip
def test_keywords_that_are_slow_fetch_or_mean_nothing_are_refused_wherever_they_stand(
    tmp_path: Path, keyword: str
) -> None:
    for schema in (
        f"{{{keyword}: x}}",
        f"{{properties: {{a: {{items: {{{keyword}: x}}}}}}}}",
        f"{{not: {{{keyword}: x}}}}",
    ):
        with pytest.raises(PolicyError, match="can't stand in a condition"):
            _policy(tmp_path, "deny", schema)


def test_a_schema_has_at_most_so_many_parts(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="more than 200 parts"):
        _policy(tmp_path, "deny", "{anyOf: [" + "{required: [a]}, " * 201 + "]}")


def test_arguments_that_are_deep_are_not_in_favour_of_the_call(tmp_path: Path) -> None:
    deep: Any = 1
    for _ in range(100_000):
        deep = [deep]
    assert _effects(tmp_path, "\"to_string(a) == 'x'\"", {"a": deep}) == UNDECIDED
