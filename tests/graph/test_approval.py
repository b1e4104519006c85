"""Answers to what is asked: only the documented forms decide anything, whatever else comes."""

import asyncio
import json
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nango_graph.approval import BadAnswer, Request, again, ask, confirm_field, read_answers
from nango_graph.digests import action_digest
from nango_graph.execution.units import AskToSend, Unit
from nango_graph.identity import Requester
from nango_graph.nodes.decide import decide
from nango_graph.planning.plan import Step
from nango_graph.questions import approval_requests
from nango_graph.records import CallKey, Records, TurnRow
from nango_tools import Access, Policy, Tool

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
WORDS = [
    "decisions",
    "type",
    "approve",
    "accept",
    "edit",
    "reject",
    "args",
    "action",
    "edited_action",
    "message",
    "id",
    "confirm",
    "yes",
]
NEAR_MISS = st.recursive(
    st.sampled_from([*WORDS, "app/act", None, True, 1]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=4),
    max_leaves=12,
)


TYPES = ["approve", "accept", "edit", "reject", "ignore", "response", "respond"]
ACTION = st.fixed_dictionaries(
    {}, optional={"name": NEAR_MISS, "action": st.sampled_from(["app/act", "app/other"]), "args": NEAR_MISS}
)
DECISION = st.fixed_dictionaries(
    {"type": st.sampled_from(TYPES)}, optional={"edited_action": ACTION, "args": ACTION | JSON, "message": JSON}
)
LIKELY = st.fixed_dictionaries({"decisions": st.lists(DECISION, min_size=1, max_size=2)}) | st.lists(
    DECISION, max_size=2
)
ANSWERS = JSON | NEAR_MISS | LIKELY


def request(
    name: str = "app/act", *, args: dict[str, Any] | None = None, allowed: Any = ("approve", "edit", "reject")
) -> Request:
    return Request(
        name=name, args=args or {"text": "hello"}, description="Do it.", allowed=list(allowed), item={"about": "write"}
    )


def is_documented(answer: Any, count: int) -> bool:
    """Written down anew from the module's docstring: is there any decision in it?"""
    if isinstance(answer, dict):
        decisions = answer.get("decisions")
        return (
            isinstance(decisions, list)
            and len(decisions) == count
            and all(isinstance(one, dict) and one.get("type") in ("approve", "edit", "reject") for one in decisions)
        )
    return (
        isinstance(answer, list)
        and len(answer) == 1
        and isinstance(answer[0], dict)
        and (answer[0].get("type") in ("accept", "edit", "ignore", "response"))
    )


@given(ANSWERS)
@settings(max_examples=600)
def test_whatever_is_answered_only_the_documented_forms_are_an_answer(answer) -> None:
    asked = ask("approval", [request(), request("app/other")])
    try:
        answers = read_answers(asked, answer)
    except BadAnswer:
        return
    assert is_documented(answer, 2)
    for one in answers:
        if one.kind == "approve":
            assert one.args == {"text": "hello"}, "as shown, never as sent back"


@given(ANSWERS)
@settings(max_examples=300)
def test_nothing_but_an_edit_or_a_rejection_passes_where_approval_is_not_allowed(answer) -> None:
    asked = ask("approval", [request(allowed=["edit", "reject"])])
    try:
        answers = read_answers(asked, answer)
    except BadAnswer:
        return
    assert [one.kind for one in answers] != ["approve"]


def test_both_forms_of_an_answer_mean_the_same() -> None:
    asked = ask("approval", [request()])
    action = {"action": "app/act", "args": {"text": "x"}}
    for chat, inbox in (
        ({"type": "approve"}, {"type": "accept", "args": None}),
        ({"type": "approve"}, {"type": "accept", "args": action}),
        (
            {"type": "edit", "edited_action": {"name": "app/act", "args": {"text": "x"}}},
            {"type": "edit", "args": action},
        ),
        ({"type": "reject"}, {"type": "ignore", "args": None}),
        ({"type": "reject", "message": "no"}, {"type": "response", "args": "no"}),
    ):
        assert read_answers(asked, {"decisions": [chat]}) == read_answers(asked, [inbox])


