"""Group commit: rows that come while a transaction is under way go into the next one together.

A commit waits for the disk, whether it holds one row or two hundred.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from typing import Generic, TypeVar

from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

Row = TypeVar("Row")


class Batches(Generic[Row]):
    """Hands the rows that were added to `commit`, in the order in which they came, up to `most` at a time."""

    def __init__(self, commit: Callable[[Sequence[Row]], Awaitable[None]], *, most: int) -> None:
        """`commit`: one transaction. It may be given a row again if that failed."""
        self._commit = commit
        self._most = most
        self._waiting: deque[tuple[Row, asyncio.Future[None]]] = deque()
        self._committing: asyncio.Task[None] | None = None

    async def add(self, row: Row) -> None:
        """Returns once the row is committed, and raises what kept it from being so. Whoever is cancelled meanwhile leaves the
        row behind: it is committed all the same.
        """
        committed = asyncio.get_running_loop().create_future()
        self._waiting.append((row, committed))
        if self._committing is None:
            # In nobody's name: it works for all who wait, and goes on where the one who came first is cancelled.
            self._committing = asyncio.create_task(self._commit_all(), context=Context())
        await committed

    async def settled(self) -> None:
        """Returns once nothing waits any more."""
        while self._committing is not None:
            await asyncio.wait([self._committing])

    async def _commit_all(self) -> None:
        batch: list[tuple[Row, asyncio.Future[None]]] = []
        try:
            while self._waiting:
                batch = [self._waiting.popleft() for _ in range(min(self._most, len(self._waiting)))]
                problem = await self._tried(batch)
                if problem is not None and len(batch) > 1 and _is_of_a_row(problem):
                    for one in batch:
                        _tell([one], await self._tried([one]))
                else:
                    _tell(batch, problem)
        finally:
            # Only a loop that is being closed cancels this: whoever still waits is not told that all is well.
            for _, committed in (*batch, *self._waiting):
                committed.cancel()
            self._waiting.clear()
            self._committing = None

    async def _tried(self, batch: Sequence[tuple[Row, asyncio.Future[None]]]) -> Exception | None:
        try:
            await self._commit([row for row, _ in batch])
        except Exception as problem:  # noqa: BLE001 - it is raised where the rows were added
            return problem
        return None


def _tell(batch: Sequence[tuple[object, asyncio.Future[None]]], problem: Exception | None) -> None:
    for _, committed in batch:
        if committed.done():
            continue
        if problem is None:
            committed.set_result(None)
        else:
            committed.set_exception(problem)


def _is_of_a_row(problem: Exception) -> bool:
    """Could the others of the batch be committed without it? A database that is away, or locked, is so for all of them."""
    return not isinstance(problem, OperationalError | InterfaceError | PoolTimeout | OSError)
