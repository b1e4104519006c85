"""Runs an action: checks its input, gives it its app's data in one transaction, and writes the ledger."""

import json
from typing import Any, Literal

from nango_sandbox.clock import Clock
from nango_sandbox.functions.action import Action, Call
from nango_sandbox.functions.failures import ActionFailed, FunctionFailure, OutputTooLarge
from nango_sandbox.functions.signature import InvalidInputError
from nango_sandbox.store.connections import Connection
from nango_sandbox.store.database import Database
from nango_sandbox.store.documents import Documents
from nango_sandbox.store.ledger import Ledger, LedgerEntry

OUTPUT_LIMIT = 2 * 1024 * 1024
"""Bytes of JSON that an action may return, as on a real server."""


class Runner:
    def __init__(self, database: Database, ledger: Ledger, clock: Clock) -> None:
        self._database = database
        self._ledger = ledger
        self._clock = clock

    async def run(self, connection: Connection, action: Action, given: Any, via: Literal["rest", "mcp"]) -> Any:
        """The action's output, a JSON value. Raises FunctionFailure, after which the app's data is as before."""
        entry = LedgerEntry(
            id=0,
            at=self._clock.now(),
            integration=connection.integration,
            connection_id=connection.connection_id,
            end_user_id=connection.tags.get("end_user_id"),
            action=action.name,
            access=action.access,
            input=given,
            status="succeeded",
            via=via,
        )
        try:
            async with self._database.transaction() as rows:
                call = Call(
                    documents=Documents(rows, connection.integration),
                    now=entry.at,
                    actor=entry.end_user_id or connection.connection_id,
                    connection_id=connection.connection_id,
                    integration=connection.integration,
                    metadata=connection.metadata,
                    sleep=self._clock.sleep,
                )
                output = await self._output(call, action, given)
                await self._ledger.add(rows, entry.model_copy(update={"output": output}))
        except FunctionFailure as failure:
            failed = entry.model_copy(
                update={"status": "failed", "error": {"status": failure.status, **failure.rest_error()}}
            )
            async with self._database.transaction() as rows:
                await self._ledger.add(rows, failed)
            raise
        return output

    async def _output(self, call: Call, action: Action, given: Any) -> Any:
        try:
            checked = action.signature.read(given)
        except InvalidInputError as error:
            # A real function that checks its input says no more than this either.
            reason = "Invalid input provided"
            raise ActionFailed(reason) from error
        output = await action.function(call, checked)
        size = len(json.dumps(output).encode())
        if size > OUTPUT_LIMIT:
            raise OutputTooLarge(size, OUTPUT_LIMIT)
        return output
