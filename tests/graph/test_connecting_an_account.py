"""Connections: missing, broken, several, somebody else's; and waits that end by themselves."""

from urllib.parse import urlencode

import pytest
from langgraph.types import Command
from starlette.responses import JSONResponse

from nango_graph import Context, UsageError
from nango_graph.connections.finding import WAIT_TAG
from nango_graph.waiting.looking import look_at_waits

OCTO = {"owner": "octo", "repo": "widgets"}
LIST = {"kind": "plan", "steps": [{"id": "s1", "tool": "github/list-issues", "arguments": OCTO}]}
APPROVE = {"type": "approve"}
ADA, BEA = {"end_user_id": "ada"}, {"end_user_id": "bea"}


async def test_a_missing_connection_is_asked_for_and_the_thread_goes_on_once_it_is_there(start, sandbox) -> None:
    async with start() as agent:
        agent.model.integrations, agent.model.script = ["github"], [LIST]
        seen = await agent.say("list the issues")
        assert seen.asks[0]["name"] == "connect_account"
        assert seen.asks[0]["args"]["integration"] == "github"
        link = seen.asks[0]["args"]["connect_link"]
        assert link in seen.values["messages"][-1].text
        again = await agent.wake()
        assert again.question == seen.question, "nothing came, so the same question stands, with the same link"
        await sandbox.connect("github", ADA)
        assert await look_at_waits(agent.services, "t")
        assert (await agent.wake()).answer == "Done."
        assert [entry.action for entry in await agent.ledger()] == ["list-issues"]
        assert await agent.services.records.waits.live_in("t") == []


async def test_a_connection_that_came_unnoticed_is_found_when_the_user_says_so(start, sandbox) -> None:
    async with start() as agent:
        agent.model.integrations, agent.model.script = ["github"], [LIST]
        await agent.say("list the issues")
        await sandbox.connect("github", ADA)
        assert (await agent.decide(APPROVE)).answer == "Done."


async def test_saying_that_it_is_done_when_it_is_not_asks_again(start) -> None:
    async with start() as agent:
        agent.model.integrations = ["github"]
        seen = await agent.say("list the issues")
        again = await agent.decide(APPROVE)
        assert again.asks[0]["args"]["connect_link"] == seen.asks[0]["args"]["connect_link"]
        assert len(await agent.services.records.waits.live_in("t")) == 1


@pytest.mark.parametrize(
    "answer", ["done", {"decisions": []}, {"decisions": [{"type": "edit"}]}, 7, {"decisions": [APPROVE], "id": {}}]
)
async def test_a_malformed_answer_leaves_the_wait_open(start, sandbox, answer) -> None:
    async with start() as agent:
        agent.model.integrations, agent.model.script = ["github"], [LIST]
        await agent.say("list the issues")
        again = await agent.resume(answer)
        assert again.question["problem"]
        await sandbox.connect("github", ADA)
        assert (await agent.decide(APPROVE)).answer == "Done."


async def test_a_link_that_died_is_made_anew(start, sandbox) -> None:
    async with start() as agent:
        agent.model.integrations = ["github"]
        seen = await agent.say("list the issues")
        agent.clock.time += 3600
        sandbox.clock.advance(3600)
        again = await agent.wake()
        assert again.asks[0]["args"]["connect_link"] != seen.asks[0]["args"]["connect_link"]
        assert len(await agent.services.records.waits.live_in("t")) == 1


async def test_going_on_without_an_account_is_told_to_the_planner_and_ends_the_wait(start) -> None:
    async with start() as agent:
        agent.model.integrations = ["github"]
        agent.model.script = [{"kind": "answer", "text": "Then I can't."}]
        await agent.say("list the issues")
        assert (await agent.decide({"type": "reject"})).answer == "Then I can't."
        assert "<declined>\ngithub\n</declined>" in agent.model.prompts[0]
        assert "github — " not in agent.model.prompts[0]
        assert await agent.services.records.waits.live_in("t") == []


async def test_a_planner_that_needs_another_integration_gets_it_connected(start, sandbox) -> None:
    await sandbox.connect("slack", ADA)
    async with start() as agent:
        agent.model.integrations = ["slack"]
        agent.model.script = [{"kind": "integration", "integration": "github"}, LIST]
        seen = await agent.say("list the issues")
        assert seen.asks[0]["args"]["integration"] == "github"
        await sandbox.connect("github", ADA)
        assert (await agent.decide(APPROVE)).answer == "Done."


