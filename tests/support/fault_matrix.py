"""What fails on the way to Nango and back, the plans that meet it, and what must be said of it."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from typing_extensions import TypedDict

from agents import Agent
from nango_graph.nodes.respond import plain_account
from nango_graph.state import Connection
from nango_sandbox import Action, Call, Integration, LedgerEntry
from nango_sandbox.faults import AppAnswers, DeclaredFault, Dropped, Malformed, RaceLost, Status

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
STEPS["fan-out side by side"] = [STEPS["fan-out"][0], {**STEPS["fan-out"][1], "independent": True}]
WANTED = {"read": [], "write": [1], "fan-out": TICKETS, "fan-out side by side": TICKETS}


@dataclass(frozen=True)
class Fault:
    """declared: for the action that it strikes; cause: what is said of it; of_a_write: what becomes of one"""

    declared: Callable[[dict[str, Any]], Any]
    cause: str
    of_a_write: str
    """"refused" or "failed": it is said. "asked": nobody knows, so a human is asked. "done": it happens nevertheless."""
    cause_by_mcp: str = ""
    """Where the MCP's answers have another form."""

    def strikes(self, agent: Agent, shape: str, *, path: str = "*") -> DeclaredFault:
        """A read is repeated, so what strikes it lasts; of writes the first is struck."""
        reads = shape == "read"
        to = {"action": "get-ticket" if reads else "create-ticket", "times": None if reads else 1, "path": path}
        return agent.sandbox.faults.add(self.declared(to))


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
    "malformed": Fault(
        lambda to: Malformed(**to), "answer is not JSON", "asked", cause_by_mcp="stream ended without an answer"
    ),
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


@dataclass
class Ended:
    """A thread once it has answered."""

    agent: Agent
    shape: str
    before: int
    """Entries of the ledger when it began."""
    result: dict[str, Any] = field(default_factory=dict)
    """Of the step that is struck."""
    asked: list[dict[str, Any]] = field(default_factory=list)

    @property
    def told_of_the_unknown(self) -> list[str]:
        """The questions of what happened."""
        return [ask["description"] for ask in self.asked if ask["name"] == "resolve_unknown_outcome"]

    async def sent(self) -> list[int]:
        """The tickets that were to be created, in the order in which the function ran."""
        return [entry.input["number"] for entry in await self._writes()]

    async def done(self) -> list[int]:
        """The tickets that were."""
        return [entry.input["number"] for entry in await self._writes() if entry.status == "succeeded"]

    async def _writes(self) -> list[LedgerEntry]:
        return [entry for entry in (await self.agent.ledger())[self.before :] if entry.action == "create-ticket"]

    async def decision(self, ask: dict[str, Any]) -> dict[str, Any]:
        """Writes are approved, unknown outcomes answered as the ledger has them."""
        if ask["name"] != "resolve_unknown_outcome":
            return {"type": "approve"}
        happened = ask["args"]["arguments"]["number"] in await self.done()
        args = {**ask["args"], "answer": "happened" if happened else "not_happened_skip"}
        return {"type": "edit", "edited_action": {"name": ask["name"], "args": args}}


async def ended(agent: Agent, shape: str) -> Ended:
    """In a thread called as the shape is."""
    agent.model.script = [{"kind": "plan", "steps": STEPS[shape]}, *[{"kind": "answer", "text": "It failed."}] * 3]
    end = Ended(agent, shape, len(await agent.ledger()))
    seen = await agent.say("do it", thread=shape)
    while seen.question is not None:
        end.asked += seen.asks
        assert len(end.asked) < 12, "it asks again and again"
        seen = await agent.decide(*[await end.decision(ask) for ask in seen.asks], thread=shape)
    end.result = dict(seen.values["results"][-1])
    return end


async def judged(end: Ended, fault: Fault) -> None:
    """What holds whatever fails, and what holds of this fault."""
    result, sent, done, unknown = end.result, await end.sent(), await end.done(), end.told_of_the_unknown
    named = {"step": STEPS[end.shape][-1]["id"], "tool": STEPS[end.shape][-1]["tool"], "cause": fault.cause}
    assert (result["step"], result["tool"]) == (named["step"], named["tool"])
    assert len(sent) == len(set(sent)), "an item was sent twice"
    assert (result["status"] == "succeeded") == (end.shape != "read" and sorted(done) == WANTED[end.shape])
    for told in unknown:
        helps(told, **named)
    if end.shape == "read":
        assert end.asked == [], "nothing is to be decided about a read"
        assert "may have" not in result["error"], "a read changes nothing"
    else:
        assert len(unknown) == (fault.of_a_write == "asked")
    if fault.of_a_write == "done" and end.shape != "read":
        assert sorted(done) == WANTED[end.shape]
    if result["status"] != "succeeded" and not unknown:
        helps_the_planner(result["error"], **named)
        helps(in_the_plain_account(result), **named)
    match end.shape:
        case "write":
            _of_a_write(fault, sent, unknown, result)
        case "fan-out" if result["status"] != "succeeded":
            assert done == [2, 3], "the first was struck"
            assert '1 of 3 failed, 2 succeeded. {"number": 1}: ' in result["error"]
        case "fan-out side by side" if result["status"] != "succeeded":
            _counted(done, result)
    if end.shape.startswith("fan-out") and unknown and result["status"] != "succeeded":
        assert "says that it did not happen" in result["error"], "what the user said of it"


def _of_a_write(fault: Fault, sent: list[int], unknown: list[str], result: dict[str, Any]) -> None:
    for told in unknown:
        assert "Open a ticket" in told, "the purpose"
    if fault.of_a_write == "refused":
        assert sent == []
        assert "did not run" in result["error"]
    if fault.of_a_write == "failed":
        assert "may have taken effect" in result["error"]


def _counted(done: list[int], result: dict[str, Any]) -> None:
    """Which of them is struck is chance. A provider's limit holds the others back, which had been claimed by then."""
    undone = [number for number in TICKETS if number not in done]
    assert f"{len(undone)} of 3 failed, {len(done)} succeeded. " in result["error"]
    assert len(undone) == 1 or "Nothing was sent" in result["error"]
    for number in undone:
        assert f'{{"number": {number}}}' in result["error"]