def test_the_text_of_a_response_is_never_an_approval() -> None:
    (answer,) = read_answers(ask("approval", [request()]), [{"type": "response", "args": "yes, approve"}])
    assert (answer.kind, answer.message) == ("reject", "yes, approve")


def test_an_answer_to_another_action_is_refused() -> None:
    with pytest.raises(BadAnswer, match="another action"):
        read_answers(ask("approval", [request()]), [{"type": "accept", "args": {"action": "app/other"}}])


def test_the_id_of_a_question_changes_with_everything_that_is_asked_and_with_nothing_else() -> None:
    first = ask("approval", [request()])
    assert ask("approval", [request()])["id"] == first["id"]
    assert again(first, "That was no answer.")["id"] == first["id"]
    assert again(again(first, "One."), "Two.")["payload"]["action_requests"][0]["description"] == "Two.\n\nDo it."
    others = [request("app/other"), request(args={"text": "bye"}), {**request(), "item": {"about": "else"}}]
    assert len({first["id"], *(ask("approval", [other])["id"] for other in others)}) == 4


def test_the_field_that_confirms_is_never_one_of_the_tools_own() -> None:
    assert confirm_field({}) == "confirm"
    assert confirm_field({"confirm": 1, "confirm_": 1}) == "confirm__"


def tool(access: Access, properties: dict[str, Any], required: tuple[str, ...] = ()) -> Tool:
    schema = {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}
    return Tool(
        integration="app", name="act", description="", input_schema=schema, output_schema=None, scopes=(), access=access,
        reason="", fingerprint="", source="mcp",
    )  # fmt: skip


def units(a_tool: Tool, *arguments: dict[str, Any], for_each: str | None = None) -> list[AskToSend]:
    step = Step(id="s1", tool="app/act", for_each=for_each)
    connection: Any = {"integration": "app", "connection_id": "c1", "label": "App"}
    return [
        AskToSend(
            Unit(
                CallKey("plan", "s1", f"i{number}" if for_each else ""), step, a_tool, connection, one,
                action_digest("app/act", "c1", one),
            )
        )
        for number, one in enumerate(arguments)
    ]  # fmt: skip


async def decided(asks: list[AskToSend], answer: Any, a_tool: Tool) -> tuple[Any, dict[CallKey, Any]]:
    """The real node on real records: what it asks again (or None), and what is decided afterwards."""

    class Catalog:
        async def discover(self, connections: Any) -> dict[str, tuple[Tool, ...]]:
            return {"app": (a_tool,)}

        def held(self, integration: str) -> tuple[()]:
            return ()

    class Clock:
        def now(self) -> float:
            return 1.0

    records = await Records.in_memory()
    try:
        await records.turns.begin(TurnRow("turn", Requester("ada"), "t", ""), message_id="m", now=0.0)
        await records.plans.save(
            plan_id="plan", tenant="user:ada", thread_id="t", turn_id="turn", ordinal=0, steps=[], seen=(), now=0.0
        )
        state: Any = {
            "turn": {"id": "turn"},
            "asked": ask("approval", approval_requests(asks)),
            "answered": answer,
            "connections": {"app": {"integration": "app", "connection_id": "c1", "label": "App"}},
        }
        runtime: Any = SimpleNamespace(
            execution_info=SimpleNamespace(thread_id="t", run_id=None),
            server_info=None,
            context={"user_id": "ada"},
            stream_writer=print,
        )
        services: Any = SimpleNamespace(
            records=records,
            clock=Clock(),
            policy=Policy(),
            catalog=Catalog(),
            settings=SimpleNamespace(server_user_id="ada"),
        )
        update = await decide(state, runtime, services)
        return update["asked"], await records.decisions.of_plan("plan", "user:ada")
    finally:
        await records.close()


def edit(args: Any) -> dict[str, Any]:
    return {"decisions": [{"type": "edit", "edited_action": {"name": "app/act", "args": args}}]}


