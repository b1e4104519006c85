"""POST /connect/sessions and /connect/sessions/reconnect."""

from collections.abc import Mapping, Sequence

from nango_tools.errors import Call, InvalidInput, Outcome
from nango_tools.http import Http
from nango_tools.models.sessions import ConnectSession, ConnectSessionAnswer
from nango_tools.models.wire import validated


class ConnectSessions:
    def __init__(self, http: Http) -> None:
        self._http = http

    async def create(self, *, tags: Mapping[str, str], allowed_integrations: Sequence[str]) -> ConnectSession:
        """A session for a new connection of one of `allowed_integrations`, which will carry `tags` (at most 10)."""
        call = Call("create connect session", writes=True)
        if not allowed_integrations:
            # Nango takes an empty list, and then allows every integration.
            raise InvalidInput("allowed_integrations is empty", call=call, outcome=Outcome.NOT_SENT)
        body = {"tags": dict(tags), "allowed_integrations": list(allowed_integrations)}
        answer = await self._http.json("POST", "/connect/sessions", call, body=body)
        return validated(ConnectSessionAnswer, answer, call).data

    async def reconnect(self, *, connection_id: str, integration_id: str, tags: Mapping[str, str]) -> ConnectSession:
        """A session that gives a connection new credentials. `tags` replace those it has: send all of them."""
        call = Call("create reconnect session", connection_id, integration_id, writes=True)
        body = {"connection_id": connection_id, "integration_id": integration_id, "tags": dict(tags)}
        answer = await self._http.json("POST", "/connect/sessions/reconnect", call, body=body)
        return validated(ConnectSessionAnswer, answer, call).data
