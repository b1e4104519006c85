"""Processes that carry out plans until they are killed: right after something became durable, or while a call is on its way.

Run as a program it takes orders (`forked_orders.py`).
"""

import os
import re
import signal
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from pydantic import SecretStr
from sqlalchemy import Connection, event

from agents import MovableClock
from forked_orders import Commits, Processes, obey, processes_of
from kill_scenarios import GO_ON, SCENARIOS, ScenarioModel, request_for
from killed_processes import count_checkpoints
from nango_graph import AgentSettings, Context, ModelSettings, Records, Services, build_graph, open_services
from nango_graph.durable import DurableGraph
from nango_graph.records.database import Database
from nango_graph.records.engines import T, Work
from nango_graph.server.checkpoints import open_saver
from nango_graph.waiting.embedded import EmbeddedThreads
from nango_graph.waiting.places import place_of
from nango_graph.waiting.sweep import Sweep
from nango_tools import NangoSettings
from truthful_person import TruthfulPerson

THREAD, USER = "t", "ada"
ASKED = "asked.jsonl"
_CONFIG: Any = {"configurable": {"thread_id": THREAD}}
_CONTEXT = Context(user_id=USER, max_steps=100)
_ROUNDS = 20
ENDED = {"succeeded", "failed", "rejected", "not_sent"}
_STATES = {*ENDED, "unknown", "claimed", "approved", "open", "closed"}


@dataclass(frozen=True)
class Order:
    """What one process is to do: the scenario, from where its thread stands to the end.

    goes_on: what happens to a thread that was cut off: it is woken ("wake": by its person; "sweep": by the sweep), or its person
        says something new ("message")
    ahead: of the machine's clock, in seconds
    kill_after: the process is killed when so many things have become durable; None: never
    kill_after_calls: the same, when the outcomes of so many calls are in the records
    """

    folder: str
    base_url: str
    api_key: str
    scenario: str
    database_url: str | None = None
    goes_on: str = "wake"
    ahead: float = 0.0
    kill_after: int | None = None
    kill_after_calls: int | None = None
    prepare: bool = False
    """Only makes the tables."""


class Counted(Database):
    """Notes what each transaction wrote."""

    commits: Commits | None = None
    kill_after_calls: int | None = None
    ended = 0

    async def transaction(self, work: Work[T]) -> T:
        written: list[str] = []
        ended: list[str] = []

        def noted(connection: Connection) -> T:
            event.listen(connection, "after_cursor_execute", _noting(written, ended))
            return work(connection)

        done = await super().transaction(noted)
        self.ended += len(ended)
        if self.kill_after_calls is not None and self.ended >= self.kill_after_calls:
            os.kill(os.getpid(), signal.SIGKILL)
        if written and self.commits is not None:
            self.commits.add(" and ".join(dict.fromkeys(written)))
        return done


def _noting(written: list[str], ended: list[str]) -> Callable[..., None]:
    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        found = re.match(r"(INSERT INTO|UPDATE|DELETE FROM) nango_agent_(\w+)", statement)
        if found is None:
            return
        rows = parameters if isinstance(parameters, list) else [parameters]
        values = [value for row in rows for value in (row.values() if isinstance(row, dict) else row)]
        # What is set stands before what is compared with.
        states = [value for value in values if isinstance(value, str) and value in _STATES]
        if found[2] == "calls":
            now_ended = [value for value in states if value in ENDED]
            ended.extend(now_ended if found[1].startswith("INSERT") else now_ended[:1])
        written.append(" ".join(filter(None, [found[1].split()[0].lower(), found[2], next(iter(states), "")])))

    return note


@dataclass
class Process:
    order: Order
    services: Services
    graph: DurableGraph
    clock: MovableClock

    async def drive(self) -> dict[str, Any]:
        """Whatever is left to do until the thread has answered, as the processes and the person after a crash would do it."""
        spoken = False
        async with httpx.AsyncClient(base_url=self.order.base_url, trust_env=False, timeout=30) as http:
            person = TruthfulPerson(SCENARIOS[self.order.scenario], http, Path(self.order.folder) / ASKED)
            for _ in range(_ROUNDS):
                state = await self.graph.aget_state(_CONFIG)
                if state.interrupts:
                    await self._run(await person.answer(state.interrupts[0].value))
                elif not state.values.get("messages") and not place_of(state).unfinished:
                    await self._say(request_for(self.order.scenario))
                elif not place_of(state).unfinished:
                    return await self._told(state.values, http)
                elif self.order.goes_on == "message" and not spoken and state.values.get("turn"):
                    spoken = True
                    await self._say(GO_ON)
                elif self.order.goes_on == "sweep":
                    await self._sweep()
                else:
                    await self._run(None)
        return {"failed": f"It did not end in {_ROUNDS} rounds."}

    async def _say(self, text: str) -> None:
        await self._run({"messages": [("user", text)]})

    async def _run(self, sent: Any) -> None:
        await self.graph.ainvoke(sent, _CONFIG, context=_CONTEXT)

    async def _sweep(self) -> None:
        """As a process does at its start. Until the records know whose turn it is, only its person can go on with it."""
        before = await self.services.records.turns.last_of(THREAD)
        async with EmbeddedThreads(self.graph) as threads:
            sweep = Sweep(self.services, threads)
            await sweep.once()
            await sweep.close()
        if before is None:
            await self._run(None)

    async def _told(self, values: dict[str, Any], http: httpx.AsyncClient) -> dict[str, Any]:
        return {
            "words": values["messages"][-1].text,
            "reply": values.get("reply"),
            "steps": values["steps"],
        }


async def carry_out(order: Order, commits: Commits) -> dict[str, Any]:
    folder, clock = Path(order.folder), MovableClock()
    clock.time += order.ahead
    settings = AgentSettings(
        nango=NangoSettings(api_key=SecretStr(order.api_key), base_url=order.base_url),
        model=ModelSettings(name="scripted"),
        data_dir=folder,
        database_url=order.database_url,
    )
    database = await Counted.open(order.database_url or folder / "records.db")
    database.commits = commits
    records = Records(database, durable=True, writes_allowed=True)
    told: dict[str, Any] = {}
    async with (
        open_saver(settings) as saver,
        open_services(settings, records=records, model=ScenarioModel(), clock=clock) as services,
    ):
        if not order.prepare:
            count_checkpoints(saver, commits)
            count_answers(services, commits)
            commits.counting, database.kill_after_calls = True, order.kill_after_calls
            told = await Process(order, services, build_graph(services).compile(checkpointer=saver), clock).drive()
            commits.counting = False
    await records.close()
    return told


def count_answers(services: Services, commits: Commits) -> None:
    """That an answer has come is not durable: killed right then, it has been delivered and is not recorded."""
    runner = services.nango.runner
    trigger = runner.trigger

    async def triggered(**call: Any) -> Any:
        try:
            return await trigger(**call)
        finally:
            commits.add(f"the answer of {call['integration_id']}/{call['action']}")

    runner.trigger = triggered  # type: ignore[method-assign]


def processes() -> AbstractAsyncContextManager[Processes]:
    """The program below, as a test drives it."""
    return processes_of(Path(__file__))


if __name__ == "__main__":
    obey(Order, carry_out)
