"""Turns: whose they are is fixed when they begin."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Connection, bindparam, exists, func, select, update

from nango_graph.errors import UsageError
from nango_graph.identity import Requester
from nango_graph.records.database import Database
from nango_graph.records.tables import turns

SOMEBODY_ELSES = "This thread belongs to somebody else. Start a new one."
_ANOTHERS_MESSAGE = "That message is somebody else's, who has sent it to this thread before. Send it as a new one."
_UNKNOWN = (
    "The records know nothing of this turn. Run the graph with the records (NANGO_AGENT_DATABASE_URL, "
    "NANGO_AGENT_DATA_DIR) it began with, or send the request again."
)
_OVERTAKEN = "A later message has begun another turn in this thread, so nothing more is done for this one. Send the request again."
TIGHTENING = ("deny", "ask")
"""The settings of a turn that may be added to while it goes on."""


@dataclass(frozen=True, slots=True)
class Spent:
    """What a turn has used up, over all its runs. `seconds` are of work: pauses for people don't count."""

    model_calls: int = 0
    tokens: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class TurnRow:
    """What a resume needs after days, when process, thread row and run are gone."""

    id: str
    requester: Requester
    thread_id: str
    assistant_id: str
    """On a LangGraph server, as `graph_id` is; empty where the graph is embedded."""
    graph_id: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Of the run's `Context`, without the identity; budgets as far as the deployment allows them."""
    spent: Spent = Spent()
    """As it was when this was read. `begin` takes no notice of it: a turn that is begun again keeps what it has spent."""


_LATEST_FIRST = (turns.c.started_at.desc(), turns.c.id.desc())
# Made once: to put a statement together takes longer than to carry it out, and each node begins with these.
_LAST = select(turns).where(turns.c.thread_id == bindparam("of_thread")).order_by(*_LATEST_FIRST).limit(1)
_SPENT = (turns.c.model_calls, turns.c.tokens, turns.c.seconds)
_SPEND = (
    update(turns)
    .where(turns.c.id == bindparam("of_turn"))
    .values({column: func.coalesce(column, 0) + bindparam(f"more_{column.name}") for column in _SPENT})
    .returning(*_SPENT)
)


