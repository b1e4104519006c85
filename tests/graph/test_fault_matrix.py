"""Whatever fails on the way to Nango and back, for a read, a write and a fan-out of writes: nothing is written twice, nothing is called
done that was not, the thread gets on, and what is said of it helps.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from typing_extensions import TypedDict

from nango_graph import build_graph
from nango_graph.nodes.respond import plain_account
from nango_graph.state import Connection
from nango_sandbox import Action, Call, Integration, Sandbox
from nango_sandbox.faults import AppAnswers, Dropped, Latency, Malformed, RaceLost, Status
from nango_tools import NangoClient

APPROVE: dict[str, Any] = {"type": "approve"}
OUTPUTS: dict[str, Any] = {
    "short": "a ticket",
    "null": None,
    "nearly 2 MB": "x" * 2_000_000,
    "over 2 MB": "x" * 2_500_000,
}
"""Nango hands on at most 2 MB (2,097,152 bytes)."""
TICKETS = [1, 2, 3]


class Ticket(TypedDict):
    number: int


class Nothing(TypedDict):
    pass


def desk(output: str) -> Integration:
    """Its tickets bring `output`."""

    async def ticket(_: Call, ticket: Ticket) -> Any:
        return {"number": ticket["number"], "text": OUTPUTS[output]} if OUTPUTS[output] else None

    async def tickets(_: Call, __: Nothing) -> list[Ticket]:
        return [Ticket(number=number) for number in TICKETS]

    actions = (
        Action("get-ticket", "Get a ticket.", "read", ticket),
        Action("list-tickets", "List the tickets.", "read", tickets),
        Action("create-ticket", "Create a ticket.", "write", ticket),
    )
    return Integration("desk", "desk", "Help desk", "API_KEY", actions=actions)


STEPS: dict[str, list[dict[str, Any]]] = {
    "read": [{"id": "s1", "tool": "desk/get-ticket", "arguments": {"number": 1}}],
    "write": [
        {"id": "s1", "tool": "desk/create-ticket", "arguments": {"number": 1}, "purpose": "Open a ticket"},
    ],
    "fan-out": [
        {"id": "s1", "tool": "desk/list-tickets", "arguments": {}},
        {"id": "s2", "tool": "desk/create-ticket", "arguments": {"number": "${item.number}"}, "for_each": "${s1}"},
    ],
}
WANTED = {"read": [], "write": [1], "fan-out": TICKETS}


@dataclass(frozen=True)
class Fault:
    """declared: for the action that it strikes; cause: what is said of it; of_a_write: what becomes of one"""

    declared: Callable[[dict[str, Any]], Any]
    cause: str
    of_a_write: str
    """"refused" or "failed": it is said. "asked": nobody knows, so a human is asked. "done": it happens nevertheless."""


def _own(status: int) -> Callable[[dict[str, Any]], Any]:
    return lambda to: Status(status=status, **to)


def _of_the_app(status: int) -> Callable[[dict[str, Any]], Any]:
    return lambda to: AppAnswers(status=status, **to)


FAULTS: dict[str, Fault] = {
    # A key that may not use REST may use the MCP.
    **{
        f"own {status}": Fault(_own(status), str(status), {403: "done", 409: "asked"}.get(status, "refused"))
        for status in (400, 401, 403, 404, 409, 422, 429)
    },
    **{f"own {status}": Fault(_own(status), str(status), "asked") for status in (500, 503)},
    **{
        f"app {status}": Fault(_of_the_app(status), f"the provider answered {status}", "failed")
        for status in (400, 401, 403, 404, 422, 429)
    },
    **{
        f"app {status}": Fault(_of_the_app(status), f"the provider answered {status}", "asked")
        for status in (409, 500, 503)
    },
    "dropped before": Fault(lambda to: Dropped(when="before", **to), "the connection to Nango failed", "asked"),
    "dropped after": Fault(lambda to: Dropped(when="after", **to), "the connection to Nango failed", "asked"),
    "dropped midway": Fault(lambda to: Dropped(when="midway", **to), "the connection to Nango failed", "asked"),
    "race lost": Fault(lambda to: RaceLost(**to), "is in progress", "asked"),
    "malformed": Fault(lambda to: Malformed(**to), "answer is not JSON", "asked"),
    "500 after it ran": Fault(lambda to: Status(status=500, after_effect=True, **to), "500", "asked"),
}
LABEL = "Ada Lovelace"
_WHETHER_IT_RAN = re.compile(r"did not run|ran and failed|may have run|[Nn]othing was (?:sent|changed)")
_NEXT_MOVE = re.compile(
    r"\b(?:Ask (?:again|for less|the admin)|Authorize|Connect|Look in the account|Correct|Check in the account)\b"
)
_FOR_DEVELOPERS = re.compile(
    r"upstream_body|correct the call|NANGO_|dashboard|\bcheck the name\b|[0-9a-f]{8}-[0-9a-f]{4}-"
)
"""Also the id of a connection."""
_IN_PROMPTS = 600
"""Characters of an error that a planner sees."""


def helps(told: str, *, step: str, tool: str, cause: str) -> None:
    """It names step, tool, account, whether it ran, what a user can do next, and the cause; all but the end of the cause where
    prompts cut it.
    """
    told = re.sub(r"\\([-_*`.])", r"\1", told)
    assert re.search(rf"\b{step}\b", told), told
    assert tool in told
    assert LABEL in told
    assert _WHETHER_IT_RAN.search(told[:_IN_PROMPTS]), told
    assert _NEXT_MOVE.search(told), told
    assert cause in told
    # Nango names a task of its own in the cause.
    assert not _FOR_DEVELOPERS.search(re.sub(r"Task \S+ is in progress", "", told)), told


def helps_the_planner(told: str, **named: str) -> None:
    helps(told, **named)
    assert _NEXT_MOVE.search(told[:_IN_PROMPTS]), told


def in_the_plain_account(result: Any) -> str:
    account = Connection(integration="desk", connection_id="c", label=LABEL)
    [_, *lines] = plain_account([result], {"desk": account}).split("\n")
    [line] = lines
    return line


@pytest.fixture
def output(request: pytest.FixtureRequest) -> str:
    return getattr(request, "param", "short")


@pytest.fixture
async def sandbox(output: str) -> AsyncIterator[Sandbox]:
    async with Sandbox(integrations=[desk(output)]) as running:
        yield running


@pytest.fixture
async def agent(request: pytest.FixtureRequest, start, sandbox: Sandbox) -> AsyncIterator[Any]:
    """Ada's, whose waits for request limits move the clock. `param`: of the settings for Nango."""
    await sandbox.connect("desk", {"end_user_id": "ada", "end_user_display_name": "Ada Lovelace"})
    async with start(nango=getattr(request, "param", {})) as opened:
        settings, clock = opened.services.settings.nango, opened.clock
        async with NangoClient(settings, sleep=clock.sleep, clock=clock.now) as nango:
            services = replace(opened.services, nango=nango)
            graph = build_graph(services).compile(checkpointer=InMemorySaver())
            opened.model.integrations = ["desk"]
            yield replace(opened, services=services, graph=graph)


