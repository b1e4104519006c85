"""Several accounts of one integration: named in the request, remembered, changed by asking, shared, told apart."""

from collections.abc import Mapping

import pytest

from nango_graph import Context
from nango_graph.cli.autopilot import authorize
from nango_graph.connections.accounts import label_of, labelled
from nango_graph.connections.finding import WAIT_TAG, belongs_to, wait_id_of
from nango_graph.identity import Requester
from nango_graph.waiting.looking import look_at_waits
from nango_sandbox import Sandbox
from nango_tools import ConnectionSummary

OCTO = {"owner": "octo", "repo": "widgets"}
APPROVE = {"type": "approve"}
ADA = {"end_user_id": "ada"}
WORK = {**ADA, "end_user_email": "ada@acme.com", "workspace": "Work"}
HOME = {**ADA, "end_user_email": "ada@home.org", "workspace": "Home"}


def listing(step: str = "s1") -> dict[str, object]:
    return {"kind": "plan", "steps": [{"id": step, "tool": "github/list-issues", "arguments": OCTO}]}


def choosing(account_id: str) -> dict[str, object]:
    return {"type": "edit", "edited_action": {"name": "choose_account", "args": {"account_id": account_id}}}


async def two_accounts(sandbox: Sandbox) -> tuple[str, str]:
    return await sandbox.connect("github", WORK), await sandbox.connect("github", HOME)


async def used(agent) -> list[str]:
    return [entry.connection_id for entry in await agent.ledger()]


async def test_the_account_that_the_request_names_is_used_and_not_remembered(start, sandbox) -> None:
    work, home = await two_accounts(sandbox)
    async with start() as agent:
        agent.model.integrations = ["github"]
        for thread, words, expected in (("a", "with my work GitHub", work), ("b", "as ada@home.org", home)):
            agent.model.script = [listing()]
            assert (await agent.say(f"List the issues {words}", thread=thread)).answer == "Done."
            assert (await used(agent))[-1] == expected
        seen = await agent.say("List the issues", thread="c")
        assert seen.asks[0]["name"] == "choose_account", "naming one for a request is no choice for the next one"


async def test_naming_another_account_in_a_later_turn_wins_over_the_one_in_use(start, sandbox) -> None:
    work, home = await two_accounts(sandbox)
    async with start() as agent:
        agent.model.integrations = ["github"]
        for step, words in (("s1", "with my work GitHub"), ("s2", "with my home GitHub"), ("s3", "once more")):
            agent.model.script = [listing(step)]
            assert (await agent.say(f"List the issues {words}")).answer == "Done."
        assert await used(agent) == [work, home, home]


async def test_a_choice_holds_in_new_threads_until_it_is_changed_by_asking(start, sandbox) -> None:
    work, home = await two_accounts(sandbox)
    async with start() as agent:
        agent.model.integrations, agent.model.script = ["github"], [listing()]
        seen = await agent.say("List the issues", thread="a")
        assert [choice["id"] for choice in seen.asks[0]["choices"]] == [home, work], "the newest first"
        await agent.decide(choosing(work), thread="a")
        agent.model.script = [listing()]
        assert (await agent.say("List the issues", thread="b")).answer == "Done."
        agent.clock.time += 60
        agent.model.script = [
            {"kind": "account", "integration": "github", "account": "A2"},
            {"kind": "answer", "text": "Switched."},
        ]
        assert (await agent.say("Take the other one from now on", thread="b")).answer == "Switched."
        agent.model.script = [listing()]
        assert (await agent.say("List the issues", thread="c")).answer == "Done."
        assert await used(agent) == [work, work, home]


async def test_the_choice_of_one_person_is_nobody_elses(start, sandbox) -> None:
    await two_accounts(sandbox)
    for workspace in ("One", "Two"):
        await sandbox.connect("github", {"end_user_id": "bea", "workspace": workspace})
    async with start() as agent:
        agent.model.integrations, agent.model.script = ["github"], [listing()]
        await agent.say("List the issues", thread="a")
        await agent.decide(APPROVE, thread="a")
        seen = await agent.say("List the issues", thread="b", user="bea")
        assert seen.asks[0]["name"] == "choose_account"


