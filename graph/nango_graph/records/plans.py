"""Plans: what was planned is in here before the node that planned it returns, so that a re-run finds it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, Row, Select, select, update

from nango_graph.records.database import Database
from nango_graph.records.tables import plans


@dataclass(frozen=True, slots=True)
class PlanRow:
    id: str
    turn_id: str
    thread_id: str
    ordinal: int
    state: Literal["open", "closed"]
    steps: list[dict[str, Any]]
    seen: frozenset[str] | None = None
    """Integrations whose results the planner saw: what it wrote by itself may come from them. None: not known, so any."""
    plan_again: bool = False
    """Is more to be planned once it has been carried out, with its results in view?"""


class Plans:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def save(
        self,
        *,
        plan_id: str,
        tenant: str,
        thread_id: str,
        turn_id: str,
        ordinal: int,
        steps: list[dict[str, Any]],
        seen: Iterable[str],
        plan_again: bool = False,
        now: float,
    ) -> PlanRow:
        """Keeps the first plan of this id, and returns the one that is kept."""
        new = self._database.insert_if_absent(plans).values(
            id=plan_id,
            tenant=tenant,
            thread_id=thread_id,
            turn_id=turn_id,
            ordinal=ordinal,
            state="open",
            steps=steps,
            seen=sorted(set(seen)),
            plan_again=plan_again,
            created_at=now,
        )

        def work(connection: Connection) -> Row[Any] | None:
            connection.execute(new)
            return connection.execute(_this(plan_id, thread_id)).one_or_none()

        kept = await self._database.transaction(work)
        if kept is None:
            raise LookupError(f"plan {plan_id} belongs to another thread")
        return _plan(kept)

    async def get(self, plan_id: str, thread_id: str) -> PlanRow | None:
        row = await self._database.row(_this(plan_id, thread_id))
        return _plan(row) if row is not None else None

    async def of_thread(self, thread_id: str, *, state: Literal["open", "closed"] | None = None) -> list[PlanRow]:
        query = select(plans).where(plans.c.thread_id == thread_id).order_by(plans.c.created_at, plans.c.ordinal)
        if state is not None:
            query = query.where(plans.c.state == state)
        return [_plan(row) for row in await self._database.rows(query)]

    async def of_turn(self, turn_id: str, thread_id: str) -> list[PlanRow]:
        """All that were made in the turn, in their order: the first one, and what was planned again."""
        query = (
            select(plans).where(plans.c.turn_id == turn_id, plans.c.thread_id == thread_id).order_by(plans.c.ordinal)
        )
        return [_plan(row) for row in await self._database.rows(query)]

    async def close_others(self, thread_id: str, turn_id: str) -> None:
        """Plans of older turns end here: approvals that were not used are void."""
        await self._close(plans.c.thread_id == thread_id, plans.c.turn_id != turn_id)

    async def close_turn(self, turn_id: str) -> None:
        await self._close(plans.c.turn_id == turn_id)

    async def _close(self, *conditions: ColumnElement[bool]) -> None:
        await self._database.execute(update(plans).where(*conditions).values(state="closed"))


def _this(plan_id: str, thread_id: str) -> Select[Any]:
    return select(plans).where(plans.c.id == plan_id, plans.c.thread_id == thread_id)


def _plan(row: Any) -> PlanRow:
    return PlanRow(
        row.id,
        row.turn_id,
        row.thread_id,
        row.ordinal,
        row.state,
        row.steps,
        None if row.seen is None else frozenset(row.seen),
        bool(row.plan_again),
    )
