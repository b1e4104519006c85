"""A process that answers a thread's question, stops itself right before it claims a write, and goes on when it is told to (SIGCONT).

Run as a program it takes one order, a JSON object, and tells how its run ended.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from langgraph.types import Command
from pydantic import SecretStr

from agents import ScriptedModel
from nango_graph import AgentSettings, Context, ModelSettings, Records, build_graph, open_services
from nango_graph.server.checkpoints import open_saver
from nango_tools import NangoSettings

THREAD, USER = "t", "ada"


@dataclass(frozen=True)
class Order:
    """before: the step whose claim it stops at; decisions: the answer"""

    folder: str
    base_url: str
    api_key: str
    before: str
    decisions: list[dict[str, Any]]
    database_url: str | None = None

    @property
    def settings(self) -> AgentSettings:
        return AgentSettings(
            nango=NangoSettings(api_key=SecretStr(self.api_key), base_url=self.base_url),
            model=ModelSettings(name="scripted"),
            data_dir=Path(self.folder),
            database_url=self.database_url,
        )

    async def records(self) -> Records:
        return await Records.open(self.database_url or Path(self.folder) / "records.db")


class Stopped:
    """The process, stopped by now."""

    def __init__(self, program: subprocess.Popen[bytes]) -> None:
        self._program = program

    def goes_on(self) -> dict[str, Any]:
        """What it told when it had ended."""
        self._program.send_signal(signal.SIGCONT)
        told, _ = self._program.communicate(timeout=60)
        return dict(json.loads(told))


@contextmanager
def stopped(order: Order) -> Iterator[Stopped]:
    """Blocks until it has stopped."""
    program = subprocess.Popen(
        [sys.executable, str(Path(__file__))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path), "LANGSMITH_TRACING": "false"},
    )
    with program:
        try:
            assert program.stdin is not None
            program.stdin.write(json.dumps(asdict(order)).encode() + b"\n")
            program.stdin.flush()
            _, status = os.waitpid(program.pid, os.WUNTRACED)
            assert os.WIFSTOPPED(status), f"it ended before: {status}"
            yield Stopped(program)
        finally:
            program.kill()


async def carry_out(order: Order) -> dict[str, Any]:
    records = await order.records()
    claim = records.claims.claim
    told: dict[str, Any] = {"claimed": []}

    async def claiming(call: Any, **given: Any) -> Any:
        if call.key.step == order.before:
            os.kill(os.getpid(), signal.SIGSTOP)
        found = await claim(call, **given)
        told["claimed"].append(call.key.step)
        return found

    records.claims.claim = claiming  # type: ignore[method-assign]
    config: Any = {"configurable": {"thread_id": THREAD}}
    async with (
        open_saver(order.settings) as saver,
        open_services(order.settings, records=records, model=ScriptedModel()) as services,
    ):
        graph = build_graph(services).compile(checkpointer=saver)
        try:
            await graph.ainvoke(Command(resume={"decisions": order.decisions}), config, context=Context(user_id=USER))
        except Exception as error:  # noqa: BLE001 - told to the test
            told["raised"] = f"{type(error).__name__}: {error}"
    await records.close()
    return told


if __name__ == "__main__":
    print(json.dumps(asyncio.run(carry_out(Order(**json.loads(sys.stdin.readline()))))))  # noqa: T201
