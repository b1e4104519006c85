"""Asynchronous actions: which call became which, and which of them Nango's webhook told to be over."""

from sqlalchemy import delete, select, update

from nango_graph.records.calls import is_call
from nango_graph.records.database import Database
from nango_graph.records.decisions import CallKey
from nango_graph.records.tables import calls, finished_actions

LONGEST_ID = 255


class AsyncActions:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def started(self, key: CallKey, async_id: str) -> None:
        """A claimed call became this action: from now on whoever finds it asks Nango what came of it."""
        await self._database.execute(
            update(calls)
            .where(is_call(key), calls.c.state.in_(("claimed", "unknown")), calls.c.async_id.is_(None))
            .values(async_id=async_id)
        )

    async def finished(self, async_id: str, *, now: float) -> bool:
        """Nango says that it is over. Ids that are not known yet count too. False: it was told before, or is no id of Nango's."""
        if not async_id or len(async_id) > LONGEST_ID or "\0" in async_id:
            return False
        insert = self._database.insert_if_absent(finished_actions).values(id=async_id, finished_at=now)
        return await self._database.execute(insert.returning(finished_actions.c.id)) is not None

    async def is_finished(self, async_id: str) -> bool:
        query = select(finished_actions.c.id).where(finished_actions.c.id == async_id)
        return await self._database.row(query) is not None

    async def forget(self, before: float) -> None:
        """What was over before that time. Actions of other programs are told to us too, so that these rows would pile up."""
        await self._database.execute(delete(finished_actions).where(finished_actions.c.finished_at < before))
