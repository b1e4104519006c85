"""What became of a thread whose processes were killed: what was lost, done twice, or not told."""

import contextlib
import json
import re
import sqlite3
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import make_url

from forked_orders import Ended
from kill_points import Whole, is_read
from killed_plans import ASKED, ENDED, Order
from nango_sandbox import LedgerEntry


@dataclass
class Outcome:
    point: str
    killed: int
    """How often. Less than wanted, if the thread was at its end before."""
    after: list[str]
    """What had become durable last, at each kill."""
    lost: str = ""
    twice: list[str] = field(default_factory=list)
    untold: list[str] = field(default_factory=list)
    again: list[str] = field(default_factory=list)
    """Calls whose outcome was in the records when a process was killed, and that were made once more."""
    asked_again: list[str] = field(default_factory=list)
    """Writes that a person was asked to approve although they had happened."""
    unknown: int = 0
    """Outcomes that were asked about."""
    seconds: float = 0.0

    @property
    def good(self) -> bool:
        return not (self.lost or self.twice or self.untold or self.again or self.asked_again)


def judge(
    outcome: Outcome,
    order: Order,
    whole: Whole,
    last: Ended,
    ledger: Sequence[LedgerEntry],
    done_before: Sequence[tuple[set[str], Counter[str]]],
) -> None:
    """`done_before`: at each kill, the calls that had ended in the records, and what had run."""
    written, asked, wanted = counted(ledger), _asked(Path(order.folder)), Counter(whole.written)
    unknown = [one for one in asked if one["about"] == "unknown"]
    outcome.unknown = len(unknown)
    outcome.lost = problem_of(last)
    if not outcome.lost and (left := wanted - written):
        outcome.lost = f"not done: {dict(left)}"
    if not outcome.lost and order.goes_on != "message" and not outcome.unknown:
        wrong = {step: status for step, status in whole.steps.items() if last.told["steps"].get(step) != status}
        outcome.lost = f"ended otherwise: {wrong}, {last.told['steps']}" if wrong else ""
    outcome.twice = sorted((written - wanted).elements())
    told = Counter(in_the_records(order, only="succeeded"))
    told.update({_name(one["tool"], one["arguments"]): 1 for one in unknown})
    outcome.untold = sorted((written - told).elements())
    everything = Counter(map(named, ledger))
    for recorded, at_the_time in done_before:
        since = everything - at_the_time
        outcome.again += [
            name
            for name in since.keys() & recorded
            if at_the_time[name] >= whole.written.get(name, 1) and not _may_be_evidence(name, unknown)
        ]
    outcome.asked_again = [_name(one["tool"], item) for one in asked for item in one.get("again", [])]


def in_the_records(order: Order, only: str = "") -> list[str]:
    """The calls that have ended there."""
    query = "SELECT tool, arguments, state FROM nango_agent_calls"
    rows: list[Any]
    if order.database_url:
        import psycopg

        url = make_url(order.database_url).set(drivername="postgresql")
        with psycopg.connect(url.render_as_string(hide_password=False)) as connection:
            rows = connection.execute(query).fetchall()
    else:
        with contextlib.closing(sqlite3.connect(Path(order.folder) / "records.db")) as database:
            rows = database.execute(query).fetchall()
    wanted = {only} if only else ENDED
    return [
        _name(tool, json.loads(arguments) if isinstance(arguments, str) else arguments)
        for tool, arguments, state in rows
        if state in wanted
    ]


def problem_of(ended: Ended) -> str:
    if ended.signal:
        return f"ended by signal {ended.signal}"
    if "failed" in ended.told:
        return str(ended.told["failed"])[-1500:]
    reply = ended.told["reply"]
    if reply and reply["kind"] == "problem":
        return f"it answered: {reply['text']}"
    return "" if ended.told["words"] else "it answered nothing"


def _may_be_evidence(call: str, unknown: Sequence[dict[str, Any]]) -> bool:
    """Of what may have become of a write, reads may tell: they are asked with what the write was sent."""
    tool, _, arguments = call.partition(" ")
    return is_read(tool) and any(
        json.loads(arguments).items() <= json.loads(_name("", one["arguments"])).items() for one in unknown
    )


def _asked(folder: Path) -> list[dict[str, Any]]:
    notes = folder / ASKED
    return [json.loads(line) for line in notes.read_text().splitlines()] if notes.exists() else []


def wrote(entry: LedgerEntry) -> bool:
    return entry.access != "read" and entry.status == "succeeded"


def counted(ledger: Sequence[LedgerEntry]) -> Counter[str]:
    return Counter(named(entry) for entry in ledger if wrote(entry))


def named(entry: LedgerEntry) -> str:
    return _name(f"{entry.integration}/{entry.action}", entry.input)


def _name(tool: str, arguments: Any) -> str:
    return f"{tool} {re.sub(r'(word ){9,}', 'word … ', json.dumps(arguments, sort_keys=True))}"
