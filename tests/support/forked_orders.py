"""Programs that take orders, one JSON object a line, and do each in a process of its own: a fork, which has everything imported
already. They answer each with how that process ended and what it told.

An order is a dataclass with a `folder`, where the process keeps what outlives it, and `kill_after`: it is killed when so many
things have become durable; None: never.
"""

import asyncio
import contextlib
import json
import os
import signal
import sys
import traceback
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

PID, TOLD, COMMITS = "pid", "told.json", "commits.txt"
PATIENCE = 60
"""Seconds that a process has."""


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


CarryOut = Callable[[Any, Commits], Coroutine[Any, Any, Any]]


def obey(kind: type[Any], carry_out: CarryOut) -> None:
    """The program."""
    for line in sys.stdin:
        print(json.dumps(asdict(_in_a_fork(kind(**json.loads(line)), carry_out))), flush=True)  # noqa: T201


def _in_a_fork(order: Any, carry_out: CarryOut) -> Ended:
    folder = Path(order.folder)
    commits, told = folder / COMMITS, folder / TOLD
    commits.write_text("")
    told.write_text("null")
    child = os.fork()
    if child == 0:
        signal.alarm(PATIENCE)
        (folder / PID).write_text(str(os.getpid()))
        try:
            told.write_text(json.dumps(asyncio.run(carry_out(order, Commits(commits, order.kill_after)))))
            os._exit(0)
        except BaseException:  # noqa: BLE001 - told to whoever ordered it
            told.write_text(json.dumps({"failed": traceback.format_exc()}))
            os._exit(1)
    _, status = os.waitpid(child, 0)
    return Ended(
        signal=os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0,
        commits=commits.read_text().splitlines(),
        told=json.loads(told.read_text()) or {},
    )


class Processes:
    """A program, as a test drives it: one process after the other."""

    def __init__(self, program: asyncio.subprocess.Process) -> None:
        self._program = program

    async def __call__(self, order: Any) -> Ended:
        assert self._program.stdin is not None
        assert self._program.stdout is not None
        self._program.stdin.write(json.dumps(asdict(order)).encode() + b"\n")
        return Ended(**json.loads(await self._program.stdout.readline()))


@asynccontextmanager
async def processes_of(program: Path) -> AsyncIterator[Processes]:
    running = await asyncio.create_subprocess_exec(
        sys.executable,
        str(program),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=2**22,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path), "LANGSMITH_TRACING": "false"},
    )
    try:
        yield Processes(running)
    finally:
        assert running.stdin is not None
        running.stdin.close()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(running.wait(), PATIENCE)