class Turns:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self, row: TurnRow, *, message_id: str, now: float) -> None:
        """Fixes the requester of a turn, which is the thread's latest from now on, whatever the clocks of other processes say.
        Raises `UsageError` if the thread, or the turn that the message began before, belongs to somebody else.
        """
        of_thread = select(turns).where(turns.c.thread_id == row.thread_id).limit(1)

        def work(connection: Connection) -> None:
            owner = connection.execute(
                of_thread.with_only_columns(turns.c.requester, turns.c.organization).order_by(turns.c.started_at)
            ).first()
            if owner is not None and Requester(owner.requester, owner.organization).tenant != row.requester.tenant:
                raise UsageError(SOMEBODY_ELSES)
            last = connection.execute(
                of_thread.with_only_columns(turns.c.id, turns.c.started_at).order_by(*_LATEST_FIRST)
            ).first()
            started = now if last is None else max(now, math.nextafter(last.started_at, math.inf))
            begun = connection.execute(select(turns).where(turns.c.id == row.id)).one_or_none()
            if begun is not None:
                if Requester(begun.requester, begun.organization) != row.requester:
                    raise UsageError(_ANOTHERS_MESSAGE)
                if last is not None and last.id != row.id:
                    connection.execute(update(turns).where(turns.c.id == row.id).values(started_at=started))
                return
            connection.execute(
                self._database.insert_if_absent(turns).values(
                    id=row.id,
                    tenant=row.requester.tenant,
                    requester=row.requester.user_id,
                    organization=row.requester.organization_id,
                    thread_id=row.thread_id,
                    assistant_id=row.assistant_id,
                    graph_id=row.graph_id,
                    settings=dict(row.settings),
                    message_id=message_id,
                    started_at=started,
                )
            )

        await self._database.transaction(work)

    async def get(self, turn_id: str, thread_id: str) -> TurnRow:
        """Raises `UsageError` if the records don't know the turn: the state alone proves nothing."""
        row = await self.find(turn_id, thread_id)
        if row is None:
            raise UsageError(_UNKNOWN)
        return row

    async def current(self, turn_id: str, thread_id: str) -> TurnRow:
        """The turn, if it is the thread's latest: an older one may be somebody else's, under other rules. Raises `UsageError`."""
        last = await self.last_of(thread_id)
        if last is None or last.id != turn_id:
            await self.get(turn_id, thread_id)
            raise UsageError(_OVERTAKEN)
        return last

    async def tighten(self, row: TurnRow, settings: Mapping[str, Any]) -> TurnRow:
        """The turn with what `settings` add to its rules, which holds for it from now on. Nothing is ever taken away."""
        kept = dict(row.settings)
        for name in TIGHTENING:
            added = [pattern for pattern in settings.get(name) or () if pattern not in (kept.get(name) or ())]
            if added:
                kept[name] = [*(kept.get(name) or ()), *dict.fromkeys(added)]
        if kept == dict(row.settings):
            return row
        await self._database.execute(update(turns).where(turns.c.id == row.id).values(settings=kept))
        return replace(row, settings=kept)

    async def find(self, turn_id: str, thread_id: str) -> TurnRow | None:
        row = await self._database.row(select(turns).where(turns.c.id == turn_id, turns.c.thread_id == thread_id))
        return _turn(row) if row is not None else None

    async def last_of(self, thread_id: str) -> TurnRow | None:
        """The thread's latest turn; None where the records know no such thread."""
        row = await self._database.row(_LAST, {"of_thread": thread_id})
        return _turn(row) if row is not None else None

    async def unfinished(self, *, limit: int) -> list[TurnRow]:
        """Those of a LangGraph server that are their thread's latest and have not come to an end, the newest first."""
        later = turns.alias()
        query = (
            select(turns)
            .where(
                turns.c.finished_at.is_(None),
                turns.c.graph_id != "",
                ~exists().where(later.c.thread_id == turns.c.thread_id, later.c.started_at > turns.c.started_at),
            )
            .order_by(turns.c.started_at.desc())
            .limit(limit)
        )
        return [_turn(row) for row in await self._database.rows(query)]

    async def tenant_of(self, thread_id: str) -> str | None:
        """Whose the thread is; None for a new one."""
        row = await self._database.row(select(turns.c.tenant).where(turns.c.thread_id == thread_id).limit(1))
        return row.tenant if row is not None else None

    async def spend(self, turn_id: str, *, model_calls: int = 0, tokens: int = 0, seconds: float = 0.0) -> Spent:
        """Adds to what the turn has used up, and returns the whole. Raises `UsageError` if the records don't know the turn."""
        added = {"more_model_calls": model_calls, "more_tokens": tokens, "more_seconds": seconds}
        row = await self._database.execute(_SPEND, {"of_turn": turn_id, **added})
        if row is None:
            raise UsageError(_UNKNOWN)
        return Spent(row.model_calls, row.tokens, row.seconds)

    async def finish(self, turn_id: str, now: float) -> None:
        await self._database.execute(update(turns).where(turns.c.id == turn_id).values(finished_at=now))

    async def is_finished(self, turn_id: str) -> bool:
        found = await self._database.row(select(turns.c.finished_at).where(turns.c.id == turn_id))
        return found is not None and found.finished_at is not None


def _turn(row: Any) -> TurnRow:
    return TurnRow(
        id=row.id,
        requester=Requester(row.requester, row.organization),
        thread_id=row.thread_id,
        assistant_id=row.assistant_id,
        graph_id=row.graph_id or "",
        settings=row.settings or {},
        spent=Spent(row.model_calls or 0, row.tokens or 0, row.seconds or 0.0),
    )
