"""What a rule denies is not there for a model; people are told which rule it was."""

from typing import Any

import pytest
from pydantic import ValidationError

from nango_graph import Context

OCTO = {"owner": "octo", "repo": "widgets"}
NO_DELETES = """
- name: no deletes
  effect: deny
  tool: "delete-*"
  because: labels are kept for the audit
"""
DELETE = {"id": "s1", "tool": "github/delete-label", "arguments": {**OCTO, "name": "bug"}}
LIST = {"id": "s1", "tool": "github/list-issues", "arguments": OCTO}
POST = {"id": "s1", "tool": "slack/post-message", "arguments": {"channel": "general", "text": "hello"}}
APPROVE: dict[str, Any] = {"type": "approve"}
CANNOT = {"kind": "answer", "text": "I can't do that."}


def plan(*steps: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "plan", "steps": list(steps)}


async def test_no_model_ever_hears_of_a_denied_tool_and_the_answer_names_the_rule(under) -> None:
    async with under(NO_DELETES) as agent:
        agent.model.script = [CANNOT]
        seen = await agent.say("Delete the label bug in octo/widgets on GitHub")
        assert "no deletes" in seen.answer
        assert "labels are kept for the audit" in seen.answer
        # Nor in the next turn, whose prompts hold what was answered in this one.
        agent.model.script = [plan({**LIST, "id": "s2"})]
        await agent.say("And what is open there?")
        assert len(agent.model.heard) >= 4
        assert not [heard for heard in agent.model.heard if "delete-" in heard or "no deletes" in heard]
        assert any("I can't do that." in heard for heard in agent.model.heard), "the answer itself is remembered"


async def test_what_a_rule_denies_by_now_is_told_of_no_more_though_it_was_planned_or_used_before(under) -> None:
    async with under() as agent:
        agent.model.script = [
            plan({"id": "s1", "tool": "github/list-labels", "arguments": OCTO}, {**DELETE, "id": "s2"})
        ]
        seen = await agent.say("Delete the label bug in octo/widgets on GitHub")
        assert [one["name"] for one in seen.asks] == ["github/delete-label"]
    async with under(NO_DELETES + "- {name: no labels, effect: deny, tool: github/list-labels}") as agent:
        agent.model.script = [plan({**LIST, "id": "s3"})]
        assert (await agent.say("List the open issues in octo/widgets on GitHub")).answer == "Done."
        # The turn that another integration is used in, too.
        agent.model.integrations = ["slack"]
        agent.model.script = [plan({"id": "s4", "tool": "slack/list-channels", "arguments": {}})]
        await agent.say("List the channels on Slack")
        assert agent.model.heard
        assert not [heard for heard in agent.model.heard if "delete-label" in heard or "list-labels" in heard]
        assert any("github/list-issues" in heard for heard in agent.model.heard), "what may be used is remembered"


async def test_a_tool_that_the_model_names_all_the_same_does_not_exist_for_it(under) -> None:
    async with under(NO_DELETES) as agent:
        agent.model.script = [plan(DELETE)] * 3
        seen = await agent.say("Delete the label bug in octo/widgets on GitHub")
        assert "there is no tool" in seen.answer
        assert "no deletes" in seen.answer
        assert not any("no deletes" in heard or "audit" in heard for heard in agent.model.heard)
        assert await agent.ledger() == []


async def test_a_job_that_was_done_is_not_followed_by_rules_that_did_not_matter(under) -> None:
    async with under(NO_DELETES) as agent:
        agent.model.script = [plan(LIST)]
        assert (await agent.say("List the open issues in octo/widgets on GitHub")).answer == "Done."
        agent.model.script = [{"kind": "answer", "text": "You are welcome."}]
        assert (await agent.say("Thank you so much!")).answer == "You are welcome."
        agent.model.script = [{"kind": "question", "text": "Which label do you mean?"}]
        assert (await agent.say("Delete the label")).answer == "Which label do you mean?"


async def test_a_rule_is_named_where_something_else_was_done_instead(under) -> None:
    async with under(NO_DELETES) as agent:
        labels = {"id": "s1", "tool": "github/get-repository", "arguments": OCTO}
        agent.model.script = [plan(labels)]
        assert "no deletes" in (await agent.say("Delete the label bug")).answer


async def test_a_tool_that_would_have_fitted_like_the_one_that_was_used_is_not_missed(under) -> None:
    async with under("[{name: one by one, effect: deny, tool: get-issue}]") as agent:
        agent.model.script = [plan(LIST)]
        assert (await agent.say("Show me the issues in octo/widgets on GitHub")).answer == "Done."


