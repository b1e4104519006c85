"""A host that embeds the agent: graph, pages, webhook route and sweep in one event loop, with a clock that is moved."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from langgraph.types import Command
from starlette.requests import Request

from agents import MovableClock
from nango_graph import AgentSettings, Context, ModelSettings, Records, Services, build_graph, open_services
from nango_graph.durable import DurableGraph
from nango_graph.identity import Requester
from nango_graph.server.checkpoints import open_saver
from nango_graph.waiting.embedded import EmbeddedThreads
from nango_graph.waiting.sweep import MOST, Sweep
from nango_graph.web.app import create_web_app
from nango_sandbox import Sandbox
from nango_tools import NangoSettings
from noting_model import NotingModel
from serving import free_port, served
from waiting_hosts import View

EVERY = 5.0
"""Seconds between two passes of the sweep, as `sweeping` has it."""
_LOOKS = 12
"""That are taken one by one, farther and farther apart; then time jumps to the last of them."""
_USER = "user"


def settings_for(sandbox: Sandbox, folder: Path, database_url: str | None, public_url: str | None) -> AgentSettings:
    nango = NangoSettings(
        api_key=sandbox.api_key, base_url=sandbox.base_url, webhook_signing_key=sandbox.webhook_signing_key
    )
    return AgentSettings(
        nango=nango,
        model=ModelSettings(name="noting"),
        data_dir=folder,
        database_url=database_url,
        public_url=public_url,
    )


@dataclass
class EmbeddedHost:
    url: str
    sandbox: Sandbox
    services: Services
    graph: DurableGraph
    clock: MovableClock
    model: NotingModel
    sweeps: Sweep
    name: str = "embedded"

    @property
    def records(self) -> Records:
        return self.services.records

    def now(self) -> float:
        return self.clock.time

    def cookies(self, user: str) -> Mapping[str, str]:
        return {_USER: user}

    async def ask(self, thread: str, text: str, *, user: str) -> None:
        await self._run({"messages": [("user", text)]}, thread, user)

    async def look(self, thread: str) -> None:
        await self.graph.ainvoke(None, _config(thread))

    async def decide(self, thread: str, decision: Mapping[str, Any], *, user: str) -> None:
        await self._run(Command(resume={"decisions": [decision]}), thread, user)

    async def view(self, thread: str) -> View:
        state = await self.graph.aget_state(_config(thread))
        question = state.interrupts[0].value if state.interrupts else None
        asked = state.values.get("asked") or {}
        return View(
            question=question,
            finished=question is None and not state.tasks,
            words=state.values["messages"][-1].text,
            waits=[item["wait_id"] for item in asked.get("items", []) if item["about"] == "connect"]
            if question
            else [],
        )

    async def let_pass(self, seconds: float) -> None:
        until, step = self.now() + seconds, EVERY
        for _ in range(_LOOKS):
            if self.now() + step >= until:
                break
            self._at(self.now() + step)
            await self.sweeps.once()
            step *= 1.5
        if until - MOST > self.now():
            self._at(until - MOST)
            await self.sweeps.once()
        self._at(until)

    async def sweep(self) -> None:
        self._at(self.now() + EVERY)
        await self.sweeps.once()

    def _at(self, moment: float) -> None:
        by = moment - self.clock.time
        if by > 0:
            self.clock.time += by
            self.sandbox.clock.advance(by)

    async def _run(self, sent: Any, thread: str, user: str) -> None:
        await self.graph.ainvoke(sent, _config(thread), context=Context(user_id=user))


def _config(thread: str) -> Any:
    return {"configurable": {"thread_id": thread}}


async def _whoever_the_cookie_says(request: Request) -> Requester | None:
    user = request.cookies.get(_USER)
    return Requester(user) if user else None


@contextlib.asynccontextmanager
async def embedded_host(
    sandbox: Sandbox, folder: Path, database_url: str | None = None, *, looks_a_minute: int = 1_000_000
) -> AsyncIterator[EmbeddedHost]:
    """`database_url` None: SQLite, in the folder. `looks_a_minute`: what the sweep may ask of Nango in a real one."""
    listener, url = free_port()
    model, clock = NotingModel(notes=folder / "planned.txt"), MovableClock()
    settings = settings_for(sandbox, folder, database_url, url)
    async with (
        open_saver(settings) as saver,
        open_services(settings, model=model, clock=clock) as services,
        EmbeddedThreads(graph := build_graph(services).compile(checkpointer=saver)) as threads,
    ):
        sweep = Sweep(services, threads, looks_a_minute=looks_a_minute)
        app = create_web_app(services, threads, opener=_whoever_the_cookie_says)
        async with served(app, listener):
            try:
                yield EmbeddedHost(url, sandbox, services, graph, clock, model, sweep)
            finally:
                await asyncio.shield(sweep.close())
