"""Do arguments fit a tool's schema: as far as they are known, fully once bound, and typed again after a form."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nango_graph.planning.arguments import argument_problem, coerced

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "owner": {"type": "string", "minLength": 2},
        "number": {"type": "integer", "minimum": 1},
        "state": {"enum": ["open", "closed"]},
        "labels": {"type": "array", "items": {"type": "string", "pattern": "^[a-z]+$"}, "uniqueItems": True},
        "assignee": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "nested": {"type": "object", "properties": {"deep": {"type": "integer"}}, "required": ["deep"]},
    },
    "required": ["owner"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    "arguments",
    [
        {"owner": "${s1.owner}"},
        {"owner": "octo", "number": "${s1.n}"},
        {"owner": "octo", "state": "${s1.state}"},
        {"owner": "octo", "labels": "${s1.labels}"},
        {"owner": "octo", "labels": ["bug", "${s1.label}"]},
        {"owner": "octo", "labels": ["${s1.a}", "${s1.a}"]},
        {"owner": "octo", "assignee": "${s1.who}"},
        {"owner": "octo", "nested": "${s1.all}"},
        {"owner": "octo", "nested": {"deep": "${s1.deep}"}},
        {"owner": "x${s1.rest}"},
    ],
)
def test_a_reference_may_become_anything_until_it_is_bound(arguments: dict[str, Any]) -> None:
    assert argument_problem(SCHEMA, arguments, bound=False) is None


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"number": "${s1.n}"}, "owner"),
        ({"owner": 7, "number": "${s1.n}"}, "owner"),
        ({"owner": "octo", "number": 0, "state": "${s1.s}"}, "number"),
        ({"owner": "octo", "state": "opened", "number": "${s1.n}"}, "state"),
        ({"owner": "octo", "labels": [7, "${s1.l}"]}, "labels.0"),
        ({"owner": "octo", "nested": {}}, "nested"),
        ({"owner": "octo", "title": "${s1.t}"}, "title"),
    ],
)
def test_what_is_known_already_is_checked_before_anything_runs(arguments: dict[str, Any], named: str) -> None:
    problem = argument_problem(SCHEMA, arguments, bound=False)
    assert problem is not None
    assert named in problem
    assert "\n" not in problem


def test_once_bound_a_text_that_looks_like_a_reference_is_a_text() -> None:
    assert argument_problem(SCHEMA, {"owner": "octo", "number": "${s1.n}"}, bound=True) is not None
    assert argument_problem(SCHEMA, {"owner": "${s1.n}"}, bound=True) is None


def test_an_argument_that_the_tool_does_not_have_is_named_although_the_schema_lost_its_closedness() -> None:
    lossy = {"type": "object", "properties": {"owner": {"type": "string"}, "repo": {"type": "string"}}}
    assert (
        argument_problem(lossy, {"ownr": "octo"}, bound=True)
        == "ownr: there is no such argument (there are: owner, repo)"
    )
    for open_ended in ({"additionalProperties": True}, {"patternProperties": {"^x": {}}}, {"anyOf": [{}]}):
        assert argument_problem({**lossy, **open_ended}, {"ownr": "octo"}, bound=True) is None
    assert argument_problem({"type": "object"}, {"anything": 1}, bound=True) is None


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "nonsense"},
        {"properties": 7},
        {"required": "owner"},
        {"properties": {"a": {"$ref": "#/nowhere"}}},
        {"properties": {"a": {"$ref": "#/properties/a"}}},
        {"properties": {"a": {"$ref": "https://schemas.invalid/x.json"}}},
    ],
)
def test_a_broken_schema_lets_nothing_through_and_raises_nothing(schema: dict[str, Any]) -> None:
    problem = argument_problem(schema, {"a": 1}, bound=True)
    assert problem is not None
    assert "schema is broken" in problem


def test_a_long_value_does_not_fill_the_sentence() -> None:
    problem = argument_problem(SCHEMA, {"owner": ["x" * 10_000]}, bound=True)
    assert problem is not None
    assert len(problem) < 400


def test_values_from_a_form_get_their_types_back() -> None:
    schema = {
        "properties": {
            "n": {"type": "integer"}, "x": {"type": ["number", "null"]}, "on": {"type": "boolean"}, "tags": {"type": "array"},
            "at": {"type": "object"}, "text": {"type": "string"}, "either": {"type": ["string", "integer"]}, "free": {},
        }
    }  # fmt: skip
    form = {
        "n": "7",
        "x": "null",
        "on": "true",
        "tags": '["a"]',
        "at": '{"b": 1}',
        "text": "7",
        "either": "7",
        "free": "7",
        "more": "7",
    }
    assert coerced(schema, form) == {
        "n": 7, "x": None, "on": True, "tags": ["a"], "at": {"b": 1}, "text": "7", "either": "7", "free": "7", "more": "7",
    }  # fmt: skip


@pytest.mark.parametrize("text", ["seven", "7.5", "true", "[1]", "", "NaN", "1e999", "[" * 100_000, "1" * 5000, '"7"'])
def test_what_a_form_cannot_mean_stays_a_string_and_is_then_refused(text: str) -> None:
    schema = {"properties": {"n": {"type": "integer"}}}
    assert coerced(schema, {"n": text}) == {"n": text}
    assert argument_problem(schema, coerced(schema, {"n": text}), bound=True) is not None


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_a_number_that_json_does_not_have_stays_a_string(text: str) -> None:
    assert coerced({"properties": {"n": {"type": "number"}}}, {"n": text}) == {"n": text}


@pytest.mark.parametrize("number", [2**64, -(2**63) - 1, 10**40])
@pytest.mark.parametrize("arguments", ["{n}", '{{"n": {n}}}', '{{"n": [1, {{"deep": {n}}}]}}'])
def test_a_number_that_no_checkpoint_can_hold_is_refused_in_words(number: int, arguments: str) -> None:
    problem = argument_problem({}, json.loads(arguments.format(n=number)), bound=True)
    assert problem is not None
    assert "64 bits" in problem
    assert argument_problem({}, json.loads(arguments.format(n=2**64 - 1)), bound=True) is None


VALUES = {
    "integer": st.integers(min_value=-(10**18), max_value=10**18),
    "number": st.floats(allow_nan=False, allow_infinity=False),
    "boolean": st.booleans(),
    "null": st.none(),
    "array": st.lists(st.integers() | st.text(), max_size=4),
    "object": st.dictionaries(st.text(), st.booleans() | st.text(), max_size=4),
}


@given(st.sampled_from(sorted(VALUES)).flatmap(lambda kind: st.tuples(st.just(kind), VALUES[kind])))
def test_a_typed_value_survives_a_form_that_knows_only_strings(case: tuple[str, Any]) -> None:
    kind, value = case
    schema = {"properties": {"x": {"type": kind}}}
    assert coerced(schema, {"x": json.dumps(value)}) == {"x": value}
    assert coerced(schema, {"x": value}) == {"x": value}


@given(st.text())
def test_a_string_argument_is_never_reread(text: str) -> None:
    assert coerced({"properties": {"x": {"type": "string"}}}, {"x": text}) == {"x": text}
