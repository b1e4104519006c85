"""What is left over of a plan when the next message comes first, and what a run that broke off says of it."""

import asyncio
import json
import re
from typing import Any

import pytest
from langgraph.types import Command
from starlette.responses import JSONResponse

from cut_off_runs import cut_off, said
from issue_steps import EACH, LIST, OCTO, write

APPROVE: dict[str, Any] = {"type": "approve"}
NOTHING_LEFT: dict[str, Any] = {"kind": "answer", "text": "All right."}


def ping(**more: Any) -> dict[str, Any]:
    arguments = {**EACH["arguments"], "body": "ping"}
    return {"id": "s2", "tool": "github/add-issue-comment", "arguments": arguments, "for_each": "${s1.issues}"} | more


def plan(*steps: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "plan", "steps": list(steps)}


class Cutting:
    """Keeps back the answer to the `at`-th action, which has happened or, where `lost`, has not even been let through."""

    def __init__(self, at: int, *, lost: bool = False) -> None:
        self.left, self.lost = at, lost
        self.there, self.over = asyncio.Event(), asyncio.Event()

    async def __call__(self, request: Any, forward: Any) -> Any:
        if request.url.path != "/action/trigger":
            return await forward()
        self.left -= 1
        if self.left:
            return await forward()
        answer = JSONResponse({}, 503) if self.lost else await forward()
        self.there.set()
        await self.over.wait()
        return answer


@pytest.fixture
async def agent(start: Any, sandbox: Any, proxy: Any) -> Any:
    await sandbox.connect("github", {"end_user_id": "ada"})
    async with start(nango={"base_url": proxy.url}) as opened:
        opened.model.integrations = ["github"]
        yield opened


def approved(count: int) -> Any:
    return Command(resume={"decisions": [APPROVE] * count})


def shown_as_left(agent: Any) -> list[dict[str, Any]]:
    found = re.search(r"<unfinished_plan>\n(.*?)\n</unfinished_plan>", agent.model.prompts[-1], re.DOTALL)
    return json.loads(found[1]) if found else []


def to_be_sent_again(agent: Any) -> str:
    found = re.search(r"<send_again>\n(.*?)\n</send_again>", agent.model.prompts[-1], re.DOTALL)
    return found[1] if found else ""


@pytest.mark.parametrize("answer", ["happened", "not_happened_skip", "not_happened_retry"])
async def test_what_was_just_settled_is_left_over_only_if_it_is_to_be_sent_again(
    agent: Any, proxy: Any, answer: str
) -> None:
    agent.model.script = [plan(write(1), write(2)), NOTHING_LEFT]
    await agent.say("create both")
    await cut_off(agent, proxy, approved(2), Cutting(1, lost=answer != "happened"))
    seen = await agent.say("go on with what was left")
    assert "asked once more before it is sent" in seen.asks[0]["description"]
    await agent.decide(said(seen.asks[0], answer))
    again = answer == "not_happened_retry"
    assert shown_as_left(agent) == ([write(1), write(2)] if again else [write(2)])
    assert to_be_sent_again(agent) == ("s1" if again else "")
    came_of_it = "succeeded" if answer == "happened" else "failed"
    line = re.search(r"^s1 github/create-issue .* -> (.*)$", agent.model.prompts[-1], re.MULTILINE)
    assert line is not None
    assert line[1] == came_of_it


async def test_an_outcome_that_is_left_open_is_not_planned_again(agent: Any, proxy: Any) -> None:
    agent.model.script = [plan(write(1), write(2)), NOTHING_LEFT]
    await agent.say("create both")
    await cut_off(agent, proxy, approved(2), Cutting(1))
    await agent.say("go on")
    await agent.decide({"type": "reject"})
    assert shown_as_left(agent) == [write(2)]


async def test_what_is_to_be_sent_again_is_approved_in_its_new_plan_and_sent_once(agent: Any, proxy: Any) -> None:
    again = write(1, id="s2")
    agent.model.script = [plan(write(1)), plan(again), NOTHING_LEFT]
    await agent.say("create it")
    await cut_off(agent, proxy, approved(1), Cutting(1, lost=True))
    seen = await agent.say("go on")
    seen = await agent.decide(said(seen.asks[0], "not_happened_retry"))
    assert await agent.written() == []
    assert [request["name"] for request in seen.asks] == ["github/create-issue"]
    await agent.decide(APPROVE)
    assert [sent["title"] for _, sent in await agent.written()] == ["Crash 1"]
    await agent.say("and now?")
    assert shown_as_left(agent) == []
    assert to_be_sent_again(agent) == ""


