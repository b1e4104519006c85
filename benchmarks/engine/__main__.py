# ruff: noqa: INP001, T201 - a script
"""Prints what the engine costs beside an agent of LangChain and a plain loop: `python benchmarks/engine [--runs N]`.

All of them do the same requests in turns, with a model that always takes the same time and a sandbox, in a process of its own,
whose actions do. The critical path of a request is what nobody can do without: one call of the model to decide, the longest
chain of calls that need each other (the delays of the actions alone, without HTTP), and one call of the model to answer.
Tools are listed before anything is measured; a person's time does not count. Medians, and means for c and d.
"""

import argparse
import asyncio
import cProfile
import io
import json
import os
import pstats
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import httpx
from cases import CASES, Case
from contenders import Contender, Lab, contenders
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from tables import table

MODEL_CALLS = 2
"""That every request needs: to decide, and to answer."""
AT_ONCE = 100


@dataclass(frozen=True)
class Run:
    """wall, cpu: seconds, the latter of this process; requests: for tool calls; others: beside those"""

    wall: float
    cpu: float
    requests: int
    others: int
    model_calls: int
    tokens: float
    checkpoints: int
    kept: int


async def measured(contender: Contender, case: Case, server: httpx.AsyncClient) -> Run:
    thread = uuid.uuid4().hex
    before = await _seen(server)
    contender.model.begin(case)
    cpu = time.process_time()
    wall = await contender.run(case, thread)
    cpu = time.process_time() - cpu
    paths = (await _seen(server))[len(before) :]
    requests = sum(path == contender.path for path in paths)
    checkpoints, kept = await _kept(contender.saver, thread)
    model = contender.model
    return Run(wall, cpu, requests, len(paths) - requests, model.calls, model.characters / 4, checkpoints, kept)


async def _seen(server: httpx.AsyncClient) -> list[str]:
    """Paths of all requests; "" of those that the sandbox has forgotten."""
    seen = (await server.get("/sandbox/api/requests")).raise_for_status().json()
    return [""] * seen["forgotten"] + [each["path"] for each in seen["requests"]]


async def _kept(saver: AsyncSqliteSaver | None, thread: str) -> tuple[int, int]:
    """Checkpoints of the thread, and the bytes of its rows."""
    if saver is None:
        return 0, 0
    counted = (
        "SELECT count(*), coalesce(sum(length(checkpoint) + length(metadata)), 0) FROM checkpoints WHERE thread_id = ?"
    )
    number, of_checkpoints = await _row(saver, counted, thread)
    _, of_writes = await _row(
        saver, "SELECT 0, coalesce(sum(length(value)), 0) FROM writes WHERE thread_id = ?", thread
    )
    return number, of_checkpoints + of_writes


async def _row(saver: AsyncSqliteSaver, query: str, thread: str) -> tuple[int, int]:
    async with saver.conn.execute(query, (thread,)) as rows:
        row = await rows.fetchone()
    assert row is not None  # noqa: S101 - it counts
    return row[0], row[1]


async def a_checkpoint(contender: Contender, folder: Path, runs: int) -> float:
    """Median seconds that a checkpoint of this contender takes to be on disk, in a database of its own."""
    assert contender.saver is not None  # noqa: S101 - it has one
    latest = await anext(contender.saver.alist(None, limit=1))
    async with AsyncSqliteSaver.from_conn_string(str(folder / "checkpoint.db")) as saver:
        took = []
        for _ in range(max(runs, 10)):
            config = {"configurable": {"thread_id": uuid.uuid4().hex, "checkpoint_ns": ""}}
            began = time.perf_counter()
            await saver.aput(config, latest.checkpoint, latest.metadata, {})  # type: ignore[arg-type]
            took.append(time.perf_counter() - began)
    return statistics.median(took)


def critical_path(case: Case, latency: float) -> float:
    return MODEL_CALLS * latency + case.longest_chain


