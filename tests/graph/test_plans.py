"""What a planner submits: read, or refused in one line; and the plan as a graph."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nango_graph.planning.plan import SUBMIT_PLAN_SCHEMA, Step, Submission, structure_problem

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
KEYS = ["kind", "steps", "id", "tool", "arguments", "purpose", "for_each", "after", "text", "integration"]
NEARLY = st.recursive(
    st.sampled_from(
        ["plan", "answer", "question", "integration", "s1", "a/b", "${s1.x}", "${", None, "", float("nan")]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=6),
    max_leaves=20,
)


def steps(*given_steps: dict[str, Any]) -> list[Step]:
    return [Step.model_validate({"tool": "app/act", **one}) for one in given_steps]


def problem_of(*given_steps: dict[str, Any], known: set[str] | None = None, max_steps: int = 20) -> str | None:
    return structure_problem(steps(*given_steps), known=known or set(), max_steps=max_steps)


@given(JSON | NEARLY)
@settings(max_examples=800)
def test_garbage_is_refused_in_one_line_and_what_is_read_holds(garbage: Any) -> None:
    read = Submission.read(garbage)
    if isinstance(read, str):
        assert read
        assert "\n" not in read
        return
    json.dumps(read.model_dump(mode="json"), allow_nan=False)
    assert read.kind != "plan" or read.steps
    assert read.kind not in {"answer", "question"} or read.text.strip()
    problem = structure_problem(read.steps, known=set(), max_steps=20)
    assert problem is None or problem


@pytest.mark.parametrize(
    ("submission", "told"),
    [
        ({"kind": "plan", "steps": []}, "at least one step"),
        ({"kind": "plan"}, "at least one step"),
        ({"kind": "answer", "text": "  "}, "say something"),
        ({"kind": "question"}, "say something"),
        ({"kind": "poem", "text": "x"}, "kind"),
        ({}, "kind"),
        ({"kind": "plan", "steps": [{"id": "1", "tool": "a/b"}]}, "steps.0.id"),
        ({"kind": "plan", "steps": [{"id": "s" * 33, "tool": "a/b"}]}, "steps.0.id"),
        ({"kind": "plan", "steps": [{"id": "s1"}]}, "steps.0.tool"),
        ({"kind": "plan", "steps": [{"id": "s1", "tool": "a/b", "arguments": "{}"}]}, "steps.0.arguments"),
        ({"kind": "plan", "steps": [{"id": "s1", "tool": "a/b", "approved": True}]}, "steps.0.approved"),
        ({"kind": "plan", "steps": [{"id": "s1", "tool": "a/b", "arguments": {"x": float("inf")}}]}, "not a number"),
    ],
)
def test_what_is_wrong_with_a_submission_is_named(submission: dict[str, Any], told: str) -> None:
    read = Submission.read(submission)
    assert isinstance(read, str)
    assert told in read


def test_arguments_that_nest_without_end_are_refused_before_anything_walks_through_them() -> None:
    for wrap in (lambda inner: [inner], lambda inner: {"x": inner}):
        deep: Any = "${s0.x}"
        for _ in range(900):
            deep = wrap(deep)
        read = Submission.read({"kind": "plan", "steps": [{"id": "s1", "tool": "a/b", "arguments": {"x": deep}}]})
        assert isinstance(read, str)
        assert "levels deep" in read


def test_an_empty_for_each_is_none() -> None:
    assert [step.for_each for step in steps({"id": "s1", "for_each": ""}, {"id": "s2", "for_each": None})] == [
        None,
        None,
    ]


def test_a_step_needs_what_its_arguments_its_list_and_its_after_name() -> None:
    (step,) = steps(
        {"id": "s4", "arguments": {"a": ["x ${s1.x}"]}, "for_each": "${s2.items}", "after": ["s3"]},
    )
    assert step.needs == {"s1", "s2", "s3"}
    (step,) = steps({"id": "s2", "arguments": {"n": "${item.n}"}, "for_each": "${s1.items}"})
    assert step.needs == {"s1", "item"}


@pytest.mark.parametrize(
    ("plan", "told"),
    [
        ([{"id": "s1"}, {"id": "s1"}], "used before"),
        ([{"id": "s0"}], "used before"),
        ([{"id": "s1", "arguments": {"x": "${s1.y}"}}], "not an earlier step"),
        ([{"id": "s1", "arguments": {"x": "${s2.y}"}}, {"id": "s2"}], "not an earlier step"),
        ([{"id": "s1", "after": ["s2"]}, {"id": "s2", "after": ["s1"]}], "not an earlier step"),
        ([{"id": "s1", "after": ["nobody"]}], "not an earlier step"),
        ([{"id": "s1", "arguments": {"x": "${item.y}"}}], "no for_each"),
        ([{"id": "s1", "after": ["item"]}], "item"),
        ([{"id": "s1", "for_each": "${item.x}"}], "for_each can't refer to item"),
        ([{"id": "s1", "arguments": {"x": "${s0..y}"}}], "not JMESPath"),
        ([{"id": "s1", "arguments": {"x": "${@}"}}], "must begin with the id of a step"),
        ([{"id": "s1", "for_each": "${s9.x}"}], "not an earlier step"),
    ],
)
def test_a_plan_that_is_no_graph_is_refused(plan: list[dict[str, Any]], told: str) -> None:
    problem = problem_of(*plan, known={"s0"})
    assert problem is not None
    assert told in problem


def test_a_step_may_refer_to_steps_of_earlier_turns_and_of_this_plan() -> None:
    assert problem_of({"id": "s1", "arguments": {"x": "${s0.y}"}}, {"id": "s2", "after": ["s1"]}, known={"s0"}) is None
    each = {"id": "s2", "for_each": "${s1.items}", "arguments": {"x": "${item.y} ${s1.z}"}}
    assert problem_of({"id": "s1"}, each) is None


@pytest.mark.parametrize("count", [21, 500])
def test_a_plan_with_too_many_steps_is_told_of_for_each(count: int) -> None:
    problem = problem_of(*({"id": f"s{number}"} for number in range(count)))
    assert problem is not None
    assert f"{count} steps; at most 20" in problem
    assert "for_each" in problem


@pytest.mark.parametrize("for_each", ["s1.items", "all of them", "${s1.items} and ${s2.items}"])
def test_a_for_each_that_is_not_one_reference_can_never_be_a_list_and_is_refused(for_each: str) -> None:
    assert problem_of({"id": "s1"}, {"id": "s2"}, {"id": "s3", "for_each": for_each}) is not None


def test_the_schema_that_the_model_gets_names_every_field_of_a_step() -> None:
    parameters = SUBMIT_PLAN_SCHEMA["function"]["parameters"]
    step = parameters["$defs"]["Step"]["properties"]
    assert set(step) == {"id", "tool", "arguments", "purpose", "for_each", "after"}
