"""Runs an action: checks its input, gives it its app's data, and writes the ledger."""

import asyncio
import json
import logging
import traceback
from collections.abc import Awaitable, Callable
from typing import Any

import aiosqlite

from nango_sandbox.background import Background
from nango_sandbox.clock import Clock
from nango_sandbox.functions.action import Action, Call, Function, SyncFunction
from nango_sandbox.functions.failures import ActionFailed, FunctionFailure, Interrupted, OutputTooLarge, ThrownError
from nango_sandbox.functions.signature import InvalidInputError
from nango_sandbox.store.connections import Connection
from nango_sandbox.store.database import Database
from nango_sandbox.store.documents import Documents
from nango_sandbox.store.ledger import Ledger, LedgerEntry, Via

OUTPUT_LIMIT = 2 * 1024 * 1024
"""Bytes of JSON that an action may return, as on a real server."""

_log = logging.getLogger(__name__)


class Runner:
    def __init__(self, database: Database, ledger: Ledger, clock: Clock, background: Background) -> None:
        self._database = database
        self._ledger = ledger
        self._clock = clock
        self._background = background

    async def run(
        self,
        connection: Connection,
        action: Action,
        given: Any,
        via: Via,
        before: Callable[[], Awaitable[object]] | None = None,
    ) -> Any:
        """The action's output, a JSON value. It runs to its end, even if the caller is cancelled meanwhile.

        before: what the function does first of all, such as asking for credentials; it may raise FunctionFailure

        Raises FunctionFailure, after which what the function had written stays.
        """
        return await asyncio.shield(self._background.start(self._run(connection, action, given, via, before)))

    async def _run(
        self,
        connection: Connection,
        action: Action,
        given: Any,
        via: Via,
        before: Callable[[], Awaitable[object]] | None,
    ) -> Any:
        entry = ledger_entry(connection, action, given, via, at=self._clock.now())
        try:
            if before is not None:
                await before()
            if action.atomic:
                async with self._database.transaction() as rows:
                    output = await self._output(connection, action, given, rows)
                    await self._ledger.add(rows, entry.model_copy(update={"output": output}))
                return output
            output = await self._output(connection, action, given, self._database)
        except FunctionFailure as failure:
            await self._ledger.record(entry.failed(failure.status, failure.rest_error()))
            raise
        except asyncio.CancelledError:
            interrupted = Interrupted()
            await self._ledger.record(entry.failed(interrupted.status, interrupted.rest_error()))
            raise
        await self._ledger.record(entry.model_copy(update={"output": output}))
        return output

    async def _output(
        self, connection: Connection, action: Action, given: Any, held: Database | aiosqlite.Connection
    ) -> Any:
        try:
            checked = action.signature.read(given)
        except InvalidInputError as error:
            # A real function that checks its input says no more than this either.
            reason = "Invalid input provided"
            raise ActionFailed(reason) from error
        text = await self._called(connection, action.name, action.function, checked, held)
        size = len(text.encode())
        if size > OUTPUT_LIMIT:
            raise OutputTooLarge(size, OUTPUT_LIMIT)
        return json.loads(text)

    async def copied(self, connection: Connection, name: str, function: SyncFunction) -> str:
        """What the function of a sync returns, as JSON. Raises FunctionFailure."""
        return await self._called(connection, name, function, None, self._database)

    async def _called(
        self,
        connection: Connection,
        name: str,
        function: Function | SyncFunction,
        given: Any,
        held: Database | aiosqlite.Connection,
    ) -> str:
        """What a function returns, as JSON. Raises FunctionFailure: ThrownError for whatever else the function raises."""
        call = Call(
            documents=Documents(held, connection.integration),
            now=self._clock.now(),
            actor=connection.tags.get("end_user_id") or connection.connection_id,
            connection_id=connection.connection_id,
            integration=connection.integration,
            metadata=connection.metadata,
            sleep=self._clock.sleep,
        )
        try:
            return json.dumps(await function(call, given), allow_nan=False, ensure_ascii=False, separators=(",", ":"))
        except ThrownError as thrown:
            thrown.thrown_at(f"{name}-{connection.integration}", _line(thrown))
            raise
        except FunctionFailure:
            raise
        except Exception as error:
            # Not ours to judge: a function may raise anything, and that is what became of it.
            _log.warning("%s of %s raised an error", name, connection.integration, exc_info=error)
            failure = ThrownError(str(error), type(error).__name__)
            failure.thrown_at(f"{name}-{connection.integration}", _line(error))
            raise failure from error


def ledger_entry(connection: Connection, action: Action, given: Any, via: Via, **more: Any) -> LedgerEntry:
    """The entry of a run that succeeded with null, for the run to correct."""
    return LedgerEntry(
        id=0,
        integration=connection.integration,
        connection_id=connection.connection_id,
        end_user_id=connection.tags.get("end_user_id"),
        action=action.name,
        access=action.access,
        input=given,
        status="succeeded",
        via=via,
        **more,
    )


def _line(error: BaseException) -> int:
    return traceback.extract_tb(error.__traceback__)[-1].lineno or 1
