"""The records: the authority on whose turn it is, what was planned, decided, sent and waited for."""

import uuid
from pathlib import Path
from typing import Self

from nango_graph.records.accounts import Accounts, Known
from nango_graph.records.artifacts import Artifact, Artifacts
from nango_graph.records.async_actions import AsyncActions
from nango_graph.records.calls import AUTHORIZATION, Call, Calls, CallState, Cause
from nango_graph.records.claims import Claims, NotAllowed
from nango_graph.records.database import Database
from nango_graph.records.decisions import CallKey, Decision, Decisions
from nango_graph.records.definitions import Change, Definitions
from nango_graph.records.leases import Lease, Leases
from nango_graph.records.owners import Owners
from nango_graph.records.plans import PlanRow, Plans
from nango_graph.records.turns import TurnRow, Turns
from nango_graph.records.waits import Wait, Waits

__all__ = [
    "AUTHORIZATION",
    "Artifact",
    "Call",
    "CallKey",
    "CallState",
    "Cause",
    "Change",
    "Decision",
    "Known",
    "Lease",
    "NotAllowed",
    "PlanRow",
    "Records",
    "TurnRow",
    "Wait",
]


class Records:
    """One handle on the database. `durable` is false for records that end with the process."""

    def __init__(self, database: Database, *, durable: bool, writes_allowed: bool) -> None:
        self._database = database
        self.durable = durable
        self.writes_allowed = writes_allowed
        self.worker = uuid.uuid4().hex
        self.turns = Turns(database)
        self.waits = Waits(database)
        self.plans = Plans(database)
        self.decisions = Decisions(database)
        self.calls = Calls(database)
        self.artifacts = Artifacts(database)
        self.claims = Claims(database)
        self.async_actions = AsyncActions(database)
        self.accounts = Accounts(database)
        self.owners = Owners(database)
        self.definitions = Definitions(database)
        self.leases = Leases(database, self.worker)

    @classmethod
    async def open(cls, url: str | Path) -> Self:
        """`url`: the path of a SQLite file, or an SQLAlchemy URL (`postgresql+psycopg://…`). With that of a database in memory writes
        are refused, as `in_memory` tells.
        """
        database = await Database.open(url)
        return cls(database, durable=database.outlives_the_process, writes_allowed=database.outlives_the_process)

    @classmethod
    async def in_memory(cls, *, allow_writes: bool = False) -> Self:
        """For trying things: waits, and the promise that a write happens at most once, end with the process.

        Writes are therefore refused unless `allow_writes` is true.
        """
        return cls(await Database.open(None), durable=False, writes_allowed=allow_writes)

    async def close(self) -> None:
        await self.artifacts.settled()
        await self.calls.settled()
        await self._database.close()