async def test_with_several_accounts_the_user_chooses_and_the_choice_holds_in_the_thread(start, sandbox) -> None:
    connections = {await sandbox.connect("github", ADA), await sandbox.connect("github", ADA)}
    async with start() as agent:
        agent.model.integrations, agent.model.script = ["github"], [LIST]
        seen = await agent.say("list the issues")
        assert seen.asks[0]["name"] == "choose_account"
        other = (connections - {seen.asks[0]["args"]["account_id"]}).pop()
        again = await agent.decide(
            {"type": "edit", "edited_action": {"name": "x", "args": {"account_id": "of somebody else"}}}
        )
        assert "not one of those listed" in again.question["problem"]
        await agent.decide({"type": "edit", "edited_action": {"name": "x", "args": {"account_id": other}}})
        assert (await agent.ledger())[0].connection_id == other
        agent.model.script = [{"kind": "plan", "steps": [{**LIST["steps"][0], "id": "s2"}]}]
        assert (await agent.say("again")).answer == "Done."
        assert (await agent.ledger())[1].connection_id == other


async def test_two_users_never_get_each_others_connection(start, sandbox) -> None:
    of_ada, of_bea = await sandbox.connect("github", ADA), await sandbox.connect("github", BEA)
    async with start() as agent:
        agent.model.integrations = ["github"]
        for user, connection in (("ada", of_ada), ("bea", of_bea)):
            agent.model.script = [LIST]
            seen = await agent.say("list the issues", thread=user, user=user)
            assert seen.values["connections"]["github"]["connection_id"] == connection
            assert (await agent.ledger())[-1].connection_id == connection


async def test_a_tag_filter_that_fails_open_shows_nobody_elses_connection(start, sandbox, proxy) -> None:
    await sandbox.connect("github", BEA)

    async def without_tags(request, forward):
        kept = [(name, value) for name, value in request.query_params.multi_items() if not name.startswith("tags[")]
        request.scope["query_string"] = urlencode(kept).encode()
        request._url = None
        del request._url
        return await forward()

    proxy.handle = without_tags
    async with start(nango={"base_url": proxy.url}) as agent:
        agent.model.integrations = ["github"]
        seen = await agent.say("list the issues")
        assert seen.asks[0]["name"] == "connect_account", "ada has no connection, whatever Nango lists"
        await agent.decide(APPROVE)
        assert await agent.ledger() == []


async def test_an_organization_is_part_of_whose_connection_it_is(start, sandbox) -> None:
    await sandbox.connect("github", {"end_user_id": "ada", "organization_id": "other"})
    async with start() as agent:
        agent.model.integrations = ["github"]
        seen = await agent.say("list", organization_id="acme")
        assert seen.asks[0]["name"] == "connect_account"


async def test_a_thread_of_somebody_else_is_refused(agent) -> None:
    agent.model.script = [LIST]
    await agent.say("list the issues")
    with pytest.raises(UsageError, match="belongs to somebody else"):
        await agent.say("list the issues", user="bea")


async def test_an_answer_of_somebody_else_is_refused_and_the_question_stands(start, sandbox) -> None:
    await sandbox.connect("github", BEA)
    async with start() as agent:
        agent.model.integrations, agent.model.script = ["github"], [LIST]
        first = await agent.say("list the issues", user="ada")
        for attempt in (
            agent.decide({"type": "reject"}, user="bea"),
            agent.say("as me", user="bea"),
            agent.wake(user="bea"),
        ):
            with pytest.raises(UsageError, match="somebody else"):
                await attempt
        seen = await agent.wake(user="ada")
        assert seen.question == first.question, "nothing of it is left in the thread"
        assert [message.text for message in seen.values["messages"] if message.type == "human"] == ["list the issues"]
        of_ada = await sandbox.connect("github", ADA)
        await agent.decide(APPROVE, user="ada")
        assert [entry.connection_id for entry in await agent.ledger()] == [of_ada]


