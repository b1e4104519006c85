"""Threads that an earlier version left waiting, its records and its checkpoints: `version_1` was written by it."""

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from agents import Agent, MovableClock

SAVED = 1795272009.0
"""Seconds since the epoch: a moment after it was written."""
APPROVE = {"type": "approve"}
LIST = {
    "kind": "plan",
    "steps": [{"id": "s1", "tool": "github/list-issues", "arguments": {"owner": "octo", "repo": "widgets"}}],
}


def restored(name: str, folder: Path) -> Path:
    path = folder / f"{name}.db"
    connection = sqlite3.connect(path)
    connection.executescript((Path(__file__).parent / "version_1" / f"{name}.sql").read_text())
    connection.close()
    return path


@pytest.fixture
async def agent(start: Any, tmp_path: Path) -> AsyncIterator[Agent]:
    clock = MovableClock()
    clock.time = SAVED
    async with (
        AsyncSqliteSaver.from_conn_string(str(restored("threads", tmp_path))) as saver,
        start(records=restored("records", tmp_path), saver=saver, clock=clock) as opened,
    ):
        yield opened


async def test_a_thread_that_waits_for_a_connection_goes_on(agent: Agent) -> None:
    (wait,) = await agent.services.records.waits.live_in("waits")
    again = await agent.wake(thread="waits")
    assert again.asks[0]["name"] == "connect_account"
    await agent.sandbox.connect("github", {"end_user_id": "ada"})
    agent.model.script = [LIST]
    assert (await agent.decide(APPROVE, thread="waits")).answer == "Done."
    passed = await agent.services.records.waits.get(wait.id)
    assert passed is not None
    assert passed.state == "consumed"


async def test_a_thread_that_waits_for_an_approval_sends_what_was_approved(agent: Agent) -> None:
    state = await agent.graph.aget_state({"configurable": {"thread_id": "asks"}})
    connection = state.values["connections"]["github"]["connection_id"]
    await agent.sandbox.connect("github", {"end_user_id": "bea"}, connection_id=connection)
    seen = await agent.decide(APPROVE, thread="asks", user="bea")
    assert seen.answer == "Done."
    assert [sent["title"] for _, sent in await agent.written()] == ["Old"]
