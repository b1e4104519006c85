"""`use my other Slack account`, over the whole graph: the prompts are the agent's own, the accounts those of the sandbox."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

from nango_graph import AgentSettings, Context, Records, build_graph, open_services
from nango_graph.settings import ModelSettings
from nango_sandbox import Sandbox
from nango_sandbox.rule_model.prompt import read_accounts
from nango_tools import NangoSettings


class Talk:
    """Ada's conversations. She has two Slack accounts, `work` and `home`, and one at GitHub."""

    def __init__(self, graph: Any, sandbox: Sandbox, work: str, home: str) -> None:
        self._graph, self._sandbox, self.work, self.home = graph, sandbox, work, home

    async def say(self, text: str, thread: str = "t") -> str:
        """The answer, or the name of what is asked."""
        return await self._run({"messages": [("user", text)]}, thread)

    async def choose(self, account_id: str, thread: str = "t") -> str:
        edited = {"name": "choose_account", "args": {"account_id": account_id}}
        return await self._run(Command(resume={"decisions": [{"type": "edit", "edited_action": edited}]}), thread)

    async def _run(self, given: Any, thread: str) -> str:
        config = {"configurable": {"thread_id": thread}}
        state = await self._graph.ainvoke(given, config, context=Context(user_id="ada"))
        if "__interrupt__" in state:
            return str(state["__interrupt__"][0].value["action_requests"][0]["name"])
        return str(state["messages"][-1].text)

    async def used(self) -> list[str]:
        return [entry.connection_id for entry in await self._sandbox.ledger()]


@pytest.fixture
async def talk(tmp_path: Path) -> AsyncIterator[Talk]:
    async with contextlib.AsyncExitStack() as stack:
        sandbox = await stack.enter_async_context(Sandbox())
        work, home = [
            await sandbox.connect("slack", {"end_user_id": "ada", "workspace": name}) for name in ("Work", "Home")
        ]
        await sandbox.connect("github", {"end_user_id": "ada"})
        settings = AgentSettings(
            nango=NangoSettings(api_key=sandbox.api_key, base_url=sandbox.base_url),
            model=ModelSettings(name="rule-based"),
            data_dir=tmp_path,
        )
        records = await Records.in_memory(allow_writes=True)
        stack.push_async_callback(records.close)
        services = await stack.enter_async_context(open_services(settings, records=records))
        yield Talk(build_graph(services).compile(checkpointer=InMemorySaver()), sandbox, work, home)


async def test_the_other_account_is_used_from_now_on(talk: Talk) -> None:
    assert await talk.say("List the Slack channels") == "choose_account"
    await talk.choose(talk.work)
    said = await talk.say("Use my other Slack account")
    assert said.startswith("From now on I use Slack (ada, workspace Home")
    await talk.say("List the Slack channels", thread="new")
    assert await talk.used() == [talk.work, talk.home]


async def test_an_account_is_switched_to_by_its_name_and_the_rest_of_the_request_done(talk: Talk) -> None:
    said = await talk.say("Switch to my work Slack account and list the channels")
    assert "#general" in said or "general" in said
    assert await talk.used() == [talk.work]
    await talk.say("List the Slack channels", thread="new")
    assert await talk.used() == [talk.work, talk.work], "the switch holds in new threads"


async def test_which_one_is_asked_where_the_words_do_not_tell(talk: Talk) -> None:
    await talk.say("List the Slack channels with my work Slack")
    assert await talk.say("Use a Slack account") == "choose_account"
    assert (await talk.choose(talk.home)).startswith("From now on I use Slack (ada, workspace Home")


async def test_where_there_is_no_other_account_nothing_changes(talk: Talk) -> None:
    assert await talk.say("Use my other GitHub account") == "I know of no other account there, so nothing has changed."


def test_a_line_that_is_no_account_is_left_out() -> None:
    lines = "slack A1 (in use, chosen for this request): Slack (Ada): x\nslack A2: Slack (in use)\nnonsense\nslack: y"
    first, second = read_accounts(lines)
    assert (first.integration, first.key, first.in_use, first.chosen) == ("slack", "A1", True, True)
    assert (second.key, second.label, second.in_use, second.chosen) == ("A2", "Slack (in use)", False, False)