async def test_the_planner_sees_accounts_only_where_there_are_several(start, sandbox) -> None:
    work, _ = await two_accounts(sandbox)
    await sandbox.connect("slack", ADA)
    async with start() as agent:
        agent.model.integrations, agent.model.script = ["github", "slack"], [listing()]
        await agent.say("List the issues with my work GitHub")
        (prompt,) = agent.model.prompts
        block = prompt.partition("<accounts>\n")[2].partition("\n</accounts>")[0].splitlines()
        assert [line.partition(": ")[0] for line in block] == ["github A1 (in use)", "github A2"]
        assert "ada@acme.com" in block[0]
        assert work not in prompt, "a key is enough"
        agent.model.integrations, agent.model.script = ["slack"], [{"kind": "answer", "text": "Hello."}]
        await agent.say("Hello", thread="b")
        assert "<accounts>\n" not in agent.model.prompts[-1]


async def test_the_planner_may_have_the_user_choose(start, sandbox) -> None:
    work, home = await two_accounts(sandbox)
    async with start() as agent:
        agent.model.integrations = ["github"]
        agent.model.script = [{"kind": "account", "integration": "github", "account": ""}, listing()]
        seen = await agent.say("Let me choose my account again; now with my work GitHub account")
        assert seen.asks[0]["name"] == "choose_account"
        assert (await agent.decide(choosing(home))).answer == "Done."
        assert "(in use, chosen for this request)" in agent.model.prompts[-1]
        agent.model.script = [listing()]
        await agent.say("List the issues", thread="b")
        assert await used(agent) == [home, home]
        assert work != home


@pytest.mark.parametrize(
    ("submission", "complaint"),
    [
        ({"kind": "account", "integration": "github", "account": "A3"}, "account must be one of A1, A2"),
        ({"kind": "account", "integration": "slack", "account": "A1"}, "integration must be one with several"),
        ({"kind": "account", "integration": "github", "account": "<id>"}, "account must be one of A1, A2"),
    ],
)
async def test_an_account_that_is_not_listed_is_refused(start, sandbox, submission, complaint) -> None:
    _, home = await two_accounts(sandbox)
    other = await sandbox.connect("github", {"end_user_id": "bea"})
    await sandbox.connect("slack", ADA)
    if submission["account"] == "<id>":
        submission = {**submission, "account": other}
    async with start() as agent:
        agent.model.integrations, agent.model.script = ["github", "slack"], [submission, listing()]
        await agent.say("List the issues with my home GitHub")
        assert complaint in agent.model.prompts[1]
        assert await used(agent) == [home]


async def test_an_account_is_chosen_once_in_a_turn(start, sandbox) -> None:
    await two_accounts(sandbox)
    again = {"kind": "account", "integration": "github", "account": "A2"}
    async with start() as agent:
        agent.model.integrations, agent.model.script = ["github"], [again, again, listing()]
        await agent.say("Use the other one than my work GitHub account; I mean as ada@acme.com")
        assert "is chosen already" in agent.model.prompts[2]


async def test_the_answer_names_the_account_that_was_used(start, sandbox) -> None:
    await sandbox.connect("github", WORK)
    await sandbox.connect("slack", ADA)
    async with start() as agent:
        shown: list[str] = []
        reply = type(agent.model).reply

        def noting(model, messages, tools):
            if not tools:
                shown.append(messages[-1].text)
            return reply(model, messages, tools)

        agent.model.integrations, agent.model.script = ["github", "slack"], [listing()]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(type(agent.model), "reply", noting)
            await agent.say("List the issues")
        assert "github: GitHub (ada@acme.com, workspace Work" in shown[0]
        assert "slack: " not in shown[0], "only those in which something was done"


async def test_a_remembered_account_that_broke_is_asked_for_again_and_not_replaced(start, sandbox) -> None:
    work, home = await two_accounts(sandbox)
    async with start() as agent:
        agent.model.integrations, agent.model.script = ["github"], [listing()]
        await agent.say("List the issues", thread="a")
        await agent.decide(choosing(work), thread="a")
        await break_it(sandbox, agent, work)
        agent.model.script = [listing()]
        seen = await agent.say("List the issues", thread="b")
        (wait,) = await agent.services.records.waits.live_in("b")
        assert (seen.asks[0]["name"], wait.connection_id, wait.reason) == ("connect_account", work, "broken")
        assert "ada@acme" in seen.asks[0]["description"], "which of the two, is said"
        assert await used(agent) == [work]
        await agent.services.nango.connections.delete(work, "github")
        seen = await agent.decide(APPROVE, thread="b")
        assert seen.asks[0]["name"] == "choose_account", "deleted while it was asked for: another one only by choice"
        agent.model.script = [listing()]
        assert (await agent.say("List the issues", thread="c")).answer == "Done."
        assert await used(agent) == [work, home], "deleted before anything was asked, it falls back to what there is"