async def ended(agent, shape: str) -> tuple[Any, list[dict[str, Any]]]:
    """The thread once it has answered, and what it asked: writes are approved, unknown outcomes answered as the ledger has them."""
    agent.model.script = [{"kind": "plan", "steps": STEPS[shape]}, *[{"kind": "answer", "text": "It failed."}] * 3]
    seen, asked = await agent.say("do it"), list[dict[str, Any]]()
    while seen.question is not None:
        decisions = []
        for ask in seen.asks:
            decision = APPROVE
            if ask["name"] == "resolve_unknown_outcome":
                happened = ask["args"]["arguments"]["number"] in await written(agent)
                args = {**ask["args"], "answer": "happened" if happened else "not_happened_skip"}
                decision = {"type": "edit", "edited_action": {"name": ask["name"], "args": args}}
            decisions.append(decision)
        asked += seen.asks
        assert len(asked) < 12, "it asks again and again"
        seen = await agent.decide(*decisions)
    return seen, asked


async def written(agent) -> list[int]:
    return [sent["number"] for _, sent in await agent.written()]


def strikes(agent, shape: str, fault: Fault) -> None:
    """A read is repeated, so what strikes it lasts; of writes the first is struck."""
    reads = shape == "read"
    agent.sandbox.faults.add(
        fault.declared({"action": "get-ticket" if reads else "create-ticket", "times": None if reads else 1})
    )