async def test_a_colleague_may_answer_and_the_connections_stay_the_requesters(start, sandbox) -> None:
    of_ada = await sandbox.connect("github", {**ADA, "organization_id": "acme"})
    await sandbox.connect("github", {**BEA, "organization_id": "acme"})
    create = {"id": "s1", "tool": "github/create-issue", "arguments": {**OCTO, "title": "Crash"}}
    async with start() as agent:
        agent.model.integrations, agent.model.script = ["github"], [{"kind": "plan", "steps": [create]}]
        await agent.say("create it", user="ada", organization_id="acme")
        answer = Command(resume={"decisions": [APPROVE]})
        seen = await agent.run(answer, thread="t", user="bea", organization_id="acme")
        assert seen.answer == "Done."
        assert [entry.connection_id for entry in await agent.ledger()] == [of_ada]
        (decision,) = (
            await agent.services.records.decisions.of_plan(seen.values["plan_id"], "organization:acme")
        ).values()
        assert decision.actor == "bea"


async def test_a_clock_that_is_hours_ahead_of_nangos_does_not_make_link_after_link(start) -> None:
    async with start() as agent:
        agent.clock.time += 7 * 3600
        agent.model.integrations = ["github"]
        seen = await agent.say("list the issues")
        assert seen.asks[0]["name"] == "connect_account"


async def test_a_wait_outlives_an_outage_of_nango(start, sandbox, proxy) -> None:
    async with start(nango={"base_url": proxy.url}) as agent:
        agent.model.integrations, agent.model.script = ["github"], [LIST]
        seen = await agent.say("list the issues")
        passing_on = proxy.handle

        async def down(request, forward):
            return JSONResponse({}, 503)

        proxy.handle = down
        during = await agent.decide(APPROVE)
        assert during.question["id"] == seen.question["id"]
        proxy.handle = passing_on
        await sandbox.connect("github", ADA)
        assert (await agent.decide(APPROVE)).answer == "Done."


async def test_a_new_message_while_a_wait_is_open_keeps_the_wait(start, sandbox) -> None:
    async with start() as agent:
        agent.model.integrations = ["github"]
        await agent.say("list the issues")
        (wait,) = await agent.services.records.waits.live_in("t")
        await agent.say("are you there?")
        assert [still.id for still in await agent.services.records.waits.live_in("t")] == [wait.id]
        await sandbox.connect("github", ADA)
        agent.model.script = [LIST]
        assert (await agent.wake()).question is not None, "nobody has looked yet"
        assert await look_at_waits(agent.services, "t")
        assert (await agent.wake()).answer == "Done."


# Several things missing at once.

POST = {"kind": "plan", "steps": [{"id": "s1", "tool": "slack/list-channels", "arguments": {}}]}


async def test_all_that_is_missing_is_asked_in_one_pause(start, sandbox) -> None:
    """Slack is to be connected, GitHub chosen, HubSpot confirmed."""
    for _ in range(2):
        await sandbox.connect("github", ADA)
    async with start() as agent:
        agent.model.integrations = ["hubspot"]
        await agent.say("list my deals", thread="before")
        (wait,) = await agent.services.records.waits.live_in("before")
        await agent.services.records.waits.opened(wait.id, unverified=True, now=agent.clock.now())
        theirs = await sandbox.connect("hubspot", {**ADA, WAIT_TAG: wait.id})
        agent.model.integrations, agent.model.script = ["github", "hubspot", "slack"], [LIST]
        seen = await agent.say("list everything")
        assert [ask["name"] for ask in seen.asks] == ["choose_account", "confirm_account", "connect_account"]
        confirmed = {"type": "edit", "edited_action": {"name": "x", "args": {"confirm": "yes"}}}
        left = await agent.decide(APPROVE, confirmed, APPROVE)
        assert [ask["args"]["integration"] for ask in left.asks] == ["slack"], (
            "only what is still missing is asked again"
        )
        await sandbox.connect("slack", ADA)
        assert await look_at_waits(agent.services, "t")
        done = await agent.wake()
        assert done.answer == "Done."
        assert done.values["connections"]["hubspot"]["connection_id"] == theirs


