"""The calls that everything begins with: do something for one user, and wait until that user has connected."""

import asyncio
from collections.abc import Mapping
from itertools import repeat

from pydantic import JsonValue

from nango_tools.errors import (
    Call,
    InvalidInput,
    NangoError,
    NoConnection,
    Outcome,
    ReauthorizationRequired,
    SeveralConnections,
    WaitExpired,
)
from nango_tools.models.connections import ConnectionSummary
from nango_tools.models.sessions import ConnectSession
from nango_tools.polling import HICCUPS, Waiting
from nango_tools.resources.actions import Actions
from nango_tools.resources.connect_sessions import ConnectSessions
from nango_tools.resources.connections import Connections


class EndUser:
    """One user of yours, known by the tags that all of the user's connections carry (end_user_id, for one).

    Nango finds the connections by tags, and the tags of each are compared again here.
    """

    def __init__(
        self,
        tags: Mapping[str, str],
        connections: Connections,
        connect_sessions: ConnectSessions,
        actions: Actions,
        waiting: Waiting,
    ) -> None:
        if not tags or not all(key and value for key, value in tags.items()):
            # Without a tag the filter fits everybody's connections.
            raise InvalidInput("a user's tags are missing or empty", outcome=Outcome.NOT_SENT)
        self.tags = dict(tags)
        self._connections = connections
        self._connect_sessions = connect_sessions
        self._actions = actions
        self._waiting = waiting

    async def connections(self, integration_id: str) -> list[ConnectionSummary]:
        """GET /connections: the user's connections of an integration, newest first; broken ones too."""
        listing = self._connections.list(tags=self.tags, integration_ids=[integration_id])
        return [
            found async for found in listing if found.has_tags(self.tags) and found.integration_id == integration_id
        ]

    async def connection(self, integration_id: str, connection_id: str | None = None) -> ConnectionSummary:
        """GET /connections: the user's one connection of an integration, or which of several `connection_id` names.

        NoConnection where there is none (or none of that id), SeveralConnections where none of them is named,
        ReauthorizationRequired where its credentials no longer work. Nothing but the listing was sent then.
        """
        call = Call("find connection", connection_id, integration_id)
        found = [c for c in await self.connections(integration_id) if connection_id in (None, c.connection_id)]
        if not found:
            raise NoConnection("the user has no such connection", call=call)
        if len(found) > 1:
            ids = [connection.connection_id for connection in found]
            raise SeveralConnections(f"the user has {len(ids)} connections: {', '.join(ids)}", call=call, payload=ids)
        if found[0].needs_reauthorization:
            broken = Call("find connection", found[0].connection_id, integration_id)
            problem = "the credentials of the connection no longer work"
            raise ReauthorizationRequired(problem, call=broken, outcome=Outcome.NOT_SENT)
        return found[0]

    async def execute(
        self,
        integration_id: str,
        action: str,
        input: object = None,  # noqa: A002 - Nango's word
        *,
        writes: bool,
        connection_id: str | None = None,
    ) -> JsonValue:
        """GET /connections, then POST /action/trigger on the connection that was found: the action's output.

        Raises as `connection` (the action was not sent then) and as `actions.trigger`.
        """
        try:
            found = await self.connection(integration_id, connection_id)
        except NangoError as error:
            error.outcome = Outcome.NOT_SENT  # whatever became of the listing, the action did not leave
            raise
        return await self._actions.trigger(
            connection_id=found.connection_id, integration_id=integration_id, action=action, input=input, writes=writes
        )

    async def connect(self, integration_id: str) -> ConnectSession:
        """POST /connect/sessions, with the user's tags: show its connect_link to the user and to nobody else."""
        return await self._connect_sessions.create(tags=self.tags, allowed_integrations=[integration_id])

    async def reconnect(self, integration_id: str, connection_id: str) -> ConnectSession:
        """POST /connect/sessions/reconnect, with all the tags that the connection has now.

        NoConnection where the user has no connection of that id.
        """
        for found in await self.connections(integration_id):
            if found.connection_id == connection_id:
                return await self._connect_sessions.reconnect(
                    connection_id=connection_id, integration_id=integration_id, tags=found.tags
                )
        call = Call("create reconnect session", connection_id, integration_id)
        raise NoConnection("the user has no such connection", call=call)

    async def wait_for_connection(
        self,
        integration_id: str,
        *,
        timeout: float,  # noqa: ASYNC109 - a deadline for many requests
        poll: float = 2.0,
        connection_id: str | None = None,
        cancelled: asyncio.Event | None = None,
    ) -> ConnectionSummary:
        """GET /connections, again and again: the user's connection, as soon as there is one whose credentials work.

        timeout: seconds until WaitExpired is raised; what Nango said last is its cause. poll: seconds between looks.
        connection_id: wait for this one, after `reconnect`. Without, a second one is SeveralConnections.
        cancelled: setting it ends the wait early, with WaitExpired; cancelling the task does too, as everywhere.
        """
        call = Call("wait for connection", connection_id, integration_id)
        if not poll > 0:
            raise InvalidInput(f"poll is {poll:g} seconds", call=call, outcome=Outcome.NOT_SENT)
        pending = (NoConnection, ReauthorizationRequired)
        try:
            return await self._waiting.until(
                lambda: self.connection(integration_id, connection_id),
                pending=pending,
                pauses=repeat(poll),
                timeout=timeout,
                cancelled=cancelled,
            )
        except (*pending, *HICCUPS) as error:
            early = cancelled is not None and cancelled.is_set()
            ended = "the wait was called off" if early else f"{timeout:g} seconds have passed"
            raise WaitExpired(f"{ended} without a connection that works ({error.message})", call=call) from error
