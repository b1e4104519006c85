"""The graph inside a graph of somebody else, who knows nothing of its state but the messages."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.types import Command

from nango_graph import (
    AgentSettings,
    Context,
    ModelSettings,
    Services,
    UsageError,
    build_graph,
    open_services,
)
from nango_graph.cli.autopilot import authorize
from nango_graph.waiting.looking import look_at_waits
from nango_sandbox import Sandbox
from nango_tools import NangoSettings

REQUEST = {"messages": [("user", "Create an issue in octo/widgets on GitHub titled 'Broken login'")]}
APPROVED = Command(resume={"decisions": [{"type": "approve"}]})


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
async def services(sandbox: Sandbox, tmp_path: Path) -> AsyncIterator[Services]:
    settings = AgentSettings(
        nango=NangoSettings(api_key=sandbox.api_key, base_url=sandbox.base_url),
        model=ModelSettings(name="rule-based"),
        data_dir=tmp_path,
    )
    async with open_services(settings) as services:
        yield services


def _parent(services: Services, visited: list[str], **how: Any) -> Any:
    async def before(state: MessagesState) -> dict[str, Any]:
        visited.append("before")
        return {}

    async def after(state: MessagesState) -> dict[str, Any]:
        visited.append("after")
        return {"messages": [("ai", f"The agent said: {state['messages'][-1].text}")]}

    graph = StateGraph(MessagesState, **how)
    graph.add_node("before", before)
    graph.add_node("agent", build_graph(services).compile())
    graph.add_node("after", after)
    graph.add_edge(START, "before")
    graph.add_edge("before", "agent")
    graph.add_edge("agent", "after")
    graph.add_edge("after", END)
    return graph


@pytest.mark.parametrize(
    ("schema", "context"),
    [(Context, Context(user_id="ada")), (Context, {"user_id": "ada"}), (dict, {"user_id": "ada"})],
)
async def test_both_kinds_of_pause_pass_through_the_parent(
    sandbox: Sandbox, services: Services, schema: Any, context: Any
) -> None:
    visited: list[str] = []
    parent = _parent(services, visited, context_schema=schema).compile(checkpointer=InMemorySaver())
    config = {"configurable": {"thread_id": "parent"}}

    paused = await parent.ainvoke(REQUEST, config, context=context)
    (connect,) = paused["__interrupt__"][0].value["action_requests"]
    assert connect["name"] == "connect_account"
    await authorize(connect["args"]["connect_link"])
    assert (await sandbox.ledger()) == []

    paused = await parent.ainvoke(APPROVED, config, context=context)
    assert paused["__interrupt__"][0].value["action_requests"][0]["name"] == "github/create-issue"

    done = await parent.ainvoke(APPROVED, config, context=context)
    assert "__interrupt__" not in done
    assert set(done) == {"messages"}
    assert done["messages"][-1].text.startswith("The agent said: ")
    assert "Broken login" in done["messages"][-1].text
    assert visited == ["before", "after"]
    (write,) = await sandbox.ledger()
    assert (write.action, write.status, write.end_user_id) == ("create-issue", "succeeded", "ada")

    again = {"messages": [("user", "List the open issues in octo/widgets on GitHub")]}
    done = await parent.ainvoke(again, config, context=context)
    assert "Broken login" in done["messages"][-1].text


async def test_a_wake_up_without_payload_passes_through_the_parent(sandbox: Sandbox, services: Services) -> None:
    parent = _parent(services, [], context_schema=Context).compile(checkpointer=InMemorySaver())
    config = {"configurable": {"thread_id": "parent"}}
    paused = await parent.ainvoke(REQUEST, config, context=Context(user_id="ada"))
    asked = paused["__interrupt__"][0].value
    await parent.ainvoke(None, config)
    assert (await parent.aget_state(config)).interrupts[0].value == asked, "nothing has changed, nothing is answered"
    await authorize(asked["action_requests"][0]["args"]["connect_link"])
    assert await look_at_waits(services, "parent")
    paused = await parent.ainvoke(None, config)
    assert paused["__interrupt__"][0].value["action_requests"][0]["name"] == "github/create-issue"


async def test_the_answers_tokens_reach_who_streams_the_parent(sandbox: Sandbox, services: Services) -> None:
    await sandbox.connect("github", {"end_user_id": "ada"})
    parent = _parent(services, [], context_schema=Context).compile(checkpointer=InMemorySaver())
    seen = {
        part["type"]
        async for part in parent.astream(
            {"messages": [("user", "List the open issues in octo/widgets on GitHub")]},
            {"configurable": {"thread_id": "parent"}},
            context=Context(user_id="ada"),
            stream_mode=["messages", "custom", "updates"],
            subgraphs=True,
            version="v2",
        )
        if part["ns"]
    }
    assert seen == {"messages", "custom", "updates"}


async def test_a_parent_that_keeps_no_checkpoints_is_told_before_anything_happens(
    sandbox: Sandbox, services: Services
) -> None:
    parent = _parent(services, [], context_schema=Context).compile()
    with pytest.raises(UsageError, match="needs a checkpointer"):
        await parent.ainvoke(REQUEST, {"configurable": {"thread_id": "t"}}, context=Context(user_id="ada"))
    assert await services.records.plans.of_thread("t") == []


@pytest.mark.parametrize("checkpointer", [None, False, True])
async def test_without_a_checkpointer_there_is_one_sentence(services: Services, checkpointer: Any) -> None:
    graph = build_graph(services).compile(checkpointer=checkpointer)
    with pytest.raises(UsageError, match="compile it with") as raised:
        await graph.ainvoke(REQUEST, {"configurable": {"thread_id": "t"}}, context=Context(user_id="ada"))
    assert str(raised.value).count(". ") == 0


async def test_without_a_thread_there_is_one_sentence(services: Services) -> None:
    graph = build_graph(services).compile(checkpointer=InMemorySaver())
    with pytest.raises(UsageError, match="compile it with"):
        await graph.ainvoke(REQUEST, context=Context(user_id="ada"))


class SlowSaver(InMemorySaver):
    """Notes when a checkpoint is stored, and when a node has ended that started from it."""

    def __init__(self) -> None:
        super().__init__()
        self.notes: list[tuple[str, str]] = []

    async def aput(self, config: Any, checkpoint: Any, metadata: Any, new_versions: Any) -> Any:
        await asyncio.sleep(0.03)
        stored = await super().aput(config, checkpoint, metadata, new_versions)
        if metadata["source"] == "loop":
            self.notes.append(("stored", checkpoint["id"]))
        return stored

    async def aput_writes(self, config: Any, writes: Any, task_id: str, task_path: str = "") -> None:
        self.notes.append(("ended", config["configurable"]["checkpoint_id"]))
        await super().aput_writes(config, writes, task_id, task_path)


@pytest.mark.parametrize("durability", ["exit", "async", None])
async def test_every_step_is_stored_before_the_next_one_ends_whatever_the_caller_asks_for(
    sandbox: Sandbox, services: Services, durability: Any
) -> None:
    await sandbox.connect("github", {"end_user_id": "ada"})
    saver = SlowSaver()
    graph = build_graph(services).compile(checkpointer=saver)
    config: Any = {"configurable": {"thread_id": "t"}}
    async for _ in graph.astream(REQUEST, config, context=Context(user_id="ada"), durability=durability):
        pass
    stored = [checkpoint for kind, checkpoint in saver.notes if kind == "stored"]
    ended = [checkpoint for kind, checkpoint in saver.notes if kind == "ended" and checkpoint in stored]
    assert len(stored) > 5
    assert len(ended) >= len(stored) - 1
    for checkpoint in ended:
        assert saver.notes.index(("stored", checkpoint)) < saver.notes.index(("ended", checkpoint))
