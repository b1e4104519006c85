"""/connect/sessions: the half hour in which a user may authorize an account."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import SecretStr

from nango_tools.errors import Call
from nango_tools.http import Http
from nango_tools.models.end_users import EndUserProfile, OrganizationProfile
from nango_tools.models.sessions import (
    ConfigDefaults,
    ConnectSession,
    ConnectSessionAnswer,
    NewReconnectSession,
    NewSession,
    SessionOverrides,
    SessionState,
    SessionStateAnswer,
)
from nango_tools.models.wire import body, validated


class ConnectSessions:
    """A session is a ConnectSession: show its connect_link to the user it is for. InvalidInput for a misspelt field or one
    of another type, InsufficientScopeError without the scope.
    """

    def __init__(self, http: Http) -> None:
        self._http = http

    async def create(
        self,
        *,
        tags: Mapping[str, str],
        allowed_integrations: Sequence[str],
        end_user: EndUserProfile | Mapping[str, object] | None = None,
        organization: OrganizationProfile | Mapping[str, object] | None = None,
        webhook_url_override: str | None = None,
        integrations_config_defaults: Mapping[str, ConfigDefaults | Mapping[str, object]] | None = None,
        overrides: Mapping[str, SessionOverrides | Mapping[str, object]] | None = None,
    ) -> ConnectSession:
        """POST /connect/sessions: a session for a new connection of one of `allowed_integrations`. It lives 30 minutes.

        tags: at most 10; the connection will carry them, with keys in lower case
        end_user, organization: deprecated, and what tags they make gives way to `tags`
        webhook_url_override: where Nango sends the webhooks about the connection
        integrations_config_defaults, overrides: by integration id

        UnknownIntegration for one that does not exist; InvalidInput for none at all, before sending.
        """
        call = Call("create connect session", writes=True)
        request = body(
            NewSession,
            call,
            tags=tags,
            allowed_integrations=allowed_integrations,
            end_user=end_user,
            organization=organization,
            webhook_url_override=webhook_url_override,
            integrations_config_defaults=integrations_config_defaults,
            overrides=overrides,
        )
        return await self._made("/connect/sessions", call, request)

    async def reconnect(
        self,
        *,
        connection_id: str,
        integration_id: str,
        tags: Mapping[str, str],
        end_user: EndUserProfile | Mapping[str, object] | None = None,
        organization: OrganizationProfile | Mapping[str, object] | None = None,
        webhook_url_override: str | None = None,
        integrations_config_defaults: Mapping[str, ConfigDefaults | Mapping[str, object]] | None = None,
        overrides: Mapping[str, SessionOverrides | Mapping[str, object]] | None = None,
    ) -> ConnectSession:
        """POST /connect/sessions/reconnect: a session that gives a connection new credentials.

        `tags` replace those it has: send all of them. The rest is as for `create`. UnknownConnection.
        """
        call = Call("create reconnect session", connection_id, integration_id, writes=True)
        request = body(
            NewReconnectSession,
            call,
            connection_id=connection_id,
            integration_id=integration_id,
            tags=tags,
            end_user=end_user,
            organization=organization,
            webhook_url_override=webhook_url_override,
            integrations_config_defaults=integrations_config_defaults,
            overrides=overrides,
        )
        return await self._made("/connect/sessions/reconnect", call, request)

    async def get(self, token: SecretStr) -> SessionState:
        """GET /connect/session, with the session's token in the key's place: what the Connect page knows of it.

        InvalidSessionToken where it was deleted or is older than 30 minutes.
        """
        call = Call("get connect session")
        return validated(
            SessionStateAnswer, await self._http.json("GET", "/connect/session", call, bearer=token), call
        ).data

    async def delete(self, token: SecretStr) -> None:
        """DELETE /connect/session, likewise: its link no longer works, which is otherwise usable many times.

        InvalidSessionToken as for `get`. A connection made with it stays.
        """
        call = Call("delete connect session", writes=True)
        await self._http.send("DELETE", "/connect/session", call, bearer=token)

    async def _made(self, path: str, call: Call, request: dict[str, Any]) -> ConnectSession:
        # The answer has no name of its own: tracebacks can show locals.
        return validated(ConnectSessionAnswer, await self._http.json("POST", path, call, body=request), call).data
