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
from nango_sandbox.functions.thrown import failure_of, json_text
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
        running = self._background.start(self._run(connection, action, given, via, before))
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            if running.cancelled() and not _is_cancelled():
                raise Interrupted from None  # the function ended itself, its caller goes on
            raise

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
        async def checked(call: Call, given: Any) -> Any:
            try:
                taken = action.signature.read(given)
            except InvalidInputError as error:
                # A real function that checks its input says no more than this either.
                reason = "Invalid input provided"
                raise ActionFailed(reason) from error
            return await action.function(call, taken)

        text = await self._called(connection, action.name, checked, given, held)
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
            return json_text(await function(call, given))
        except asyncio.CancelledError as error:
            if _is_cancelled():
                raise
            raise _failed(error, name, connection) from error
        except (Exception, SystemExit) as error:
            # Not ours to judge: a function may raise anything, and that is what became of it.
            failure = _failed(error, name, connection)
            if failure is error:
                raise
            raise failure from error


def _failed(error: BaseException, name: str, connection: Connection) -> FunctionFailure:
    failure = failure_of(error)
    if failure is not error:
        _log.warning("%s of %s raised an error", name, connection.integration, exc_info=error)
    if isinstance(failure, ThrownError):
        failure.thrown_at(f"{name}-{connection.integration}", _line(error))
    return failure


def _is_cancelled() -> bool:
    """Whether somebody ends what runs here, and not the function itself."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


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
