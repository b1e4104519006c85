"""A tool that is denied in an account is not named to a model where that is the only account there is."""

import pytest

from nango_sandbox import Sandbox

NOT_ACME = "[{name: not in acme, effect: deny, tool: slack/post-message, account: '*acme.example*'}]"
NOTHING = {"kind": "answer", "text": "I can't do that."}


def named(agent) -> list[bool]:
    """Of each prompt, in the order in which they were given."""
    return ["post-message" in heard for heard in agent.model.heard]


async def test_a_tool_that_is_denied_in_the_only_account_is_in_no_prompt_from_the_first_on(under) -> None:
    async with under(NOT_ACME) as agent:
        agent.model.integrations = []
        agent.model.script = [NOTHING]
        await agent.say("Do something for me")
        assert len(named(agent)) >= 2, "the choice and the plan"
        assert not any(named(agent))
        agent.model.script = [NOTHING]
        seen = await agent.say("Post a message in general", thread="other")
        assert "not in acme" in seen.answer
        assert not any(named(agent))


async def test_with_another_account_the_tool_is_named(under, sandbox: Sandbox) -> None:
    await sandbox.connect("slack", {"end_user_id": "ada", "end_user_email": "ada@home.example"})
    async with under(NOT_ACME) as agent:
        agent.model.integrations = []
        agent.model.script = [NOTHING]
        await agent.say("Do something for me")
        assert any(named(agent))


async def test_a_rule_on_connections_counts_too(under, sandbox: Sandbox) -> None:
    async with under() as agent:
        [own] = [one async for one in agent.services.nango.connections.list(integration_ids=["slack"])]
    rule = f"[{{name: not there, effect: deny, tool: slack/post-message, connection: {own.connection_id}}}]"
    async with under(rule) as agent:
        agent.model.integrations = []
        agent.model.script = [NOTHING]
        await agent.say("Do something for me")
        assert not any(named(agent))


@pytest.mark.parametrize(("rules", "asked"), [(NOT_ACME.partition(", account")[0] + "}]", False), (NOT_ACME, True)])
async def test_nango_is_asked_for_accounts_only_where_a_rule_is_about_them(under, rules: str, asked: bool) -> None:
    async with under(rules) as agent:
        listed, requests = agent.services.nango.connections.list, list[object]()

        def counted(*words, **more):
            requests.append(more)
            return listed(*words, **more)

        agent.services.nango.connections.list = counted
        agent.model.integrations = []
        agent.model.script = [NOTHING]
        await agent.say("Do something for me")
        assert bool(requests) is asked
