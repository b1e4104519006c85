"""Processes that are killed right after a chosen thing they did has become durable: a commit of the records, of a checkpoint, of
a node's writes.

Run as a program it takes orders, one JSON object a line, and does each in a process of its own: a fork, which has everything
imported already. It answers each with how that process ended and what it told.
"""

import asyncio
import contextlib
import json
import os
import re
import signal
import sys
import traceback
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import httpx
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.types import Command
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncConnection

from agents import MovableClock
from nango_graph import AgentSettings, Context, ModelSettings, Records, Services, build_graph, open_services
from nango_graph.durable import DurableGraph
from nango_graph.records.database import Database
from nango_graph.server.checkpoints import open_saver
from nango_graph.waiting.embedded import EmbeddedThreads
from nango_graph.waiting.sweep import Sweep
from nango_graph.web.app import create_web_app
from nango_tools import NangoSettings
from noting_model import NotingModel, request_to_create
from wait_scenarios import open_link

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


@dataclass(frozen=True)
class Ended:
    signal: int
    commits: list[str]
    """What became durable, in order."""
    told: dict[str, Any]


class Commits:
    """Keeps what became durable in a file, which outlives the process, and ends it when it is time."""

    def __init__(self, kept: Path, kill_after: int | None) -> None:
        self._kept = kept
        self._kill_after = kill_after
        self._count = 0
        self.counting = False

    def add(self, name: str) -> None:
        if not self.counting:
            return
        with self._kept.open("a") as kept:
            kept.write(f"{name}\n")
        self._count += 1
        if self._count == self._kill_after:
            os.kill(os.getpid(), signal.SIGKILL)


class CountedDatabase(Database):
    commits: Commits | None = None

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        written: list[str] = []
        async with super().transaction() as connection:
            at_work = connection.sync_connection
            assert at_work is not None
            event.listen(at_work, "after_cursor_execute", _noting(written))
            yield connection
        if written and self.commits is not None:
            self.commits.add(" and ".join(written))


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
    assert isinstance(database, CountedDatabase)
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


def _in_a_fork(order: Order) -> Ended:
    folder = Path(order.folder)
    commits, told = folder / "commits.txt", folder / "told.json"
    commits.write_text("")
    told.write_text("null")
    child = os.fork()
    if child == 0:
        try:
            told.write_text(json.dumps(asyncio.run(carry_out(order, Commits(commits, order.kill_after)))))
            os._exit(0)
        except BaseException:  # noqa: BLE001 - told to the test
            told.write_text(json.dumps({"failed": traceback.format_exc()}))
            os._exit(1)
    _, status = os.waitpid(child, 0)
    return Ended(
        signal=os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0,
        commits=commits.read_text().splitlines(),
        told=json.loads(told.read_text()) or {},
    )


class Forks:
    """The program below, as a test drives it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def __call__(self, order: Order) -> Ended:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(asdict(order)).encode() + b"\n")
        line = await asyncio.wait_for(self._process.stdout.readline(), 60)
        ended = Ended(**json.loads(line))
        assert "failed" not in ended.told, ended.told["failed"]
        return ended


@asynccontextmanager
async def forks() -> AsyncIterator[Forks]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(Path(__file__)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=2**20,
        env={"PATH": os.environ["PATH"], "LANGSMITH_TRACING": "false"},
    )
    try:
        yield Forks(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), 10)


def main() -> None:
    for line in sys.stdin:
        print(json.dumps(asdict(_in_a_fork(Order(**json.loads(line))))), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
