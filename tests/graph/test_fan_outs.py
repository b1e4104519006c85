"""Steps that run for each item of a list, and how many calls leave at once."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.errors import GraphDrained
from langgraph.runtime import RunControl
from langgraph.types import Command
from starlette.responses import JSONResponse

from agents import Agent
from nango_graph import Context, build_graph

OCTO = {"owner": "octo", "repo": "widgets"}
APPROVE: dict[str, Any] = {"type": "approve"}
REJECT: dict[str, Any] = {"type": "reject", "message": "too many"}


def step(number: int, tool: str, arguments: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": f"s{number}", "tool": tool, "arguments": arguments, **more}


def plan(*steps: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "plan", "steps": list(steps)}


LIST = step(1, "github/list-issues", OCTO)
TIMES = {1: "s1.issues", 2: "s1.issues | [@,@][]", 10: "s1.issues | [@,@,@,@,@,@,@,@,@,@][]"}
"""Lists that are so many times as long as that of the issues, which has five."""


def get_each(number: int, times: int = 1, **more: Any) -> dict[str, Any]:
    arguments = {**OCTO, "issue_number": "${item.number}"}
    return step(number, "github/get-issue", arguments, for_each=f"${{{TIMES[times]}}}", **more)


def post_each(number: int, times: int = 1, **more: Any) -> dict[str, Any]:
    arguments = {"channel": "general", "text": f"{number}: ${{item.title}}"}
    return step(number, "slack/post-message", arguments, for_each=f"${{{TIMES[times]}}}", **more)


def get(number: int) -> dict[str, Any]:
    return step(number, "github/get-issue", {**OCTO, "issue_number": number})


@dataclass
class Door:
    """In front of the sandbox: how many calls of actions are under way, in all and for each connection. `hold` says of how
    many at once the first is let through; then all are. `free`: an action that is let through at once. `linger`: turns of
    the loop that each takes longer, in which others could come.
    """

    hold: int = 0
    free: str = ""
    linger: int = 0
    under_way: Counter[str] = field(default_factory=Counter)
    most: Counter[str] = field(default_factory=Counter)
    seen: list[str] = field(default_factory=list)
    full: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, request: Any, forward: Any) -> Any:
        if request.url.path != "/action/trigger":
            return await forward()
        name = json.loads(await request.body())["action_name"]
        connection = request.headers["connection-id"]
        self.seen.append(name)
        for counted in ("all", connection, name):
            self.under_way[counted] += 1
            self.most[counted] = max(self.most[counted], self.under_way[counted])
        if self.under_way["all"] >= self.hold:
            self.full.set()
        try:
            # One that stands alone at the beginning holds up nothing.
            if self.hold and name not in self.free:
                async with asyncio.timeout(20):
                    await self.full.wait()
            for _ in range(self.linger):
                await asyncio.sleep(0)
            return await forward()
        finally:
            for counted in ("all", connection, name):
                self.under_way[counted] -= 1


@pytest.fixture
async def agent(start, sandbox, proxy) -> AsyncIterator[Agent]:
    for integration in ("github", "slack"):
        await sandbox.connect(integration, {"end_user_id": "ada"})
    async with start(nango={"base_url": proxy.url}) as opened:
        opened.model.integrations = ["github", "slack"]
        yield opened


@pytest.fixture
def limited() -> Callable[..., Agent]:
    """The same agent with other settings."""

    def with_settings(agent: Agent, **update: Any) -> Agent:
        services = replace(agent.services, settings=agent.services.settings.model_copy(update=update))
        graph = build_graph(services).compile(checkpointer=InMemorySaver())
        return replace(agent, services=services, graph=graph)

    return with_settings


def told_of(parts: list[dict[str, Any]], step_id: str) -> list[dict[str, Any]]:
    return [part for part in parts if part.get("type") == "step" and part["id"] == step_id]


def statuses(seen: Any) -> dict[str, str]:
    steps: dict[str, str] = seen.values["steps"]
    return steps


async def test_ten_independent_reads_of_one_connection_run_at_once(agent, proxy) -> None:
    door = proxy.handle = Door(hold=10)
    agent.model.script = [plan(*(step(number, "github/list-issues", OCTO) for number in range(1, 11)))]
    assert (await agent.say("look ten times")).answer == "Done."
    assert door.most["list-issues"] == 10


async def test_items_are_read_at_the_same_time_and_come_in_the_order_of_the_list(agent, proxy) -> None:
    door = proxy.handle = Door(hold=5, free="list-issues")
    titles = step(3, "slack/post-message", {"channel": "general", "text": "${join(',', map(&to_string(number), s2))}"})
    agent.model.script = [plan(LIST, get_each(2), titles)]
    seen = await agent.say("look at all")
    assert door.most["get-issue"] == 5
    [listed] = [entry for entry in await agent.ledger() if entry.action == "list-issues"]
    assert seen.asks[0]["args"]["text"] == ",".join(str(issue["number"]) for issue in listed.output["issues"])


async def test_items_are_written_one_after_the_other_unless_they_are_independent(agent, proxy) -> None:
    door = proxy.handle = Door(linger=2000)
    agent.model.script = [plan(LIST, post_each(2)), plan(post_each(3, independent=True))]
    await agent.say("post each")
    await agent.decide(APPROVE)
    assert door.most["post-message"] == 1
    titles = [sent["text"].removeprefix("2: ") for _, sent in await agent.written()]
    assert len(titles) == 5
    await agent.say("and again, in any order")
    proxy.handle = door = Door(hold=5, free="list-issues")
    await agent.decide(APPROVE)
    assert door.most["post-message"] == 5
    assert sorted(sent["text"] for _, sent in (await agent.written())[5:]) == sorted(f"3: {title}" for title in titles)


@pytest.mark.parametrize(
    ("limits", "in_all", "each"),
    [({"concurrency_per_connection": 3}, 6, 3), ({"concurrency": 4}, 4, 4), ({"concurrency": 1}, 1, 1)],
)
async def test_no_more_calls_leave_at_once_than_are_allowed_in_all_and_for_each_connection(
    agent, proxy, limited, limits, in_all, each
) -> None:
    few = limited(agent, **limits)
    door = proxy.handle = Door(hold=in_all)
    reads = [step(number, "github/list-issues", OCTO) for number in range(1, 8)]
    others = [step(number, "slack/list-channels", {}) for number in range(8, 15)]
    few.model.script = [plan(*reads, *others, get_each(15, 2), post_each(16, 2, independent=True))]
    await few.say("look around, and post")
    assert (await few.decide(APPROVE)).answer == "Done."
    assert len(door.seen) == 7 + 7 + 10 + 10
    assert door.most["all"] == in_all, "as many as may be"
    connections = [name for name in door.most if name not in {"all", *door.seen}]
    assert len(connections) == 2
    assert max(door.most[name] for name in connections) <= each


async def test_more_items_than_that_are_asked_about_first_with_their_number_also_to_be_read(agent) -> None:
    agent.model.script = [plan(LIST, get_each(2, 2), post_each(3))]
    seen = await agent.say("look at all, twice", max_items=9)
    assert [request["name"] for request in seen.asks] == ["github/get-issue", "slack/post-message"]
    assert "10 times" in seen.asks[0]["description"]
    assert "More than 9" in seen.asks[0]["description"]
    assert "More than 9" not in seen.asks[1]["description"]
    assert len(seen.asks[0]["args"]["items"]) == 10
    assert [entry.action for entry in await agent.ledger()] == ["list-issues"]
    fewer = {"items": seen.asks[0]["args"]["items"][:4]}
    seen = await agent.decide({"type": "edit", "edited_action": {"name": "x", "args": fewer}}, REJECT)
    assert seen.answer == "Done."
    assert [entry.action for entry in await agent.ledger()] == ["list-issues", *["get-issue"] * 4]
    assert statuses(seen) == {"s1": "succeeded", "s2": "succeeded", "s3": "rejected"}


async def test_a_refused_fan_out_of_reads_reads_nothing(agent) -> None:
    agent.model.script = [plan(LIST, get_each(2, 2))]
    await agent.say("look at all, twice", max_items=9)
    assert (await agent.decide(REJECT)).answer == "Done."
    assert [entry.action for entry in await agent.ledger()] == ["list-issues"]


async def test_a_list_of_more_than_ten_thousand_items_is_refused_in_words(agent) -> None:
    twelve_thousand = (
        "${s1.issues[].number | [@,@,@,@][] | [@,@,@,@,@,@,@,@,@,@][] | [@,@,@,@,@,@,@,@,@,@][] | [@,@,@,@,@,@][]}"
    )
    each = step(2, "github/get-issue", {**OCTO, "issue_number": "${item}"}, for_each=twelve_thousand)
    agent.model.script = [plan(LIST, each), {"kind": "answer", "text": "Too many."}]
    assert (await agent.say("look at all")).answer == "Too many."
    assert "It would run 12,000 times; more than 10,000 are never allowed. Nothing was sent." in agent.model.prompts[1]
    assert [entry.action for entry in await agent.ledger()] == ["list-issues"]


NOTHING_LIKE_IT = "s1.issues[?title=='No such title']"


async def test_a_step_for_each_of_nothing_is_done_and_says_so(agent) -> None:
    each = step(2, "github/get-issue", {**OCTO, "issue_number": "${item.number}"}, for_each=f"${{{NOTHING_LIKE_IT}}}")
    agent.model.script = [plan(LIST, each), {"kind": "answer", "text": "There are none."}]
    seen = await agent.say("look at those")
    assert seen.answer == "There are none."
    result = seen.values["results"][1]
    assert (result["status"], result["preview"]) == ("succeeded", "[]")
    assert result["error"] == f"Nothing to do: ${{{NOTHING_LIKE_IT}}} was empty."


@pytest.mark.parametrize(
    ("arguments", "more", "told"),
    [
        (
            {**OCTO, "issue_number": f"${{{NOTHING_LIKE_IT} | [0].number}}"},
            {},
            f"${{{NOTHING_LIKE_IT} | [0].number}} found nothing (for issue_number), and github/get-issue can't be called without it.",
        ),
        (
            {**OCTO, "issue_number": "${item.number}"},
            {"for_each": "${s1.things}"},
            "${s1.things} found nothing, so there is no list to go through.",
        ),
        (
            {**OCTO, "issue_number": "${item.nummer}"},
            {"for_each": "${s1.issues}"},
            "${item.nummer} found nothing (for issue_number), and github/get-issue can't be called without it.",
        ),
    ],
)
async def test_a_reference_that_found_nothing_is_named_and_nothing_is_sent(agent, arguments, more, told) -> None:
    agent.model.script = [plan(LIST, step(2, "github/get-issue", arguments, **more)), {"kind": "answer", "text": "No."}]
    assert (await agent.say("look at it")).answer == "No."
    assert f"{told} Nothing was sent." in agent.model.prompts[1].replace("\\'", "'")
    assert [entry.action for entry in await agent.ledger()] == ["list-issues"]


async def test_progress_of_a_few_items_is_told_one_by_one(agent) -> None:
    agent.model.script = [plan(LIST, get_each(2))]
    told = told_of((await agent.say("look at all")).parts, "s2")
    assert [part["status"] for part in told] == ["started", *["running"] * 4, "succeeded"]
    assert [(part["done"], part["of"]) for part in told[1:]] == [(1, 5), (2, 5), (3, 5), (4, 5), (5, 5)]


async def test_progress_of_many_items_is_told_some_twenty_times(agent) -> None:
    agent.model.script = [plan(LIST, get_each(2, 10))]
    told = told_of((await agent.say("look at all")).parts, "s2")
    assert [part["status"] for part in told] == ["started", *["running"] * 16, "succeeded"]
    assert [part["done"] for part in told[1:]] == [*range(3, 50, 3), 50]
    assert [entry.action for entry in await agent.ledger()].count("get-issue") == 50


async def test_items_that_failed_are_counted_beside_those_that_are_done(agent) -> None:
    each = step(
        2, "github/get-issue", {**OCTO, "issue_number": "${item}"}, for_each="${s1.issues[].number | [@, [`9999`]][]}"
    )
    agent.model.script = [plan(LIST, each), {"kind": "answer", "text": "Five of six."}]
    told = told_of((await agent.say("look at all")).parts, "s2")
    assert (told[-1]["status"], told[-1]["done"], told[-1]["of"]) == ("failed", 5, 6)
    assert told[-1]["failed"] == 1, "which the last event of those before it need not have said"
    assert "1 of 6 failed, 5 succeeded." in told[-1]["error"]


class After:
    """Does `happening` when so many calls of an action have been answered, before the answer is passed on."""

    def __init__(self, action: str, number: int, happening: Callable[[], object]) -> None:
        self.action, self.left, self.happening = action, number, happening

    async def __call__(self, request: Any, forward: Any) -> Any:
        response = await forward()
        if request.url.path == "/action/trigger" and json.loads(await request.body())["action_name"] == self.action:
            self.left -= 1
            if self.left == 0:
                self.happening()
        return response


async def drained(agent: Agent, sent: Any, control: RunControl) -> None:
    config: Any = {"configurable": {"thread_id": "t"}}
    with pytest.raises(GraphDrained):
        await agent.graph.ainvoke(sent, config, context=Context(user_id="ada"), control=control)


async def test_a_drained_run_sends_nothing_more_and_the_next_one_goes_on_with_the_rest(agent, proxy, limited) -> None:
    few = limited(agent, concurrency=2)
    few.model.script = [
        plan(LIST, get_each(2, 2), step(3, "github/get-issue", {**OCTO, "issue_number": "${s2[0].number}"}))
    ]
    control = RunControl()
    proxy.handle = After("get-issue", 3, control.request_drain)
    await drained(few, {"messages": [("user", "look")]}, control)
    made = [entry.action for entry in await few.ledger()].count("get-issue")
    assert made in (3, 4), "what was under way came back, and no other left"
    state = await few.graph.aget_state({"configurable": {"thread_id": "t"}})
    assert state.values["steps"] == {"s1": "succeeded", "s2": "stopped", "s3": "stopped"}
    assert (state.next, bool(state.values["plan_id"])) == (("execute",), True)
    seen = await few.wake()
    assert seen.answer == "Done."
    assert statuses(seen) == {"s1": "succeeded", "s2": "succeeded", "s3": "succeeded"}
    assert [entry.action for entry in await few.ledger()].count("get-issue") == 10 + 1, "none of them twice"
    assert len(few.model.prompts) == 1


async def test_a_run_drained_between_two_writes_goes_on_under_the_same_approval(agent, proxy) -> None:
    agent.model.script = [plan(LIST, post_each(2))]
    await agent.say("post each")
    control = RunControl()
    proxy.handle = After("post-message", 2, control.request_drain)
    await drained(agent, Command(resume={"decisions": [APPROVE]}), control)
    assert len(await agent.written()) == 2
    seen = await agent.wake()
    assert seen.answer == "Done."
    texts = [sent["text"] for _, sent in await agent.written()]
    assert len(texts) == len(set(texts)) == 5


async def test_a_drain_keeps_what_must_be_asked(agent, proxy) -> None:
    agent.model.script = [plan(LIST, get_each(2), post_each(3))]
    control = RunControl()
    proxy.handle = After("list-issues", 1, control.request_drain)
    await drained(agent, {"messages": [("user", "look and post")]}, control)
    seen = await agent.wake()
    assert [request["name"] for request in seen.asks] == ["slack/post-message"]
    seen = await agent.decide(APPROVE)
    assert statuses(seen) == {"s1": "succeeded", "s2": "succeeded", "s3": "succeeded"}


async def test_when_the_time_of_the_turn_is_used_up_no_further_call_leaves_and_it_is_said(agent, proxy) -> None:
    def later() -> None:
        agent.clock.time += 120

    proxy.handle = After("post-message", 2, later)
    agent.model.script = [plan(LIST, post_each(2), get(3))]
    await agent.say("post each", max_seconds=100)
    seen = await agent.decide(APPROVE)
    assert len(await agent.written()) == 2
    assert statuses(seen)["s2"] == "blocked"
    error = next(result["error"] for result in seen.values["results"] if result["step"] == "s2")
    assert "(100 seconds) is used up" in error
    assert "2 of its calls had succeeded before." in error
    await agent.wake()
    assert len(await agent.written()) == 2


async def test_an_edited_status_makes_no_run_go_round_for_ever(agent) -> None:
    agent.model.script = [plan(LIST, post_each(2))]
    await agent.say("post each")
    await agent.edit_state({"steps": {"s1": "stopped", "s0": "stopped"}}, after="decide")
    seen = await agent.wake()
    assert [request["name"] for request in seen.asks] == ["slack/post-message"]
    assert (await agent.decide(APPROVE)).answer == "Done."


async def test_after_a_write_that_nobody_knows_the_end_of_the_items_behind_it_wait(agent, proxy) -> None:
    sent: list[str] = []

    async def second_is_lost(request: Any, forward: Any) -> Any:
        body = await request.body()
        if b"post-message" in body:
            sent.append(json.loads(body)["input"]["text"])
            if len(sent) == 2:
                await forward()
                return JSONResponse({"error": {"code": "script_internal_error", "message": "boom"}}, 500)
        return await forward()

    proxy.handle = second_is_lost
    agent.model.script = [plan(LIST, post_each(2))]
    seen = await agent.say("post all")
    items = [one["text"] for one in seen.asks[0]["args"]["items"]]
    seen = await agent.decide(APPROVE)
    [asked] = seen.asks
    assert asked["name"] == "resolve_unknown_outcome"
    assert sent == items[:2], "what comes behind it is not sent before somebody knows"
    happened = {"name": asked["name"], "args": {**asked["args"], "answer": "happened"}}
    seen = await agent.decide({"type": "edit", "edited_action": happened})
    assert seen.answer == "Done."
    assert sent == items, "the others go on under the approval that they have"