async def test_what_ends_one_item_resumes_and_the_rest_keeps_its_deadline_and_link(start, sandbox) -> None:
    async with start() as agent:
        agent.model.integrations, agent.model.script = ["github", "slack"], [LIST]
        seen = await agent.say("list the issues and the channels")
        of_slack = next(ask for ask in seen.asks if ask["args"]["integration"] == "slack")
        (before,) = [w for w in await agent.services.records.waits.live_in("t") if w.integration == "slack"]
        agent.clock.time += 600
        await sandbox.connect("github", ADA)
        assert await look_at_waits(agent.services, "t")
        left = await agent.wake()
        assert [ask["args"] for ask in left.asks] == [of_slack["args"]]
        assert await agent.services.records.waits.live_in("t") == [before], "as it was, deadline and all"
        agent.clock.time = before.deadline - 1
        assert [ask["name"] for ask in (await agent.wake()).asks] == ["connect_account"]
        agent.clock.time = before.deadline
        assert (await agent.wake()).answer == "Done."
        assert "<declined>\nslack (nobody authorized it in time)\n</declined>" in agent.model.prompts[0]
        ended = await agent.services.records.waits.get(before.id)
        assert ended is not None
        assert ended.state == "expired"


async def test_one_is_skipped_and_the_other_connected(start, sandbox) -> None:
    async with start() as agent:
        agent.model.integrations, agent.model.script = ["github", "slack"], [LIST]
        seen = await agent.say("list the issues and the channels")
        integrations = [ask["args"]["integration"] for ask in seen.asks]
        await sandbox.connect("github", ADA)
        answers = {"github": APPROVE, "slack": {"type": "reject"}}
        done = await agent.decide(*(answers[integration] for integration in integrations))
        assert done.answer == "Done."
        assert "<declined>\nslack\n</declined>" in agent.model.prompts[0]
        assert list(done.values["connections"]) == ["github"]


async def test_a_wait_that_was_cancelled_elsewhere_is_told_with_its_reason(start) -> None:
    async with start() as agent:
        agent.model.integrations, agent.model.script = ["github"], [{"kind": "answer", "text": "All right."}]
        await agent.say("list the issues")
        (wait,) = await agent.services.records.waits.live_in("t")
        await agent.services.records.waits.change(wait.id, "cancelled", only_from=("open",), now=agent.clock.now())
        assert (await agent.wake()).answer == "All right."
        assert "github (it was declined)" in agent.model.prompts[0]


async def test_an_optional_integration_is_used_where_it_works_and_never_asked_for(start, sandbox) -> None:
    await sandbox.connect("github", ADA)
    slack = await sandbox.connect("slack", ADA)
    async with start() as agent:
        agent.model.script = [POST]
        optional = {"integrations": [], "optional": ["slack", "hubspot"]}
        await begin(agent, "list the channels")
        await agent.edit_state(optional, after="choose_integrations")
        done = await agent.wake()
        assert done.answer == "Done."
        assert [entry.connection_id for entry in await agent.ledger()] == [slack]
        assert await agent.services.records.waits.live_in("t") == []


async def begin(agent, text: str) -> None:
    """Runs a turn up to where its integrations are to be resolved."""
    config = {"configurable": {"thread_id": "t"}}
    await agent.graph.ainvoke(
        {"messages": [("user", text)]}, config, context=Context(user_id="ada"), interrupt_before=["resolve_connections"]
    )


async def test_an_outage_of_nango_while_a_wait_ends_keeps_the_question_and_makes_no_loop(start, sandbox, proxy) -> None:
    looks = 0

    async def down(request, forward):
        nonlocal looks
        if request.url.path == "/connections" and proxy.down:
            looks += 1
            return JSONResponse({}, 503)
        return await forward()

    proxy.handle, proxy.down = down, False
    async with start(nango={"base_url": proxy.url}) as agent:
        agent.model.integrations, agent.model.script = ["github"], [LIST]
        await agent.say("list the issues")
        (wait,) = await agent.services.records.waits.live_in("t")
        connection = await sandbox.connect("github", ADA)
        await agent.services.records.waits.satisfy(wait.id, connection_id=connection, checked_by="", now=0.0)
        proxy.down = True
        assert (await agent.wake()).asks[0]["name"] == "connect_account"
        assert 0 < looks < 20
        proxy.down = False
        agent.clock.time += 5
        assert (await agent.wake()).answer == "Done."
