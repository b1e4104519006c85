"""Nango's deliveries about asynchronous actions: they are the only thing that tells of one that returns null."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from nango_graph import build_graph
from nango_sandbox.faults import Slow, WebhookDoubled, WebhookForged, WebhookLost
from nango_sandbox.functions.action import Action

NOTHING = {"woken": 0, "busy": 0, "elsewhere": 0, "failed": 0, "later": 0}
FINISHED = (200, NOTHING | {"because": "action_finished"})
PING = {"id": "s1", "tool": "github/ping-nobody", "arguments": {}}


async def nothing(call: Any, given: dict[str, Any]) -> None:
    return None


def about(action_id: str) -> dict[str, Any]:
    return {
        "from": "nango",
        "type": "async_action",
        "connectionId": "c",
        "providerConfigKey": "github",
        "payload": {"id": action_id, "statusUrl": f"/action/{action_id}"},
    }


@pytest.fixture
async def pinging(web, sandbox):
    """An agent that was asked to send a ping, which Nango runs asynchronously and which returns null."""
    await sandbox.deploy("github", Action("ping-nobody", "Send a ping to nobody.", "write", nothing))
    sandbox.set_webhook_url(None)
    await sandbox.connect("github", {"end_user_id": "ada"}, "ada-github")
    sandbox.set_webhook_url(f"{web.url}/webhooks/nango")
    settings = web.agent.services.settings.model_copy(update={"async_actions": ("*/ping-*",)})
    services = replace(web.agent.services, settings=settings)
    graph = build_graph(services).compile(checkpointer=web.agent.graph.checkpointer)
    agent = replace(web.agent, services=services, graph=graph)
    agent.model.integrations, agent.model.script = ["github"], [{"kind": "plan", "steps": [PING]}]
    await agent.say("ping")
    return agent


async def outcome_of(agent) -> str:
    seen = await agent.decide({"type": "approve"})
    assert len(await agent.written()) == 1
    return seen.asks[0]["name"] if seen.question is not None else seen.values["steps"]["s1"]


async def is_finished(web, action_id: str) -> bool:
    return await web.agent.services.records.async_actions.is_finished(action_id)


async def test_the_sandboxs_webhook_tells_that_it_is_over_and_that_it_brought_nothing(web, pinging) -> None:
    assert await outcome_of(pinging) == "succeeded"
    assert await web.answered() == FINISHED


async def test_a_webhook_that_comes_twice_changes_nothing(web, sandbox, pinging) -> None:
    sandbox.faults.add(WebhookDoubled(webhook_type="async_action"))
    assert await outcome_of(pinging) == "succeeded"
    assert [await web.answered(), await web.answered()] == [FINISHED, FINISHED]


async def test_a_webhook_that_is_lost_leaves_null_unknown(sandbox, pinging) -> None:
    sandbox.faults.add(WebhookLost(webhook_type="async_action"))
    assert await outcome_of(pinging) == "resolve_unknown_outcome"


async def test_a_forged_webhook_tells_nothing(web, sandbox, pinging) -> None:
    sandbox.faults.add(WebhookForged(webhook_type="async_action"))
    assert await outcome_of(pinging) == "resolve_unknown_outcome"
    assert (await web.answered())[0] == 401


async def test_a_delivery_before_the_action_is_known_is_kept(web) -> None:
    assert not await is_finished(web, "not-known-yet")
    answer = await web.deliver(about("not-known-yet"))
    assert (answer.status_code, answer.json()) == FINISHED
    assert await is_finished(web, "not-known-yet")


@pytest.mark.parametrize("headers", [{}, {"X-Nango-Hmac-Sha256": "0" * 64}, {"X-Nango-Signature": "0" * 64}])
async def test_what_nango_did_not_sign_is_not_kept(web, headers: dict[str, str]) -> None:
    assert (await web.deliver(about("x"), headers=headers)).status_code == 401
    assert not await is_finished(web, "x")


@pytest.mark.parametrize("action_id", ["", "a\0b", "x" * 5000])
async def test_ids_that_no_row_can_hold_are_answered_and_left(web, action_id: str) -> None:
    assert (await web.deliver(about(action_id))).status_code == 200
    assert not await is_finished(web, action_id[:255])


@pytest.mark.parametrize("payload", [None, {}, {"id": 7}, {"id": None}, "x"])
async def test_deliveries_of_another_shape_are_let_be(web, payload: Any) -> None:
    answer = await web.deliver(about("x") | {"payload": payload})
    assert (answer.status_code, answer.json()["because"]) == (200, "not_about_a_connection")


async def test_a_hundred_deliveries_at_the_same_moment_are_one_row(web) -> None:
    answers = await asyncio.gather(*(web.deliver(about("same")) for _ in range(100)))
    assert {answer.status_code for answer in answers} == {200}
    assert await is_finished(web, "same")


async def test_an_action_that_is_still_running_is_not_taken_for_null(web, sandbox, pinging) -> None:
    sandbox.faults.add(Slow(seconds=86400))
    await web.deliver(about("another-one"))
    assert (await pinging.decide({"type": "approve"})).asks[0]["name"] == "resolve_unknown_outcome"