def questions_of_what_happened(asked: list[dict[str, Any]]) -> list[str]:
    return [ask["description"] for ask in asked if ask["name"] == "resolve_unknown_outcome"]


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_read_that_fails_says_why(agent, fault: str) -> None:
    strikes(agent, "read", FAULTS[fault])
    seen, asked = await ended(agent, "read")
    (result,) = seen.values["results"]
    assert (result["step"], result["tool"]) == ("s1", "desk/get-ticket")
    assert result["status"] != "succeeded"
    assert asked == [], "nothing is to be decided about a read"
    helps_the_planner(result["error"], step="s1", tool="desk/get-ticket", cause=FAULTS[fault].cause)
    helps(in_the_plain_account(result), step="s1", tool="desk/get-ticket", cause=FAULTS[fault].cause)
    assert "may have" not in result["error"], "a read changes nothing"


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_write_that_fails_is_never_repeated_nor_called_done(agent, fault: str) -> None:
    strikes(agent, "write", FAULTS[fault])
    seen, asked = await ended(agent, "write")
    (result,), done = seen.values["results"], await written(agent)
    sent = [entry for entry in await agent.ledger() if entry.action == "create-ticket"]
    assert len(sent) <= 1
    assert (result["status"] == "succeeded") == (done == [1])
    unknown, becomes = questions_of_what_happened(asked), FAULTS[fault].of_a_write
    assert len(unknown) == (becomes == "asked")
    if becomes == "done":
        assert done == [1]
        return
    (told,) = unknown or [result["error"]]
    helps(told, step="s1", tool="desk/create-ticket", cause=FAULTS[fault].cause)
    if unknown:
        assert "Open a ticket" in told, "the purpose"
    else:
        helps_the_planner(told, step="s1", tool="desk/create-ticket", cause=FAULTS[fault].cause)
        helps(in_the_plain_account(result), step="s1", tool="desk/create-ticket", cause=FAULTS[fault].cause)
    if becomes == "refused":
        assert sent == []
        assert "did not run" in told
    if becomes == "failed":
        assert "may have taken effect" in told


@pytest.mark.parametrize("fault", FAULTS)
async def test_of_a_fan_out_each_item_is_written_once_at_most_and_the_count_is_said(agent, fault: str) -> None:
    strikes(agent, "fan-out", FAULTS[fault])
    seen, asked = await ended(agent, "fan-out")
    result, done = seen.values["results"][-1], await written(agent)
    sent = [entry.input["number"] for entry in await agent.ledger() if entry.action == "create-ticket"]
    assert len(sent) == len(set(sent)), "an item was sent twice"
    assert result["status"] != "succeeded" or done == TICKETS
    unknown = questions_of_what_happened(asked)
    assert len(unknown) == (FAULTS[fault].of_a_write == "asked")
    for told in unknown:
        helps(told, step="s2", tool="desk/create-ticket", cause=FAULTS[fault].cause)
    if done == TICKETS:
        return
    assert done == [2, 3], "the first was struck"
    assert '1 of 3 failed, 2 succeeded. {"number": 1}: ' in result["error"]
    if unknown:
        assert "says that it did not happen" in result["error"], "what the user said of it"
    else:
        helps_the_planner(result["error"], step="s2", tool="desk/create-ticket", cause=FAULTS[fault].cause)


@pytest.mark.parametrize("agent", [{"read_timeout": 1.5, "write_timeout": 1.5}], indirect=True)
@pytest.mark.parametrize("shape", STEPS)
async def test_what_takes_longer_than_the_time_out_is_not_sent_again_if_it_writes(agent, shape: str) -> None:
    action = "get-ticket" if shape == "read" else "create-ticket"
    agent.sandbox.faults.add(Latency(seconds=3600, action=action, times=None if shape == "read" else 1))
    seen, asked = await ended(agent, shape)
    result = seen.values["results"][-1]
    assert result["status"] != "succeeded"
    unknown, (step, tool) = questions_of_what_happened(asked), (result["step"], result["tool"])
    assert len(unknown) == (shape != "read")
    for told in unknown or [result["error"]]:
        helps(told, step=step, tool=tool, cause="Nango did not answer in time")
    await asyncio.to_thread(agent.sandbox.clock.advance, 7200)
    await agent.wake()
    sent = [entry.input["number"] for entry in await agent.ledger() if entry.action == "create-ticket"]
    assert len(sent) == len(set(sent))


@pytest.mark.parametrize("output", ["null", "nearly 2 MB"], indirect=True)
@pytest.mark.parametrize("shape", STEPS)
async def test_an_answer_that_is_null_or_huge_is_an_answer(agent, shape: str, output: str) -> None:
    seen, asked = await ended(agent, shape)
    result = seen.values["results"][-1]
    assert result["status"] == "succeeded"
    assert await written(agent) == WANTED[shape]
    assert questions_of_what_happened(asked) == []
    assert len(str(result)) < 10_000
    assert ("null" in result["shape"]) == (output == "null")


@pytest.mark.parametrize("output", ["over 2 MB"], indirect=True)
@pytest.mark.parametrize("shape", STEPS)
async def test_an_answer_that_nango_finds_too_large_is_lost_and_the_write_may_have_happened(agent, shape: str) -> None:
    seen, asked = await ended(agent, shape)
    result, unknown = seen.values["results"][-1], questions_of_what_happened(asked)
    assert result["status"] != "succeeded"
    assert len(unknown) == len(WANTED[shape])
    for told in unknown or [result["error"]]:
        helps(told, step=result["step"], tool=result["tool"], cause="Output size is too large")
    sent = [entry.input["number"] for entry in await agent.ledger() if entry.action == "create-ticket"]
    assert sent == WANTED[shape]
