"""The terminal commands as processes of their own, driven through pipes."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from warm_commands import Command

PATIENCE = 30.0


class Process:
    """A command: `expect` reads until a text appears, `send` types a line."""

    def __init__(self, command: Command) -> None:
        self._command = command
        self._read = 0
        self.output = ""

    @classmethod
    async def start(cls, *arguments: str, folder: Path, environ: Mapping[str, str]) -> "Process":
        inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        environ = {**inherited, "NANGO_AGENT_DATA_DIR": str(folder / "data"), **environ}
        return cls(await Command.start(*arguments, folder=folder, environ=environ))

    async def expect(self, text: str) -> str:
        """What came up to and with `text`, since the last time."""

        async def reading() -> str:
            while (found := self.output.find(text, self._read)) < 0:
                chunk = await self._command.stdout.read(4096)
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
        self._command.stdin.write(f"{line}\n".encode())
        await self._command.stdin.drain()

    async def finish(self, *, end_of_input: bool = True) -> int:
        """The exit status, once it has ended by itself; the rest of what it said is in `output`."""
        if end_of_input:
            self._command.stdin.close()
        self.output += (await asyncio.wait_for(self._command.stdout.read(), PATIENCE)).decode()
        return await self._command.wait()

    async def kill(self) -> None:
        self.output += (await self._command.kill()).decode()


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
