"""An account that was chosen and broke, or is gone, is never replaced by another one unasked, however often it is looked."""

from typing import Any

import pytest
from starlette.responses import HTMLResponse, JSONResponse, Response

from nango_graph.cli.autopilot import authorize
from nango_graph.waiting.looking import look_at_waits
from nango_tools import ReauthorizationRequired

OCTO = {"owner": "octo", "repo": "widgets"}
ADA = {"end_user_id": "ada"}
APPROVE: dict[str, Any] = {"type": "approve"}


def plan(number: int) -> dict[str, Any]:
    return {"kind": "plan", "steps": [{"id": f"s{number}", "tool": "github/list-issues", "arguments": OCTO}]}


async def break_it(agent: Any, connection_id: str) -> None:
    await agent.sandbox.revoke(connection_id, "github")
    await agent.sandbox.expire(connection_id, "github")
    with pytest.raises(ReauthorizationRequired):
        await agent.services.nango.connections.get(connection_id, "github")


@pytest.fixture
async def used(start: Any, sandbox: Any) -> Any:
    """A thread that has used the first account; then came a second one, and the first one broke."""
    async with start() as agent:
        first = await sandbox.connect("github", ADA)
        agent.model.integrations, agent.model.script = ["github"], [plan(1)]
        assert (await agent.say("list the issues")).answer == "Done."
        await sandbox.connect("github", ADA)
        await break_it(agent, first)
        agent.model.script = [plan(2)]
        yield agent, first


async def test_one_that_broke_is_asked_for_until_that_one_is_mended(used: Any) -> None:
    agent, first = used
    seen = await agent.say("again")
    for _ in range(3):
        assert [one["name"] for one in seen.asks] == ["connect_account"]
        assert not await look_at_waits(agent.services, "t"), "the other one that works is not what was asked for"
        seen = await agent.decide(APPROVE)
    await authorize(seen.asks[0]["args"]["connect_link"])
    assert await look_at_waits(agent.services, "t")
    assert (await agent.wake()).answer == "Done."
    assert (await agent.ledger())[-1].connection_id == first


async def test_a_new_message_meanwhile_does_not_go_to_the_other_one(used: Any) -> None:
    agent, _ = used
    await agent.say("again")
    assert [one["name"] for one in (await agent.say("are you there? list the issues")).asks] == ["connect_account"]
    assert len(await agent.ledger()) == 1


async def test_one_that_is_deleted_while_it_is_asked_for_leads_to_the_question_which_one(used: Any) -> None:
    agent, first = used
    await agent.say("again")
    await agent.services.nango.connections.delete(first, "github")
    assert await look_at_waits(agent.services, "t")
    seen = await agent.wake()
    assert [one["name"] for one in seen.asks] == ["choose_account"]
    assert (await agent.decide(APPROVE)).answer == "Done."


async def test_one_that_was_chosen_and_is_gone_in_the_middle_is_not_replaced_unasked(
    start: Any, sandbox: Any, proxy: Any
) -> None:
    async with start(nango={"base_url": proxy.url}) as agent:
        ids = {await sandbox.connect("github", ADA) for _ in range(2)}
        steps = [
            {"id": "s1", "tool": "github/list-issues", "arguments": OCTO},
            {"id": "s2", "tool": "github/get-issue", "arguments": {**OCTO, "issue_number": "${s1.issues[0].number}"}},
        ]
        agent.model.integrations, agent.model.script = ["github"], [{"kind": "plan", "steps": steps}]
        seen = await agent.say("look")
        chosen = seen.asks[0]["args"]["account_id"]

        async def handle(request: Any, forward: Any) -> Response:
            if request.url.path == "/action/trigger" and b"get-issue" in await request.body() and chosen in ids:
                ids.discard(chosen)
                await agent.services.nango.connections.delete(chosen, "github")
            return await forward()

        proxy.handle = handle
        seen = await agent.decide(APPROVE)
        assert [one["name"] for one in seen.asks] == ["choose_account"]
        assert {entry.connection_id for entry in await agent.ledger() if entry.status == "succeeded"} == {chosen}
        assert (await agent.decide(APPROVE)).answer == "Done."


@pytest.mark.parametrize("answered", [401, 403, 404, 400, 503, "html"])
async def test_whatever_nango_answers_at_the_next_look_the_wait_goes_on(
    answered: int | str, start: Any, sandbox: Any, proxy: Any
) -> None:
    ill = False

    async def handle(request: Any, forward: Any) -> Response:
        if ill and request.url.path == "/connections":
            body = {"error": {"code": "server_error", "message": "no"}}
            return HTMLResponse("<p>maintenance") if answered == "html" else JSONResponse(body, int(answered))
        return await forward()

    proxy.handle = handle
    async with start(nango={"base_url": proxy.url}) as agent:
        agent.model.integrations, agent.model.script = ["github"], [plan(1)]
        await agent.say("list the issues")
        ill = True
        assert (await agent.decide(APPROVE)).asks[0]["name"] == "connect_account"
        ill = False
        await sandbox.connect("github", ADA)
        assert await look_at_waits(agent.services, "t")
        agent.clock.time += 5
        assert (await agent.wake()).answer == "Done."


async def test_a_wait_of_somebody_else_put_into_ones_own_state_is_left_alone(start: Any, sandbox: Any) -> None:
    async with start() as agent:
        agent.model.integrations = ["github"]
        await agent.say("list the issues", thread="hers")
        (wait,) = await agent.services.records.waits.live_in("hers")
        seen = await agent.say("list the issues", thread="mine", user="eve")
        asked = seen.values["asked"]
        asked = {**asked, "items": [{**asked["items"][0], "wait_id": wait.id}]}
        await agent.edit_state({"asked": asked}, after="resolve_connections", thread="mine")
        agent.model.script = [{"kind": "answer", "text": "Then not."}]
        await agent.decide({"type": "reject"}, thread="mine", user="eve")
        (still,) = await agent.services.records.waits.live_in("hers")
        assert still == wait


async def test_an_answer_that_is_refused_in_part_changes_nothing(start: Any, sandbox: Any) -> None:
    for _ in range(2):
        await sandbox.connect("slack", ADA)
    async with start() as agent:
        agent.model.integrations = ["github", "slack"]
        await agent.say("do it")
        wrong = {"type": "edit", "edited_action": {"name": "x", "args": {"account_id": "nonsense"}}}
        seen = await agent.decide({"type": "reject"}, wrong)
        assert "not one of those listed" in seen.question["problem"]
        assert [one["name"] for one in seen.asks] == ["connect_account", "choose_account"]
        assert len(await agent.services.records.waits.live_in("t")) == 1
