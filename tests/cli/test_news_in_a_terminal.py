"""A wait that has ended, while Nango does not let the thread go on: neither `run` nor `chat` spins, or says so all the time."""

import asyncio
import io
import os
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, TextIO

import pytest
from langgraph.checkpoint.memory import InMemorySaver

from agents import MovableClock
from nango_graph import AgentSettings, ModelSettings, build_graph, open_services
from nango_graph.cli.chat import converse
from nango_graph.cli.run import ANSWERED, WAITS, run_once
from nango_graph.cli.session import Event, Looks, Session
from nango_graph.cli.terminal import Terminal
from nango_sandbox import Sandbox
from nango_sandbox.faults import Status
from nango_tools import NangoSettings

REQUEST = "How many open issues does octo/gadgets have?"
OUTAGE = Status(status=503, path="/connections*", times=None)


class CountedSession(Session):
    """Tells when the thread goes on."""

    wakes = 0
    woke_up: asyncio.Event

    async def go_on(self) -> AsyncIterator[Event]:  # type: ignore[override]
        async for event in super().go_on():
            yield event
        self.wakes += 1
        self.woke_up.set()

    async def wakes_are(self, count: int) -> None:
        async with asyncio.timeout(20):
            while self.wakes < count:
                self.woke_up.clear()
                await self.woke_up.wait()


class Screen(io.StringIO):
    """What was written, and when something is."""

    def __init__(self) -> None:
        super().__init__()
        self.written = asyncio.Event()

    def write(self, text: str) -> int:
        self.written.set()
        return super().write(text)

    async def shows(self, text: str, after: str = "") -> None:
        async with asyncio.timeout(20):
            while text not in (self.getvalue().rpartition(after)[2] if after else self.getvalue()):
                self.written.clear()
                await self.written.wait()


@pytest.fixture
async def session(sandbox: Sandbox, tmp_path: Path) -> AsyncIterator[CountedSession]:
    settings = AgentSettings(
        nango=NangoSettings(api_key=sandbox.api_key, base_url=sandbox.base_url),
        model=ModelSettings(name="rule-based"),
        data_dir=tmp_path,
    )
    async with open_services(settings, clock=MovableClock()) as services:
        graph = build_graph(services).compile(checkpointer=InMemorySaver())
        opened = CountedSession(graph, services, thread_id="t", user_id="ada", looks=Looks(first=0.1, most=0.4))
        opened.woke_up = asyncio.Event()
        yield opened


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> Iterator[TextIO]:
    """Types into the terminals that are opened."""
    reading, writing = os.pipe()
    with os.fdopen(reading) as typed, os.fdopen(writing, "w", buffering=1) as typing:
        monkeypatch.setattr(sys, "stdin", typed)
        yield typing


async def run(session: Session, *, request: str | None = None, patience: float) -> tuple[int, str]:
    screen = Screen()
    status = await run_once(
        session, Terminal(screen), request=request, answer=None, patience=patience, how_to_continue="again"
    )
    return status, screen.getvalue()


@pytest.fixture
async def satisfied(session: CountedSession, sandbox: Sandbox) -> Any:
    """Its wait has ended, and nobody has gone on since: Nango can't be asked any more."""
    assert (await run(session, request=REQUEST, patience=0))[0] == WAITS
    await sandbox.connect("github", {"end_user_id": "ada"})
    assert await session.found_connection()
    sandbox.faults.add(OUTAGE)
    return session


async def test_a_run_ends_at_its_deadline_although_its_wait_has_ended(satisfied: Any) -> None:
    began = time.monotonic()
    async with asyncio.timeout(20):
        status, output = await run(satisfied, patience=1.5)
    assert status == WAITS
    assert time.monotonic() - began >= 1.5
    assert output.count("Waiting for you") == 1
    assert output.count("connect_link") == 1, "the question is shown once"
    # Twice at once, then after pauses of 0.1, 0.2, 0.4, 0.4 and 0.4 seconds; fewer where a look takes long.
    assert 1 <= satisfied.wakes <= 7


async def test_a_run_goes_on_after_an_outage(satisfied: Any, sandbox: Sandbox) -> None:
    running = asyncio.create_task(run(satisfied, patience=20))
    await satisfied.wakes_are(2)
    sandbox.faults.clear()
    satisfied.services.clock.time += 5
    status, output = await running
    assert (status, "octo/gadgets" in output) == (ANSWERED, True), output


async def test_a_run_that_shall_not_wait_looks_once(satisfied: Any) -> None:
    status, _ = await run(satisfied, patience=0)
    assert (status, satisfied.wakes) == (WAITS, 1)


async def test_a_chat_says_once_that_a_connection_came_however_long_it_can_not_be_used(
    session: CountedSession, sandbox: Sandbox, keys: TextIO
) -> None:
    screen = Screen()
    chatting = asyncio.create_task(converse(session, Terminal(screen), how_to_continue="chat"))
    keys.write(f"{REQUEST}\n")
    await screen.shows("waiting: ")
    sandbox.faults.add(OUTAGE)
    connection_id = await sandbox.connect("github", {"end_user_id": "ada"})
    (wait,) = await session.services.records.waits.live_in("t")
    now = session.services.clock.now()
    await session.services.records.waits.satisfy(wait.id, connection_id=connection_id, checked_by="", now=now)
    await session.wakes_are(4)
    shown = screen.getvalue()
    assert shown.count("Connected.") == 1
    assert shown.count("It can't be used yet") == 1
    assert shown.count("I need access") == 1
    sandbox.faults.clear()
    session.services.clock.time += 5  # type: ignore[attr-defined]
    await screen.shows("\n> ", after="waiting: ")
    keys.write("quit\n")
    await chatting
    assert screen.getvalue().count("Connected.") == 1


async def test_what_is_told_during_a_look_is_not_forgotten(session: CountedSession, sandbox: Sandbox) -> None:
    session._looks = Looks(first=60, most=60)
    assert (await run(session, request=REQUEST, patience=0))[0] == WAITS
    question = await session.question()
    assert question is not None
    looked = session.found_connection

    async def told_meanwhile() -> bool:
        found = await looked()
        if not found:
            await sandbox.connect("github", {"end_user_id": "ada"})
            turn = await session.services.records.turns.last_of("t")
            assert turn is not None
            assert await session.wake(turn, wait_id=None) == "woken"
        return found

    session.found_connection = told_meanwhile  # type: ignore[method-assign]
    async with asyncio.timeout(20):
        assert await session.news(question) == "connected"
