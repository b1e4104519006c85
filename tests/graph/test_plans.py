"""What a planner submits: read, or refused in one line; and the plan as a graph."""

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nango_graph.planning.checking import plan_fault
from nango_graph.planning.plan import SUBMIT_PLAN_SCHEMA, Step, Submission, structure_problem
from nango_tools import Access, Tool

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
KEYS = ["kind", "steps", "id", "tool", "arguments", "purpose", "for_each", "when", "after", "independent", "select", "plan_again", "text",
        "integration"]  # fmt: skip
NEARLY = st.recursive(
    st.sampled_from(
        ["plan", "answer", "question", "integration", "s1", "a/b", "${s1.x}", "${", None, "", float("nan")]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=6),
    max_leaves=20,
)


IDS = st.sampled_from(["s1", "s2", "s3", "s4", "item", "s01"])
REFERENCES = st.sampled_from(
    [
        "${s1.x}",
        "${s2}",
        "${length(s3.x) > `0`}",
        "${item.x}",
        "${s1..x}",
        "${'x'}",
        "${nosuch(s1)}",
        "${@}",
        "a ${s1} b",
        "",
        "${",
        "s1.x",
    ]
)
STEP = st.fixed_dictionaries(
    {"id": IDS, "tool": st.sampled_from(["app/act", "app/read", "app/no-such", "none"])},
    optional={
        "arguments": st.dictionaries(st.sampled_from(["x", "y", "${s1}"]), REFERENCES | JSON, max_size=2),
        "for_each": REFERENCES,
        "when": REFERENCES,
        "select": st.sampled_from(["x", "[].x", "s1.x", "@", "${s1}", "[[[", "nosuch(x)", "x" * 600, "&x"]),
        "after": st.lists(IDS | st.just("nobody"), max_size=2),
        "independent": st.booleans(),
    },
)
SCHEMA = {"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"]}
TOOLS = {
    f"app/{name}": Tool(
        integration="app",
        name=name,
        description="",
        input_schema=SCHEMA,
        output_schema=None,
        access=access,
        scopes=(),
        reason="",
        fingerprint="",
        source="both",
    )
    for name, access in (("act", Access.WRITE), ("read", Access.READ))
}


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


@given(
    st.fixed_dictionaries({"kind": st.just("plan"), "steps": st.lists(STEP, max_size=6), "plan_again": st.booleans()}),
    st.sets(st.sampled_from(["s3", "s4"])),
)
@settings(max_examples=800, deadline=None)
def test_a_plan_is_held_or_refused_in_a_sentence_whatever_stands_in_it(plan: Any, known: set[str]) -> None:
    read = Submission.read(plan)
    if isinstance(read, str):
        return
    fault = plan_fault(read.steps, TOOLS, shown={"app/act"}, used={*known, "s4"}, known=known, max_steps=5)
    if fault is not None:
        assert fault.text.strip()
        assert "\n" not in fault.text
        return
    before = set(known)
    for step in read.steps:
        assert step.tool in TOOLS
        assert step.id not in {*before, "s4"}
        assert step.needs <= (before | {"item"} if step.for_each else before), "it needs only what stands before it"
        before.add(step.id)


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
        ([{"id": "s1", "arguments": {"x": "${s1.y}"}}], "refers to itself"),
        ([{"id": "s1", "arguments": {"x": "${s2.y}"}}, {"id": "s2"}], "not an earlier step, but a later one: put s2"),
        ([{"id": "s1", "when": "${s2.y}"}, {"id": "s2"}], "a later one: put s2 before it"),
        ([{"id": "s1", "after": ["s2"]}, {"id": "s2", "after": ["s1"]}], "cycle: s1 needs s2 needs s1"),
        (
            [{"id": "s1", "when": "${s2.y}"}, {"id": "s2", "for_each": "${s3}"}, {"id": "s3", "after": ["s1"]}],
            "s1 needs s2 needs s3 needs s1",
        ),
        ([{"id": "s1"}, {"id": "s2", "when": "${s2.y}"}], "Step s2 refers to itself, which is a cycle"),
        ([{"id": "s1"}, {"id": "s1", "after": ["s1"]}], "used before"),
        ([{"id": "item"}], "No step can have the id item"),
        ([{"id": "s1", "after": ["nobody"]}], "not an earlier step"),
        ([{"id": "s1", "arguments": {"x": "${item.y}"}}], "no for_each"),
        ([{"id": "s1", "after": ["item"]}], "item"),
        ([{"id": "s1", "for_each": "${item.x}"}], "for_each can't refer to item"),
        ([{"id": "s1", "arguments": {"x": "${s0..y}"}}], "not JMESPath"),
        ([{"id": "s1", "arguments": {"x": "${@}"}}], "must begin with the id of a step"),
        ([{"id": "s1", "for_each": "${s9.x}"}], "not an earlier step"),
        ([{"id": "s1", "when": "${s9.x}"}], "not an earlier step"),
        ([{"id": "s1", "when": "${s0..x}"}], "not JMESPath"),
        ([{"id": "s1", "when": "${@}"}], "must begin with the id of a step"),
        ([{"id": "s1", "when": "s0.x"}], "one reference"),
        ([{"id": "s1", "when": "${s0.x} and ${s0.y}"}], "one reference"),
        ([{"id": "s1", "when": "${item.x}", "for_each": "${s0.x}"}], "looked at once, before for_each"),
        ([{"id": "s1", "when": "${item.x}"}], "looked at once, before for_each"),
        ([{"id": "s1", "for_each": "${s0.x}", "after": ["item"]}], "item"),
        ([{"id": "s1", "arguments": {"x": "${nosuch(s0)}"}}], "calls nosuch()"),
        ([{"id": "s1", "when": "${length(s0.a, s0.b)}"}], "gives length() 2 arguments"),
        ([{"id": "s1", "select": "${s1.x}"}], "without ${}"),
        ([{"id": "s1", "select": "x ${"}], "without ${}"),
        ([{"id": "s1", "select": "s1.issues[].title"}], "leave s1. out"),
        ([{"id": "s1", "select": "issues[].[title"}], "select is not JMESPath"),
        ([{"id": "s1", "select": "nosuch(issues)"}], "select calls nosuch()"),
        ([{"id": "s1", "select": "x" * 501}], "select is longer than 500"),
        ([{"id": "s1", "select": "x | [@,@][]" + " | [@,@][]" * 40}], "select is too complex"),
    ],
)
def test_a_plan_that_is_no_graph_is_refused(plan: list[dict[str, Any]], told: str) -> None:
    problem = problem_of(*plan, known={"s0"})
    assert problem is not None
    assert told in problem


