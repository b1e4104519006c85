"""Processes that are killed right after a chosen thing they did has become durable: a commit of the records, of a checkpoint, of
a node's writes.

Run as a program it takes orders (`forked_orders.py`).
"""

import re
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.types import Command
from sqlalchemy import Connection, event

from agents import MovableClock
from forked_orders import PATIENCE, Commits, Ended, Processes, obey, processes_of
from nango_graph import AgentSettings, Context, ModelSettings, Records, Services, build_graph, open_services
from nango_graph.durable import DurableGraph
from nango_graph.records.database import Database
from nango_graph.records.engines import T, Work
from nango_graph.server.checkpoints import open_saver
from nango_graph.waiting.embedded import EmbeddedThreads
from nango_graph.waiting.sweep import Sweep
from nango_graph.web.app import create_web_app
from nango_tools import NangoSettings
from noting_model import NotingModel, request_to_create
from opened_links import open_link

THREAD, USER = "t", "ada"
_CONFIG: Any = {"configurable": {"thread_id": THREAD}}
_PASSES = 2


@dataclass(frozen=True)
class Order:
    """What one process is to do.

    do: "ask" sends the message; "deliver" takes the `delivery` in; "sweep" makes a pass; "finish" does what is left, as the processes
        and the person after a crash would
    ahead: of the machine's clock, in seconds
    kill_after: the process is killed when so many things have become durable; None: never
    """

    do: str
    folder: str
    nango: dict[str, str]
    case: str
    database_url: str | None = None
    ahead: float = 0.0
    kill_after: int | None = None
    delivery: dict[str, Any] = field(default_factory=dict)


class CountedDatabase(Database):
    commits: Commits | None = None

    async def transaction(self, work: Work[T]) -> T:
        written: list[str] = []

        def noted(connection: Connection) -> T:
            event.listen(connection, "after_cursor_execute", _noting(written))
            return work(connection)

        done = await super().transaction(noted)
        if written and self.commits is not None:
            self.commits.add(" and ".join(written))
        return done


def _noting(written: list[str]) -> Callable[..., None]:
    def note(_connection: Any, cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        found = re.match(r"(INSERT INTO|UPDATE|DELETE FROM) nango_agent_(\w+)", statement)
        if found is None:
            return
        values = list(parameters.values() if isinstance(parameters, dict) else parameters)
        # What is set stands before what is compared with.
        state = next((str(value) for value in values if str(value) in {"open", "satisfied", "consumed", "expired"}), "")
        written.append(" ".join(filter(None, [found[1].split()[0].lower(), found[2], state])))

    return note


def count_checkpoints(saver: BaseCheckpointSaver[Any], commits: Commits) -> None:
    put, put_writes = saver.aput, saver.aput_writes

    async def aput(config: Any, checkpoint: Any, *rest: Any) -> Any:
        kept = await put(config, checkpoint, *rest)
        following = [name.removeprefix("branch:to:") for name in checkpoint["channel_values"] if "branch:to:" in name]
        commits.add(f"checkpoint before {', '.join(following) or 'the first node or the end'}")
        return kept

    async def aput_writes(config: Any, writes: Any, *rest: Any) -> None:
        await put_writes(config, writes, *rest)
        asks = any(channel == "__interrupt__" for channel, _ in writes)
        commits.add("the question" if asks else "a node's writes")

    saver.aput, saver.aput_writes = aput, aput_writes  # type: ignore[method-assign]


@dataclass
class Process:
    order: Order
    services: Services
    graph: DurableGraph
    clock: MovableClock

    async def ask(self) -> None:
        said = {"messages": [("user", request_to_create(self.order.case))]}
        await self.graph.ainvoke(said, _CONFIG, context=Context(user_id=USER))

    async def deliver(self) -> dict[str, Any]:
        async with EmbeddedThreads(self.graph) as threads:
            transport = httpx.ASGITransport(create_web_app(self.services, threads))
            async with httpx.AsyncClient(transport=transport, base_url="http://agent") as http:
                delivery = self.order.delivery
                answer = await http.post("/webhooks/nango", content=delivery["body"], headers=delivery["headers"])
        return {"status": answer.status_code}

    async def sweep(self) -> None:
        """A pass, and the runs that it began."""
        async with EmbeddedThreads(self.graph) as threads:
            sweep = Sweep(self.services, threads)
            await sweep.once()
            await sweep.close()

    async def finish(self) -> dict[str, Any]:
        """Whatever the killed process left: sweeps, as they are made at start-up and from then on; then the person's part."""
        told: dict[str, Any] = {"said_again": False, "authorized": False}
        await self._sweeps()
        if await self._asked() is None:
            told["said_again"] = True
            await self.ask()
        question = await self._asked()
        if question is not None and question["action_requests"][0]["name"] == "connect_account":
            told["authorized"] = True
            await open_link(question["action_requests"][0]["args"]["connect_link"], {})
            await self._sweeps()
        question = await self._asked()
        told["asked"] = [request["name"] for request in question["action_requests"]] if question else []
        told["live"] = [wait.state for wait in await self.services.records.waits.live_in(THREAD)]
        answer: Command[Any] = Command(resume={"decisions": [{"type": "approve"}]})
        state = await self.graph.ainvoke(answer, _CONFIG, context=Context(user_id=USER))
        told["words"] = state["messages"][-1].text
        return told

    async def _sweeps(self) -> None:
        for _ in range(_PASSES):
            self.clock.time += 5
            await self.sweep()

    async def _asked(self) -> dict[str, Any] | None:
        state = await self.graph.aget_state(_CONFIG)
        return state.interrupts[0].value if state.interrupts else None


async def carry_out(order: Order, commits: Commits) -> Any:
    folder, clock = Path(order.folder), MovableClock()
    clock.time += order.ahead
    settings = AgentSettings(
        nango=NangoSettings(**order.nango),
        model=ModelSettings(name="noting"),
        data_dir=folder,
        database_url=order.database_url,
    )
    database = await CountedDatabase.open(order.database_url or folder / "records.db")
    database.commits = commits
    records = Records(database, durable=True, writes_allowed=True)
    model = NotingModel(notes=folder / "planned.txt")
    async with (
        open_saver(settings) as saver,
        open_services(settings, records=records, model=model, clock=clock) as services,
    ):
        count_checkpoints(saver, commits)
        commits.counting = True
        told = await getattr(
            Process(order, services, build_graph(services).compile(checkpointer=saver), clock), order.do
        )()
        commits.counting = False
    await records.close()
    return told


class Forks:
    """The program below, as a test drives it."""

    def __init__(self, run: Processes) -> None:
        self._run = run

    async def __call__(self, order: Order) -> Ended:
        ended = await self._run(order)
        assert ended.signal != signal.SIGALRM, f"It took longer than {PATIENCE} seconds."
        assert "failed" not in ended.told, ended.told["failed"]
        return ended


@asynccontextmanager
async def forks() -> AsyncIterator[Forks]:
    async with processes_of(Path(__file__)) as run:
        yield Forks(run)


if __name__ == "__main__":
    obey(Order, carry_out)