async def break_it(sandbox: Sandbox, agent, connection_id: str, integration: str = "github") -> None:
    """Revoked at the provider, and noticed by Nango at the next refresh."""
    await sandbox.revoke(connection_id, integration)
    await sandbox.expire(connection_id, integration)
    with pytest.raises(Exception, match="authoriz"):
        await agent.services.nango.connections.get(connection_id, integration)


def connection(connection_id: str, created: str = "2026-03-01T00:00:00Z", **tags: str) -> ConnectionSummary:
    return ConnectionSummary.model_validate(
        {
            "connection_id": connection_id,
            "provider_config_key": "slack",
            "provider": "slack",
            "tags": tags,
            "created": created,
        }
    )


def test_a_label_says_whose_account_it_is_and_since_when() -> None:
    full = connection("c", end_user_id="ada", end_user_display_name="Ada", end_user_email="ada@acme.com", team="Core")
    assert label_of(full, "Slack") == "Slack (Ada, ada@acme.com, team Core, since 2026-03-01)"
    assert label_of(connection("c", end_user_id="ada"), "Slack") == "Slack (ada, since 2026-03-01)"
    assert label_of(connection("c", organization_id="acme"), "Slack") == "Slack (shared by acme, since 2026-03-01)"
    assert "wait" not in label_of(connection("c", end_user_id="ada", **{WAIT_TAG: "w"}), "Slack")


def test_accounts_with_the_same_label_are_told_apart() -> None:
    ids = ["0000000000-a", "0000000000-b", "1111111111-c"]
    shown = labelled([connection(each, end_user_id="ada") for each in ids], "Slack")
    labels = [shown[each]["label"] for each in ids]
    assert labels == [f"Slack (ada, since 2026-03-01), id {each[:12]}" for each in ids]
    alone = labelled([connection(ids[0], end_user_id="ada"), connection(ids[1], end_user_id="ada", team="B")], "Slack")
    assert "id 0" not in "".join(one["label"] for one in alone.values())


def test_what_stands_in_tags_can_not_draw_in_a_label() -> None:
    label = label_of(connection("c", end_user_id="x", end_user_display_name="A\x1b[2J\n\u202eevil"), "Slack")
    assert label == "Slack (A\\u001b[2J\\u000a\\u202eevil, since 2026-03-01)"


async def test_markup_in_tags_is_shown_as_text(start, sandbox) -> None:
    for name in ("![x](http://evil.test/1)", "<img src=x>"):
        await sandbox.connect("github", {**ADA, "end_user_display_name": name})
    async with start() as agent:
        agent.model.integrations = ["github"]
        seen = await agent.say("List the issues")
        for shown in (seen.asks[0]["description"], seen.values["messages"][-1].text):
            assert "![x" not in shown
            assert "://evil" not in shown
            assert "<img" not in shown


# Accounts that an organization shares.


@pytest.mark.parametrize(
    ("tags", "requester", "theirs"),
    [
        ({"organization_id": "acme"}, Requester("ada", "acme"), True),
        ({"organization_id": "acme"}, Requester("ada", "globex"), False),
        ({"organization_id": "acme"}, Requester("ada"), False),
        ({"organization_id": "acme", "end_user_id": "ada"}, Requester("ada", "acme"), True),
        ({"organization_id": "acme", "end_user_id": "ada"}, Requester("ada"), False),
        ({"organization_id": "acme", "end_user_id": "ada"}, Requester("ada", "globex"), False),
        ({"organization_id": "acme", "end_user_id": "bea"}, Requester("ada", "acme"), False),
        ({"organization_id": "acme", "end_user_id": ""}, Requester("ada", "acme"), False),
        ({"end_user_id": "ada"}, Requester("ada"), True),
        ({"end_user_id": "ada"}, Requester("ada", "acme"), False),
        ({}, Requester("ada"), False),
        ({}, Requester("ada", "acme"), False),
    ],
)
def test_whose_a_connection_is(tags: Mapping[str, str], requester: Requester, theirs: bool) -> None:
    assert belongs_to(connection("c", **tags), requester) is theirs


async def test_a_connection_of_the_organization_is_used_and_said_to_be_shared(start, sandbox) -> None:
    shared = await sandbox.connect("github", {"organization_id": "acme"})
    await sandbox.connect("github", {"organization_id": "globex"})
    async with start() as agent:
        agent.model.integrations, agent.model.script = ["github"], [listing()]
        seen = await agent.say("List the issues", organization_id="acme")
        assert await used(agent) == [shared]
        assert "shared by acme" in seen.values["connections"]["github"]["label"]


