"""Whose a thread of a LangGraph server with login is, kept where it outlives the server's own row.

A checkpointer keeps the state of a thread whose row `langgraph dev` lost when it was killed. Whoever asked for a new
thread with that id would then read it. So the first owner of an id keeps it for ever.
"""

from sqlalchemy import Connection, select

from nango_graph.records.database import Database
from nango_graph.records.tables import threads


class Owners:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(self, thread_id: str, owner: str) -> bool:
        """True if the thread is `owner`'s now: it was, or it was nobody's."""

        def work(connection: Connection) -> bool:
            connection.execute(self._database.insert_if_absent(threads).values(thread_id=thread_id, owner=owner))
            found = connection.execute(select(threads.c.owner).where(threads.c.thread_id == thread_id))
            return bool(found.scalar_one() == owner)

        return await self._database.transaction(work)