async def test_of_a_fan_out_of_writes_only_the_items_that_did_not_happen_are_left(agent: Any, proxy: Any) -> None:
    agent.model.script = [plan(LIST, ping())]
    await agent.say("ping all")
    await cut_off(agent, proxy, approved(1), Cutting(4, lost=True))
    done = [sent["issue_number"] for _, sent in await agent.written()]
    assert len(done) == 3
    seen = await agent.say("go on")
    agent.model.script = [NOTHING_LEFT]
    await agent.decide(said(seen.asks[0], "not_happened_retry"))
    left = shown_as_left(agent)
    assert left == [ping(for_each="${(s1.issues)[3:5]}")]
    assert to_be_sent_again(agent) == "s2"
    agent.model.script = [plan({**left[0], "id": "s3"})]
    seen = await agent.say("go on with it")
    assert len(seen.asks[0]["args"]["items"]) == 2
    assert "was done before" not in seen.asks[0]["description"]
    await agent.decide(APPROVE)
    numbers = [sent["issue_number"] for _, sent in await agent.written()]
    assert numbers[:3] == done
    assert len(set(numbers)) == len(numbers) == 5


async def test_items_that_the_user_left_out_or_that_happened_are_not_left_over(agent: Any, proxy: Any) -> None:
    agent.model.script = [plan(LIST, ping())]
    seen = await agent.say("ping all")
    items = seen.asks[0]["args"]["items"]
    some = {"type": "edit", "edited_action": {"name": seen.asks[0]["name"], "args": {"items": items[:2] + items[3:]}}}
    await cut_off(agent, proxy, Command(resume={"decisions": [some]}), Cutting(2))
    seen = await agent.say("go on")
    agent.model.script = [NOTHING_LEFT]
    await agent.decide(said(seen.asks[0], "happened"))
    assert shown_as_left(agent) == [ping(for_each="${(s1.issues)[3:5]}")]


async def test_items_here_and_there_are_named_one_by_one(agent: Any, proxy: Any) -> None:
    agent.model.script = [plan(LIST, ping())]
    seen = await agent.say("ping all")
    items = seen.asks[0]["args"]["items"]
    kept = [items[0], items[1], items[2], items[4]]
    some = {"type": "edit", "edited_action": {"name": seen.asks[0]["name"], "args": {"items": kept}}}
    await cut_off(agent, proxy, Command(resume={"decisions": [some]}), Cutting(1))
    seen = await agent.say("go on")
    agent.model.script = [NOTHING_LEFT]
    await agent.decide(said(seen.asks[0], "happened"))
    left = shown_as_left(agent)
    assert left == [ping(for_each="${[(s1.issues)[1:3], (s1.issues)[4:5]][]}")]
    agent.model.script = [plan({**left[0], "id": "s3"})]
    seen = await agent.say("go on with it")
    assert seen.asks[0]["args"]["items"] == kept[1:]


async def test_a_fan_out_of_reads_of_which_some_were_made_is_left_as_a_whole(agent: Any, proxy: Any) -> None:
    agent.model.script = [plan(LIST, EACH), NOTHING_LEFT]
    await cut_off(agent, proxy, {"messages": [("user", "read all")]}, Cutting(4))
    await agent.say("go on")
    assert shown_as_left(agent) == [EACH]


async def test_what_needs_a_step_that_the_user_refused_is_not_left_over(agent: Any, proxy: Any) -> None:
    told = write(3, arguments={**OCTO, "title": "After ${s2.number}"})
    agent.model.script = [plan(write(1), write(2), told, write(4)), NOTHING_LEFT]
    await agent.say("create them")
    refused = Command(resume={"decisions": [APPROVE, {"type": "reject"}, APPROVE]})
    await cut_off(agent, proxy, refused, Cutting(1))
    seen = await agent.say("go on")
    await agent.decide(said(seen.asks[0], "happened"))
    assert shown_as_left(agent) == [write(4)]


async def test_a_run_that_breaks_off_says_what_nobody_knows_and_asks_with_the_next_message(
    agent: Any, proxy: Any
) -> None:
    agent.model.script = [plan(write(1), write(2))]
    await agent.say("create both")
    await cut_off(agent, proxy, approved(2), Cutting(1))

    async def failing(request: Any, forward: Any) -> Any:
        return JSONResponse({"error": "out of order"}, 500) if request.url.path == "/connections" else await forward()

    proxy.handle = failing
    answer = (await agent.wake()).answer
    unknown, _, rest = answer.partition("Nobody knows whether this happened:\n")[2].partition("\nNot done")
    assert unknown.startswith("- s1 github/create-issue: unknown")
    assert "when you write the next message" in unknown
    assert "s2 " in rest
    assert "waits for approval" not in unknown
    proxy.handle = lambda _, forward: forward()
    seen = await agent.say("what now?")
    assert [request["name"] for request in seen.asks] == ["resolve_unknown_outcome"]
    agent.model.script = [NOTHING_LEFT]
    await agent.decide(said(seen.asks[0], "not_happened_retry"))
    assert to_be_sent_again(agent) == "s1"
    assert shown_as_left(agent) == [write(1)], "that turn had come to its end"
