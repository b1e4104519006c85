"""Rules on the arguments, the account and the kind of a call: each call is judged by itself."""

import copy
from typing import Any

import pytest

OCTO = {"owner": "octo", "repo": "widgets"}
APPROVE: dict[str, Any] = {"type": "approve"}
DEALS = {"id": "s1", "tool": "hubspot/list-deals", "arguments": {}}


def plan(*steps: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "plan", "steps": list(steps)}


def creating(amount: float, step: str = "s1") -> dict[str, Any]:
    return {"id": step, "tool": "hubspot/create-deal", "arguments": {"name": f"Deal {amount}", "amount": amount}}


BY_AMOUNT = """
- name: small deals
  effect: allow
  tool: hubspot/create-deal
  arguments: "amount <= `1000`"
- name: large deals
  effect: ask
  tool: hubspot/create-deal
  arguments: "amount > `1000`"
  because: the sales lead wants to see them
- name: no giants
  effect: deny
  tool: hubspot/create-deal
  arguments: "amount > `50000`"
"""
COPIES = {
    "id": "s2",
    "tool": "hubspot/create-deal",
    "arguments": {"name": "${item.name}", "amount": "${item.amount}"},
    "for_each": "${s1.deals}",
}


@pytest.mark.parametrize(("amount", "outcome"), [(100, "sent"), (2000, "asked"), (60000, "denied")])
async def test_the_arguments_decide_what_becomes_of_a_call(under, amount, outcome) -> None:
    async with under(BY_AMOUNT) as agent:
        agent.model.script = [plan(creating(amount)), {"kind": "answer", "text": "No."}]
        seen = await agent.say("create the deal")
        if outcome == "asked":
            assert "large deals" in seen.asks[0]["description"]
            assert "sales lead" in seen.asks[0]["description"]
        else:
            assert ("no giants" in seen.answer) == (outcome == "denied")
        assert len(await agent.written()) == (1 if outcome == "sent" else 0)


async def test_of_many_items_each_is_judged_and_only_those_are_asked_for_that_must_be(under) -> None:
    async with under(BY_AMOUNT.replace("1000`", "4000`")) as agent:
        agent.model.script = [plan(DEALS, COPIES)]
        seen = await agent.say("copy all deals")
        (request,) = seen.asks
        assert sorted(item["amount"] for item in request["args"]["items"]) == [9900, 18500, 42000]
        assert "2 more of this step are allowed" in request["description"]
        assert "1 more of this step are left out" in request["description"]
        assert "no giants" in request["description"]
        assert await agent.written() == [], "nothing of the step is sent before it was decided on"
        seen = await agent.decide(APPROVE)
        assert sorted(given["amount"] for _, given in await agent.written()) == [2400, 3600, 9900, 18500, 42000]
        assert "no giants" in seen.answer
        (_, result) = seen.values["results"]
        assert result["status"] == "succeeded"
        assert "1 not sent" in result["error"]


async def test_rejecting_what_is_asked_for_leaves_what_is_allowed(under) -> None:
    async with under(BY_AMOUNT.replace("1000`", "4000`")) as agent:
        agent.model.script = [plan(DEALS, COPIES)]
        await agent.say("copy all deals")
        await agent.decide({"type": "reject", "message": "not these"})
        assert sorted(given["amount"] for _, given in await agent.written()) == [2400, 3600]


async def test_items_that_are_all_denied_fail_the_step_and_are_told(under) -> None:
    async with under("""
- name: no copies
  effect: deny
  tool: hubspot/create-deal
  arguments: "name != 'x'"
""") as agent:
        agent.model.script = [plan(DEALS, COPIES), {"kind": "answer", "text": "It did not work."}]
        seen = await agent.say("copy all deals")
        assert "no copies" in seen.answer
        assert await agent.written() == []


async def test_an_edit_to_what_a_rule_denies_is_asked_again_with_the_rule(under) -> None:
    async with under(BY_AMOUNT) as agent:
        agent.model.script = [plan(creating(2000))]
        seen = await agent.say("create the deal")
        edited = {"name": "hubspot/create-deal", "args": {**seen.asks[0]["args"], "amount": "99000"}}
        seen = await agent.decide({"type": "edit", "edited_action": edited})
        assert "no giants" in seen.question["problem"]
        assert await agent.written() == []
        edited["args"]["amount"] = "3000"
        assert (await agent.decide({"type": "edit", "edited_action": edited})).answer == "Done."
        assert [given["amount"] for _, given in await agent.written()] == [3000]


async def test_a_read_that_a_rule_asks_for_is_made_once_it_was_approved_and_not_repeated(under) -> None:
    async with under("""
- name: private
  effect: ask
  tool: hubspot/list-deals
""") as agent:
        agent.model.script = [plan(DEALS)]
        seen = await agent.say("list the deals")
        assert "private" in seen.asks[0]["description"]
        assert await agent.ledger() == []
        assert (await agent.decide(APPROVE)).answer == "Done."
        assert [entry.action for entry in await agent.ledger()] == ["list-deals"]
        (call,) = await agent.services.records.calls.of_thread("t", "user:ada")
        assert (call.access, call.state) == ("read", "succeeded")
        assert call.lease_until > 0, "it was claimed before it left, as a write is"


async def test_a_read_that_was_refused_is_not_made(under) -> None:
    async with under("[{name: private, effect: ask, tool: hubspot/list-deals}]") as agent:
        agent.model.script = [plan(DEALS)]
        await agent.say("list the deals")
        seen = await agent.decide({"type": "reject", "message": "no"})
        assert seen.values["results"][0]["status"] == "rejected by the user"
        assert await agent.ledger() == []


ONLY_ACME = """
- name: not in the shared account
  effect: deny
  integration: slack
  account: "*ada@acme.example*"
  tool: post-message
  arguments: "channel == 'general'"
"""


async def test_a_rule_on_an_account_goes_by_what_nango_says_whose_it_is(under) -> None:
    async with under(ONLY_ACME.replace("deny", "ask")) as agent:
        agent.model.script = [
            plan({"id": "s1", "tool": "slack/post-message", "arguments": {"channel": "general", "text": "x"}})
        ]
        seen = await agent.say("post")
        connections = copy.deepcopy(seen.values["connections"])
    async with under(ONLY_ACME) as agent:
        connections["slack"]["label"] = "Slack (somebody else)"
        await agent.edit_state({"connections": connections}, after="execute")
        agent.model.script = [{"kind": "answer", "text": "No."}]
        await agent.wake()
        assert "not in the shared account" in (await agent.decide(APPROVE)).answer
        assert await agent.ledger() == []