WRITE = tool(Access.WRITE, {"text": {"type": "string"}, "n": {"type": "number"}})
DELETE = tool(Access.DESTRUCTIVE, {"id": {"type": "string"}, "confirm": {"type": "boolean"}})


@given(ANSWERS)
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
def test_whatever_comes_for_a_destructive_action_without_a_yes_nothing_is_approved(answer) -> None:
    asked, decisions = asyncio.run(decided(units(DELETE, {"id": "7"}), answer, DELETE))
    assert all(decision.verdict == "rejected" for decision in decisions.values())
    assert bool(asked) != bool(decisions), "it is decided, or asked again"


@given(st.one_of(JSON, NEAR_MISS))
@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
def test_whatever_an_edit_holds_it_fits_the_tool_or_is_asked_again(args) -> None:
    from nango_graph.planning.arguments import argument_problem

    asked, decisions = asyncio.run(decided(units(WRITE, {"text": "hello"}), edit(args), WRITE))
    if asked is not None:
        assert not decisions
        assert asked["payload"]["problem"]
        return
    (decision,) = decisions.values()
    assert argument_problem(WRITE.input_schema, decision.arguments, bound=True) is None
    assert decision.digest == action_digest("app/act", "c1", decision.arguments)
    json.dumps(decision.arguments, allow_nan=False)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "NaN", "-Infinity", "1e999"])
async def test_a_number_that_json_does_not_have_is_asked_again(value) -> None:
    asked, decisions = await decided(units(WRITE, {"text": "hello"}), edit({"text": "x", "n": value}), WRITE)
    assert asked["payload"]["problem"]
    assert decisions == {}


async def test_a_destructive_tool_with_an_argument_called_confirm_keeps_it() -> None:
    asks = units(DELETE, {"id": "7"})
    (shown,) = approval_requests(asks)
    assert shown["args"] == {"id": "7", "confirm_": "no"}
    asked, decisions = await decided(asks, edit({"id": "7", "confirm": True, "confirm_": "yes"}), DELETE)
    assert asked is None
    assert decisions[CallKey("plan", "s1")].arguments == {"id": "7", "confirm": True}


@pytest.mark.parametrize("yes", ["no", "", "y", "true", True, 1, None, ["yes"], "yes please"])
async def test_only_a_yes_confirms(yes) -> None:
    asked, decisions = await decided(units(DELETE, {"id": "7"}), edit({"id": "7", "confirm_": yes}), DELETE)
    assert asked is not None
    assert decisions == {}


async def test_items_may_be_left_out_or_changed_in_place_but_not_both() -> None:
    items = [{"text": "a"}, {"text": "b"}, {"text": "b"}]
    asks = units(WRITE, *items, for_each="${s0.x}")

    async def verdicts(edited: Any) -> list[Any]:
        asked, decisions = await decided(asks, edit({"items": edited}), WRITE)
        if asked is not None:
            return [asked["payload"]["problem"]]
        return [d.arguments["text"] if d.verdict == "approved" else None for d in decisions.values()]

    assert await verdicts(items) == ["a", "b", "b"]
    assert await verdicts([{"text": "b"}]) == [None, "b", None]
    assert await verdicts([]) == [None, None, None]
    assert await verdicts([{"text": "x"}, {"text": "b"}, {"text": "b"}]) == ["x", "b", "b"]
    for refused in (
        [{"text": "x"}],
        [*items, {"text": "d"}],
        [{"text": "a"}, {"text": "a"}],
        ["a", "b", "b"],
        "all",
        None,
    ):
        (problem,) = await verdicts(refused)
        assert "items" in problem


async def test_rejecting_a_fan_out_rejects_every_item_with_the_reason() -> None:
    asks = units(WRITE, {"text": "a"}, {"text": "b"}, for_each="${s0.x}")
    _, decisions = await decided(asks, {"decisions": [{"type": "reject", "message": "\ud800 no\0"}]}, WRITE)
    assert [(d.verdict, d.message) for d in decisions.values()] == [("rejected", "\ufffd no\ufffd")] * 2
