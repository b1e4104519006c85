"""Conversations over the whole graph and the sandbox: the prompts are the agent's own, the accounts those of the sandbox."""

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
from nango_tools import NangoSettings

TITLES = "Autosave runs while offline\nUndo forgets grouped moves\nDocument the plugin API\nDark mode for the canvas\nCrash on save"


class Talk:
    """One conversation; `asked` are the writes that approval was asked for, as (tool, arguments)."""

    def __init__(self, graph: Any) -> None:
        self._graph, self._config = graph, {"configurable": {"thread_id": "t"}}
        self.asked: list[tuple[str, dict[str, Any]]] = []

    async def say(self, text: str, *, reject: str = "") -> str:
        self.asked = []
        given: Any = {"messages": [("user", text)]}
        while True:
            state = await self._graph.ainvoke(given, self._config, context=Context(user_id="ada"))
            if "__interrupt__" not in state:
                return str(state["messages"][-1].text)
            value = state["__interrupt__"][0].value
            decisions: list[dict[str, Any]] = []
            for asked, config in zip(value["action_requests"], value["review_configs"], strict=True):
                self.asked.append((asked["name"], asked["args"]))
                if reject:
                    decisions.append({"type": "reject", "message": reject})
                elif "approve" in config["allowed_decisions"]:
                    decisions.append({"type": "approve"})
                else:
                    edited = {"name": asked["name"], "args": {**asked["args"], "confirm": "yes"}}
                    decisions.append({"type": "edit", "edited_action": edited})
            given = Command(resume={"decisions": decisions})


@pytest.fixture
async def talk(tmp_path: Path) -> AsyncIterator[Talk]:
    async with contextlib.AsyncExitStack() as stack:
        sandbox = await stack.enter_async_context(Sandbox())
        for integration in ("github", "hubspot", "slack"):
            await sandbox.connect(integration, {"end_user_id": "ada", "end_user_email": "ada@example.com"})
        settings = AgentSettings(
            nango=NangoSettings(api_key=sandbox.api_key, base_url=sandbox.base_url),
            model=ModelSettings(name="rule-based"),
            data_dir=tmp_path,
        )
        records = await Records.in_memory(allow_writes=True)
        stack.push_async_callback(records.close)
        services = await stack.enter_async_context(open_services(settings, records=records))
        yield Talk(build_graph(services).compile(checkpointer=InMemorySaver()))


async def test_follow_ups_reach_back_over_what_was_done_since(talk: Talk) -> None:
    said = await talk.say("Post the titles of the open issues in octo/widgets to #general")
    assert said == f"Posted to #general:\n{TITLES}"
    assert await talk.say("now close the oldest one") == "Closed issue #2 Crash on save in octo/widgets."
    assert await talk.say("who is it assigned to?") == "#2 Crash on save — assignees: grace."
    assert await talk.say("post that to #random too") == f"Posted to #random:\n{TITLES}"
    said = await talk.say("assign the newest one to grace")
    assert said == "Assigned issue #7 Autosave runs while offline in octo/widgets: assignees grace."
    await talk.say("label the first two as p1")
    ((_, arguments),) = talk.asked
    assert [item["labels"] for item in arguments["items"]] == [["bug", "triage", "p1"], ["bug", "p1"]]


async def test_what_is_counted_listed_and_closed_is_what_was_meant(talk: Talk) -> None:
    assert await talk.say("How many open issues does octo/gadgets have?") == "There are 5 open issues in octo/gadgets."
    listed = (await talk.say("list them")).split("\n")
    assert listed[0] == "5 open issues in octo/gadgets:"
    assert len(listed) == 6
    said = await talk.say("For each open bug in octo/widgets post a message to #engineering")
    assert said.split("\n") == [
        "Posted 3 messages to #engineering:",
        "- #7 Autosave runs while offline",
        "- #5 Undo forgets grouped moves",
        "- #2 Crash on save",
    ]
    said = await talk.say("close all issues labelled docs in octo/widgets")
    assert said == "Closed 1 issue in octo/widgets:\n- #4 Document the plugin API"
    said = await talk.say("close all issues labelled docs in octo/widgets")
    assert said == "There is nothing to close: there are no issues labelled docs in octo/widgets."


async def test_contacts_and_deals_are_found_by_what_they_are_called(talk: Talk) -> None:
    said = await talk.say("add Ada Lovelace <ada@example.com> as a contact")
    assert said == "Created contact Ada Lovelace [109]."
    assert await talk.say("what is her phone number?") == "Ada Lovelace [109] — phone: none."
    said = await talk.say("delete the contact with email ada@example.com")
    assert said == "Deleted contact Ada Lovelace [109]."
    said = await talk.say("delete the contact with email ada@example.com")
    assert said == "I found no contact with email ada@example.com, so I deleted nothing."
    assert talk.asked == []
    said = await talk.say("move the Initech renewal deal to closedwon")
    assert said == "Moved deal Initech renewal [9002]: stage closedwon."
    said = await talk.say("delete the Globex deal")
    assert said == "I found none, or more than one, for “Globex deal”, so I deleted nothing."
    assert talk.asked == []


async def test_the_last_message_of_a_channel_is_that_channel_s(talk: Talk) -> None:
    await talk.say("Show the last 3 messages in #general")
    said = await talk.say("delete the last message in #random")
    assert said == "Deleted message It still works. in #random."
    await talk.say("create a channel called war-room")
    assert await talk.say("say hello in it") == "Posted to #war-room: hello"


async def test_what_was_rejected_or_failed_is_said(talk: Talk) -> None:
    said = await talk.say("Post 'hi' to #general", reject="not today")
    assert said == "I did not post the message to #general: you rejected it (not today)."
    posted, failed = (await talk.say("post 'hi' to #general and close issue 99 in octo/widgets")).split("\n\n")
    assert posted == "Posted to #general: hi"
    assert failed.startswith("I could not close issue #99 in octo/widgets: It ran and failed")
    assert "Cause: the provider answered 404: Not Found" in failed
    assert failed.count("update-issue") == 0, "the step and the account are not said again"
