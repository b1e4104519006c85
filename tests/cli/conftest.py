"""The terminal commands as processes of their own, driven through pipes."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

COMMAND = [sys.executable, "-m", "nango_graph.cli"]
PATIENCE = 30.0


class Process:
    """A command: `expect` reads until a text appears, `send` types a line."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._read = 0
        self.output = ""

    @classmethod
    async def start(cls, *arguments: str, folder: Path, environ: Mapping[str, str]) -> "Process":
        inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        return cls(
            await asyncio.create_subprocess_exec(
                *COMMAND,
                *arguments,
                cwd=folder,
                env={**inherited, "NANGO_AGENT_DATA_DIR": str(folder / "data"), **environ},
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
        )

    async def expect(self, text: str) -> str:
        """What came up to and with `text`, since the last time."""

        async def reading() -> str:
            while (found := self.output.find(text, self._read)) < 0:
                assert self._process.stdout is not None
                chunk = await self._process.stdout.read(4096)
                assert chunk, f"It ended without {text!r}:\n{self.output}"
                self.output += chunk.decode()
            seen = self.output[self._read : found + len(text)]
            self._read = found + len(text)
            return seen

        try:
            return await asyncio.wait_for(reading(), PATIENCE)
        except TimeoutError:
            raise AssertionError(f"{text!r} did not come:\n{self.output}") from None

    async def send(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n".encode())
        await self._process.stdin.drain()

    async def finish(self, *, end_of_input: bool = True) -> int:
        """The exit status, once it has ended by itself; the rest of what it said is in `output`."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        if end_of_input:
            self._process.stdin.close()
        self.output += (await asyncio.wait_for(self._process.stdout.read(), PATIENCE)).decode()
        return await self._process.wait()

    async def kill(self) -> None:
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGKILL)
        await self._process.wait()
        # Reads what is left, so that the transport closes.
        assert self._process.stdout is not None
        self.output += (await self._process.stdout.read()).decode()


Start = Callable[..., Awaitable[Process]]


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Start]:
    """Starts a command in the test's folder: `await start("chat", environ={...})`. What still runs in the end is killed."""
    async with AsyncExitStack() as stack:

        async def starting(*arguments: str, environ: Mapping[str, str] | None = None) -> Process:
            process = await Process.start(*arguments, folder=tmp_path, environ=environ or {})
            stack.push_async_callback(process.kill)
            return process

        yield starting