async def test_ones_own_account_comes_before_the_shared_one(start, sandbox) -> None:
    own = await sandbox.connect("github", {**ADA, "organization_id": "acme"})
    shared = await sandbox.connect("github", {"organization_id": "acme"})
    async with start() as agent:
        agent.model.integrations = ["github"]
        seen = await agent.say("List the issues", organization_id="acme")
        assert [choice["id"] for choice in seen.asks[0]["choices"]] == [own, shared]


async def test_the_same_user_id_in_two_organizations_is_two_people(start, sandbox) -> None:
    of_acme = await sandbox.connect("github", {**ADA, "organization_id": "acme"})
    of_globex = await sandbox.connect("github", {**ADA, "organization_id": "globex"})
    async with start() as agent:
        agent.model.integrations = ["github"]
        for organization, expected in (("acme", of_acme), ("globex", of_globex)):
            agent.model.script = [listing()]
            await agent.say("List the issues", thread=organization, organization_id=organization)
            assert (await used(agent))[-1] == expected
        seen = await agent.say("List the issues", thread="none")
        assert seen.asks[0]["name"] == "connect_account", "without an organization, neither is hers"


# Authorized again: the same connection, with its tags.


@pytest.mark.parametrize(
    ("tags", "organization", "kept_wait"),
    [
        (WORK, "", True),
        ({"organization_id": "acme", "team": "Core"}, "acme", True),
        ({**ADA, **{f"tag_{number}": "x" for number in range(9)}}, "", False),
    ],
    ids=["one's own", "shared", "with all the tags there can be"],
)
async def test_what_broke_is_authorized_again_under_its_id_and_keeps_its_tags(
    start, sandbox, tags, organization, kept_wait
) -> None:
    broken = await sandbox.connect("github", tags)
    async with start() as agent:
        await break_it(sandbox, agent, broken)
        agent.model.integrations, agent.model.script = ["github"], [listing()]
        seen = await agent.say("List the issues", organization_id=organization)
        (wait,) = await agent.services.records.waits.live_in("t")
        await authorize(seen.asks[0]["args"]["connect_link"])
        assert (await agent.run(None, thread="t", user="ada", organization_id=organization)).question is not None
        (found,) = [one async for one in agent.services.nango.connections.list()]
        assert found.connection_id == broken
        assert (wait_id_of(found.tags) == wait.id) is kept_wait
        assert {key: value for key, value in found.tags.items() if key != WAIT_TAG} == tags
        assert await look_at_waits(agent.services, "t")
        assert (await agent.run(None, thread="t", user="ada", organization_id=organization)).answer == "Done."
        assert await used(agent) == [broken]


async def test_an_account_authorized_again_by_nobody_knows_whom_is_confirmed_and_not_replaced(start, sandbox) -> None:
    work, home = await two_accounts(sandbox)
    async with start() as agent:
        agent.model.integrations, agent.model.script = ["github"], [listing()]
        await agent.say("List the issues", thread="a")
        await agent.decide(choosing(work), thread="a")
        await break_it(sandbox, agent, work)
        seen = await agent.say("List the issues", thread="b")
        (wait,) = await agent.services.records.waits.live_in("b")
        await agent.services.records.waits.opened(wait.id, unverified=True, now=agent.clock.now())
        await authorize(seen.asks[0]["args"]["connect_link"])
        assert await look_at_waits(agent.services, "b")
        seen = await agent.wake(thread="b")
        assert seen.asks[0]["name"] == "confirm_account", "and the other one, which works, is not taken instead"
        agent.model.script = [listing()]
        confirmed = {"type": "edit", "edited_action": {"name": "confirm_account", "args": {"confirm": "yes"}}}
        assert (await agent.decide(confirmed, thread="b")).answer == "Done."
        assert await used(agent) == [work, work]
        assert home != work


async def test_an_optional_account_that_is_to_be_chosen_is_asked_for(start, sandbox) -> None:
    _, home = await two_accounts(sandbox)
    await sandbox.connect("slack", ADA)
    async with start() as agent:
        agent.model.integrations, agent.model.script = ["github"], [listing()]
        await agent.say("List the issues")
        await agent.decide(choosing(home))
        config = {"configurable": {"thread_id": "t"}}
        await agent.graph.ainvoke(
            {"messages": [("user", "Let me choose")]},
            config,
            context=Context(user_id="ada"),
            interrupt_before=["resolve_connections"],
        )
        await agent.edit_state({"integrations": ["slack"], "optional": ["github"]}, after="choose_integrations")
        agent.model.script = [{"kind": "account", "integration": "github", "account": ""}]
        assert (await agent.wake()).asks[0]["name"] == "choose_account"
