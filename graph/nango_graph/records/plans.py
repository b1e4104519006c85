"""Plans: what was planned is in here before the node that planned it returns, so that a re-run finds it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, Row, bindparam, select, update

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


# Made once: to put a statement together takes longer than to carry it out.
_OF_THREAD = select(plans).where(plans.c.thread_id == bindparam("of_thread"))
_THIS = _OF_THREAD.where(plans.c.id == bindparam("of_id"))
_OF_TURN = _OF_THREAD.where(plans.c.turn_id == bindparam("of_turn")).order_by(plans.c.ordinal)
_ALL = _OF_THREAD.order_by(plans.c.created_at, plans.c.ordinal)


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
            return connection.execute(_THIS, {"of_id": plan_id, "of_thread": thread_id}).one_or_none()

        kept = await self._database.transaction(work)
        if kept is None:
            raise LookupError(f"plan {plan_id} belongs to another thread")
        return _plan(kept)

    async def get(self, plan_id: str, thread_id: str) -> PlanRow | None:
        row = await self._database.row(_THIS, {"of_id": plan_id, "of_thread": thread_id})
        return _plan(row) if row is not None else None

    async def of_thread(self, thread_id: str, *, state: Literal["open", "closed"] | None = None) -> list[PlanRow]:
        query = _ALL if state is None else _ALL.where(plans.c.state == state)
        return [_plan(row) for row in await self._database.rows(query, {"of_thread": thread_id})]

    async def of_turn(self, turn_id: str, thread_id: str) -> list[PlanRow]:
        """All that were made in the turn, in their order: the first one, and what was planned again."""
        of_turn = {"of_turn": turn_id, "of_thread": thread_id}
        return [_plan(row) for row in await self._database.rows(_OF_TURN, of_turn)]

    async def close_others(self, thread_id: str, turn_id: str) -> None:
        """Plans of older turns end here: approvals that were not used are void."""
        await self._close(plans.c.thread_id == thread_id, plans.c.turn_id != turn_id)

    async def close_turn(self, turn_id: str) -> None:
        await self._close(plans.c.turn_id == turn_id)

    async def _close(self, *conditions: ColumnElement[bool]) -> None:
        await self._database.execute(update(plans).where(*conditions).values(state="closed"))


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