def test_an_earlier_step_that_did_not_succeed_is_told_from_one_that_never_was() -> None:
    refers = steps({"id": "s9", "arguments": {"x": "${s5.y}"}})
    assert "which has no output" in (structure_problem(refers, known={"s0"}, used={"s0", "s5"}, max_steps=5) or "")
    assert "none of that id" in (structure_problem(refers, known={"s0"}, used={"s0"}, max_steps=5) or "")


def test_conditions_lists_and_selections_stand_side_by_side() -> None:
    whole = {
        "id": "s2",
        "when": "${length(s1.issues) > `0`}",
        "for_each": "${s1.issues[?state=='open']}",
        "arguments": {"number": "${item.number}", "text": "${s0.text}: ${item.title}"},
        "after": ["s0"],
        "independent": True,
        "select": "[].{n: number, whole: @}",
    }
    assert problem_of({"id": "s1", "independent": True, "select": "issues[].title"}, whole, known={"s0"}) is None
    (step,) = steps(whole)
    assert step.needs == {"s0", "s1", "item"}


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
    assert set(step) == {"id", "tool", "arguments", "purpose", "for_each", "when", "after", "independent", "select"}
    assert all(field.get("description") for field in step.values())
    assert parameters["properties"]["plan_again"]["description"]
    assert "strict" not in SUBMIT_PLAN_SCHEMA["function"]


@pytest.mark.parametrize(
    ("plan", "told"),
    [
        ([{"id": "s1", "tool": "app/remove"}], "there is no tool 'app/remove'"),
        ([{"id": "s1", "tool": "remove"}], "by its full name"),
        ([{"id": "s5", "tool": "app/act"}], "begin with s6"),
        ([{"id": "s6", "tool": "app/act", "arguments": {}}], "'x' is a required property"),
        ([{"id": "s6", "tool": "app/act", "arguments": {"x": "seven"}}], "the arguments don't fit app/act: x:"),
        ([{"id": "s6", "tool": "app/act", "arguments": {"x": 1, "z": 2}}], "z: there is no such argument"),
        ([{"id": "s6", "tool": "app/read", "arguments": {"x": "7"}}], "Its signature is among <tools> now."),
    ],
)
def test_what_does_not_fit_the_tools_is_named_before_anything_runs(plan: list[dict[str, Any]], told: str) -> None:
    fault = plan_fault(steps(*plan), TOOLS, shown={"app/act"}, used={"s5"}, known={"s5"}, max_steps=5)
    assert fault is not None
    assert told in fault.text


def test_what_a_reference_will_bring_is_not_judged_before_it_is_there() -> None:
    plan = steps(
        {"id": "s6", "tool": "app/act", "arguments": {"x": "${s5.n}"}},
        {"id": "s7", "tool": "app/act", "arguments": {"x": "no ${s5.n}"}},
    )
    assert plan_fault(plan, TOOLS, shown=TOOLS, used={"s5"}, known={"s5"}, max_steps=5) is None


def test_a_plan_of_five_hundred_steps_is_refused_at_once_and_in_one_line() -> None:
    started = time.thread_time()
    many = [
        {"id": f"s{n}", "tool": f"app/{'x' * 50}", "arguments": {"x": "${s1" + ".a" * 200 + "}"}} for n in range(500)
    ]
    read = Submission.read({"kind": "plan", "steps": many})
    assert isinstance(read, Submission)
    fault = plan_fault(
        read.steps, {f"app/{'x' * 50}": TOOLS["app/act"]}, shown=(), used=set(), known=set(), max_steps=20
    )
    assert fault is not None
    assert "500 steps; at most 20" in fault.text
    assert time.thread_time() - started < 2


def test_names_that_the_model_made_up_do_not_make_the_complaint_long() -> None:
    read = Submission.read({"kind": "plan", "steps": [{"id": "s1", "tool": "a/b", "x" * 50_000: 1}] * 50})
    assert isinstance(read, str)
    assert len(read) < 2_000
