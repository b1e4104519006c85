"""Agents whose threads wait, on both kinds of database, and ways to look at them."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from warm_commands import Command

OCTO = {"owner": "octo", "repo": "widgets"}
LIST = {"kind": "plan", "steps": [{"id": "s1", "tool": "github/list-issues", "arguments": OCTO}]}


@pytest.fixture
async def saver(records_url: str | Path, tmp_path: Path) -> AsyncIterator[BaseCheckpointSaver[Any]]:
    """Checkpoints in the same kind of database as the records."""
    async with AsyncExitStack() as stack:
        if isinstance(records_url, Path):
            yield await stack.enter_async_context(AsyncSqliteSaver.from_conn_string(str(tmp_path / "threads.db")))
        else:
            address = records_url.replace("postgresql+psycopg://", "postgresql://")  # noqa: ASYNC240 - the path of a test
            opened = await stack.enter_async_context(AsyncPostgresSaver.from_conn_string(address))
            await opened.setup()
            yield opened


@pytest.fixture
async def waiting(start: Any, records_url: str | Path, saver: Any) -> AsyncIterator[Any]:
    """Ada's thread "t", which waits for her GitHub account; the plan that will follow is known."""
    async with start(records=records_url, saver=saver) as agent:
        agent.model.integrations, agent.model.script = ["github"], [LIST]
        await agent.say("list the issues")
        yield agent


class Worker:
    """A process that embeds the graph; `worker.py` says what it can be told."""

    def __init__(self, process: Command) -> None:
        self._process = process

    async def tell(self, line: str) -> str:
        """What it says then; "" once it is dead."""
        self._process.stdin.write(f"{line}\n".encode())
        return await self.says()

    async def says(self) -> str:
        return (await asyncio.wait_for(self._process.stdout.readline(), 60)).decode().strip()

    async def kill(self) -> int:
        await self._process.kill()
        return await self._process.wait()

    async def ended(self) -> int:
        return await self._process.wait()


@pytest.fixture
async def work(
    records_url: str | Path, sandbox: Any, tmp_path: Path
) -> AsyncIterator[Callable[..., Awaitable[Worker]]]:
    """Starts a worker process on the same databases. It has settings of its own, and the machine's clock."""
    async with AsyncExitStack() as stack:

        async def starting(*, plan: dict[str, Any] = LIST, base_url: str | None = None, **more: Any) -> Worker:
            told = {
                "plan": plan,
                "records": str(records_url),
                "saver": str(records_url).replace("postgresql+psycopg://", "postgresql://")
                if isinstance(records_url, str)
                else str(tmp_path / "threads.db"),
                "environ": {
                    "NANGO_API_KEY": sandbox.api_key.get_secret_value(),
                    "NANGO_BASE_URL": base_url or sandbox.base_url,
                    "NANGO_AGENT_MODEL": "rule-based",
                    "NANGO_AGENT_DATA_DIR": str(tmp_path),
                },
                **more,
            }
            process = await Command.start(
                json.dumps(told),
                program=Path(__file__).parent / "worker.py",
                folder=tmp_path,
                environ={"LANGSMITH_TRACING": "false"},
                apart=True,
            )
            worker = Worker(process)
            stack.push_async_callback(worker.kill)
            assert await worker.says() == "ready"
            return worker

        yield starting