def line(case: Case, name: str, runs: Sequence[Run], latency: float) -> tuple[object, ...]:
    least = critical_path(case, latency)
    wall = statistics.median(run.wall for run in runs)
    mean = statistics.fmean(run.wall for run in runs)
    middle = sorted(runs, key=lambda run: run.wall)[len(runs) // 2]
    return (
        case.name,
        name,
        f"{wall * 1000:.0f}",
        f"{wall / least:.2f}",
        f"{mean / least:.2f}",
        f"{middle.requests / case.tool_calls:.1f} + {middle.others}",
        middle.model_calls,
        f"{middle.tokens:.0f}",
        f"{middle.kept / 1000:.1f} ({middle.checkpoints})",
        f"{(wall - least) * 1000 / case.tool_calls:.1f}",
        f"{statistics.median(run.cpu for run in runs) * 1000:.0f}",
    )


def aims(found: dict[tuple[str, str], list[Run]], latency: float, checkpoint: float) -> Iterator[tuple[str, str, str]]:
    def wall(case: str, name: str) -> float:
        return statistics.median(run.wall for run in found[case, name])

    ours, plain = wall("a", "this graph"), wall("a", "plain loop") + 2 * checkpoint
    yield (
        "a: no slower than the plain loop and two checkpoints",
        f"{ours * 1000:.0f} ms, for {plain * 1000:.0f} ms (a checkpoint takes {checkpoint * 1000:.1f} ms)",
        _met(ours <= plain),
    )
    for case in CASES:
        if case.name in "cd":
            ratio = statistics.fmean(run.wall for run in found[case.name, "this graph"]) / critical_path(case, latency)
            yield f"{case.name}: within 1.1 of the critical path, mean", f"{ratio:.2f}", _met(ratio <= 1.1)
    for name, most in (("this graph", 1), ("create_agent + MCP", 4)):
        calls = sum(case.tool_calls * len(found[case.name, name]) for case in CASES)
        each = sum(run.requests for case in CASES for run in found[case.name, name]) / calls
        yield f"requests of a tool call, {name}", f"{each:.3f}", _met(each <= most) if most == 1 else "(for comparison)"


def _met(holds: bool) -> str:
    return "met" if holds else "NOT MET"


@contextmanager
def lab() -> Iterator[Lab]:
    command = [sys.executable, str(Path(__file__).parent / "lab.py")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own
        try:
            told = process.stdout.readline() if process.stdout else ""
            if not told:
                raise SystemExit("The sandbox did not start.")
            yield Lab(**json.loads(told))
        finally:
            process.terminate()


async def compared(runs: int, latency: float, only: str, *, profiled: bool) -> None:
    found: dict[tuple[str, str], list[Run]] = {}
    cases = [case for case in CASES if case.name in only]
    with tempfile.TemporaryDirectory() as name, lab() as server:
        folder = Path(name)
        headers = {"Authorization": f"Bearer {server.key}"}
        async with (
            httpx.AsyncClient(base_url=server.url, headers=headers, trust_env=False) as http,
            contenders(server, folder, latency, AT_ONCE) as all_of_them,
        ):
            for number in range(runs + 1):
                for case in cases:
                    for contender in all_of_them:
                        if contender.only and case.name not in contender.only:
                            continue
                        run = await measured(contender, case, http)
                        # The first of each warms up: what is listed once and kept is no part of a request.
                        if number:
                            found.setdefault((case.name, contender.name), []).append(run)
            checkpoint = await a_checkpoint(all_of_them[0], folder, runs)
            if profiled:
                await profile(all_of_them[0], cases, max(1, runs // 4))
    print(f"{runs} runs of each, in turns; a model call takes {latency * 1000:.0f} ms; {os.cpu_count()} processors\n")
    table(
        ("case", "what", "critical path, ms"),
        *((case.name, case.what, f"{critical_path(case, latency) * 1000:.0f}") for case in cases),
    )
    heads = [
        *(
            "case",
            "who",
            "wall ms",
            "of critical path",
            "mean",
            "requests a call + others",
            "model calls",
            "prompt tokens",
        ),
        *("checkpoint kB (number)", "overhead ms a call", "CPU ms"),
    ]
    table(
        heads,
        *(line(case, who, runs, latency) for case in cases for (of, who), runs in found.items() if of == case.name),
    )
    if len(cases) == len(CASES):
        table(("aim", "measured", ""), *aims(found, latency, checkpoint))


async def profile(contender: Contender, cases: Sequence[Case], runs: int) -> None:
    """Where this process spends its time, which the profiler lengthens."""
    for case in cases:
        profiler = cProfile.Profile()
        contender.model.begin(case)
        with profiler:
            for _ in range(runs):
                await contender.run(case, uuid.uuid4().hex)
        told = io.StringIO()
        stats = pstats.Stats(profiler, stream=told)
        stats.sort_stats("tottime").print_stats(25)
        stats.sort_stats("cumulative").print_stats("nango|langgraph", 45)
        print(f"Case {case.name}, {runs} runs\n{told.getvalue()}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument(
        "--runs", type=int, default=20, metavar="N", help="of each case by each contender (default: 20)"
    )
    parser.add_argument(
        "--model-ms",
        type=float,
        nargs="+",
        default=[50, 500],
        metavar="MS",
        help="that a model call takes; all is done once for each (default: 50, which no real one does, and 500)",
    )
    parser.add_argument("--cases", default="abcde", metavar="LETTERS", help="only these")
    parser.add_argument("--profile", action="store_true", help="and where this graph spends its time")
    asked = parser.parse_args()
    for latency in asked.model_ms:
        asyncio.run(compared(asked.runs, latency / 1000, asked.cases, profiled=asked.profile))


if __name__ == "__main__":
    main()