async def test_an_integration_of_which_everything_is_denied_is_not_even_chosen(under) -> None:
    async with under("""
- name: not the CRM
  effect: deny
  integration: hubspot
""") as agent:
        agent.model.script = [CANNOT]
        seen = await agent.say("Mach mit dem CRM was: create a deal for Globex")
        assert "not the CRM" in seen.answer
        assert "hubspot" not in seen.values["connections"]
        assert not any("hubspot" in heard.lower() for heard in agent.model.heard)


async def test_a_rule_on_what_tools_do_hides_those_that_do_it(under) -> None:
    async with under("""
- name: nothing destructive
  effect: deny
  access: destructive
""") as agent:
        agent.model.script = [CANNOT]
        assert "nothing destructive" in (await agent.say("Delete the HubSpot deal Globex pilot")).answer
        assert not any("delete-" in heard for heard in agent.model.heard)
        assert any("create-deal" in heard for heard in agent.model.heard)


async def test_a_rule_that_was_added_while_a_write_waited_for_approval_wins(under) -> None:
    async with under() as agent:
        agent.model.script = [plan(POST)]
        await agent.say("post hello")
    async with under("""
- name: quiet hours
  effect: deny
  tool: slack/post-message
""") as agent:
        agent.model.script = [CANNOT]
        seen = await agent.decide(APPROVE)
        assert "quiet hours" in seen.answer
        assert await agent.ledger() == []
        assert not any("quiet hours" in heard for heard in agent.model.heard)


async def test_a_rule_on_arguments_that_was_added_while_a_write_waited_wins_too(under) -> None:
    async with under() as agent:
        agent.model.script = [plan(POST)]
        await agent.say("post hello")
    async with under("""
- name: not to everybody
  effect: deny
  tool: slack/post-message
  arguments: "channel == 'general'"
""") as agent:
        agent.model.script = [CANNOT]
        assert "not to everybody" in (await agent.decide(APPROVE)).answer
        assert await agent.ledger() == []


async def test_what_was_done_before_a_rule_came_stays_done_and_the_rest_goes_on(under) -> None:
    read = {"id": "s1", "tool": "github/list-issues", "arguments": OCTO}
    create = {"id": "s2", "tool": "github/create-issue", "arguments": {**OCTO, "title": "Crash on undo"}}
    tell = {**POST, "id": "s3", "arguments": {"channel": "general", "text": "${s2.title}: ${s1.issues[0].title}"}}
    async with under() as agent:
        agent.model.script = [plan(read, create, tell)]
        await agent.say("create it and tell")
        assert [request["name"] for request in (await agent.decide(APPROVE)).asks] == ["slack/post-message"]
    async with under("[{name: no new issues, effect: deny, tool: [create-issue, list-issues]}]") as agent:
        assert (await agent.decide(APPROVE)).answer == "Done."
        assert [action for action, _ in await agent.written()] == ["create-issue", "post-message"]


async def test_the_context_can_deny_and_a_resume_after_days_still_knows(under) -> None:
    async with under() as agent:
        agent.model.script = [plan(LIST, {**POST, "id": "s2"})]
        seen = await agent.say("list, then post", deny=["github/delete-*"], ask=["github/list-*"])
        assert [request["name"] for request in seen.asks] == ["github/list-issues", "slack/post-message"]
        assert not any("delete-label" in heard for heard in agent.model.heard)
        assert await agent.ledger() == [], "a read that is to be asked for was not made"
    async with under() as agent:
        # Whoever owns the thread edits what the state says of the context.
        values = (await agent.graph.aget_state({"configurable": {"thread_id": "t"}})).values
        turn = {**values["turn"], "settings": {**values["turn"]["settings"], "deny": [], "ask": []}}
        await agent.edit_state({"turn": turn}, after="execute")
        seen = await agent.wake()
        seen = await agent.decide({"type": "reject", "message": "no"}, APPROVE)
        assert [entry.action for entry in await agent.ledger()] == ["post-message"]


async def test_a_run_cannot_allow_what_the_deployment_denies(under) -> None:
    async with under(NO_DELETES) as agent:
        agent.model.script = [plan(DELETE)] * 3
        await agent.say("delete the label", allow=["github/delete-label"])
        assert await agent.ledger() == []


@pytest.mark.parametrize("glob", ["github", "", "delete-*"])
def test_a_rule_of_the_context_that_says_nothing_clear_is_refused_at_once(glob) -> None:
    for field in ("deny", "ask"):
        with pytest.raises(ValidationError):
            Context(user_id="ada", **{field: [glob]})
