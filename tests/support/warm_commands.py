"""Commands of ours, and programs, as processes of their own. Each is forked from one that has imported everything, in milliseconds."""

import asyncio
import multiprocessing
import os
import runpy
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from multiprocessing.connection import Connection
from pathlib import Path

MODULE = "nango_graph.cli"
_FORKING = multiprocessing.get_context("forkserver")
_FORKING.set_forkserver_preload(
    [
        *(f"{MODULE}.{part}" for part in ("main", "autopilot", "chat", "demo", "receiver", "run", "session", "tools")),
        "aiosqlite",
        "langgraph.checkpoint.postgres.aio",
        "langchain_openai",
        "langgraph.checkpoint.sqlite.aio",
        "nango_graph.web.app",
        "nango_sandbox.rule_model",
        "nango_tools.policy",
        "nango_tools.search",
    ]
)
"""What the commands import once they know what they are to do."""


class Command:
    """`python -m nango_graph.cli`, or another `program`, its source or its file, with pipes.

    What it says on standard error comes among the rest, if it is not to stand `apart`.
    """

    def __init__(self, process: multiprocessing.process.BaseProcess) -> None:
        self._process = process
        self._ended: asyncio.Task[None] | None = None
        self.stdin: asyncio.StreamWriter
        self.stdout: asyncio.StreamReader
        self.stderr: asyncio.StreamReader | None = None

    @classmethod
    async def start(
        cls,
        *arguments: str,
        folder: Path,
        environ: Mapping[str, str],
        program: str | Path | None = None,
        apart: bool = False,
    ) -> "Command":
        """`environ` is all of its environment."""
        with ExitStack() as stack:
            ends = [_FORKING.Pipe(duplex=False) for _ in range(3 if apart else 2)]
            for end in (end for pipe in ends for end in pipe):
                stack.enter_context(end)
            (its_input, typed), (said, its_output), *_ = ends
            its_ends = (its_input, its_output, ends[-1][1])
            process = _FORKING.Process(
                target=_run, args=(program, arguments, str(folder), dict(environ), its_ends), daemon=True
            )
            # The first one waits for the imports.
            await asyncio.to_thread(process.start)
            command = cls(process)
            loop = asyncio.get_running_loop()
            transport, protocol = await loop.connect_write_pipe(
                asyncio.streams.FlowControlMixin, os.fdopen(os.dup(typed.fileno()), "wb", 0)
            )
            command.stdin = asyncio.StreamWriter(transport, protocol, None, loop)
            command.stdout = await _reading(said)
            if apart:
                command.stderr = await _reading(ends[-1][0])
        return command

    async def communicate(self, given: bytes) -> tuple[int, bytes, bytes]:
        """Its status, and what it said on standard output and on standard error."""
        assert self.stderr is not None
        self.stdin.write(given)
        self.stdin.close()
        output, complaint = await asyncio.gather(self.stdout.read(), self.stderr.read())
        return await self.wait(), output, complaint

    async def wait(self) -> int:
        if self._ended is None:
            self._ended = asyncio.create_task(asyncio.to_thread(self._process.join))
        await asyncio.shield(self._ended)
        assert self._process.exitcode is not None
        return self._process.exitcode

    async def kill(self) -> bytes:
        """What it has said until then, and nobody has read."""
        self._process.kill()
        self.stdin.close()
        await self.wait()
        if self.stderr is not None:
            await self.stderr.read()
        return await self.stdout.read()


async def _reading(pipe: Connection) -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(os.dup(pipe.fileno()), "rb", 0)
    )
    return reader


def _run(
    program: str | Path | None,
    arguments: Sequence[str],
    folder: str,
    environ: Mapping[str, str],
    pipes: Sequence[Connection],
) -> None:
    """In the fork: becomes the command."""
    os.environ.clear()
    os.environ.update(environ)
    os.chdir(folder)
    for number, pipe in enumerate(pipes):
        os.dup2(pipe.fileno(), number)
    for pipe in pipes:
        pipe.close()
    # As Python opens them where no locale is set.
    sys.stdin = os.fdopen(0, encoding="utf-8", errors="surrogateescape", closefd=False)
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", errors="surrogateescape", closefd=False)
    sys.stderr = os.fdopen(2, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if program is None:
        sys.argv = [MODULE, *arguments]
        runpy.run_module(MODULE, run_name="__main__", alter_sys=True)
    elif isinstance(program, Path):
        sys.argv = [str(program), *arguments]
        runpy.run_path(str(program), run_name="__main__")
    else:
        sys.argv = ["-c", *arguments]
        exec(program, {"__name__": "__main__"})
