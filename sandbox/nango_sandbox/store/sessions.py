"""Connect sessions: a token that lets an end user make or renew connections for half an hour."""

import secrets
from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from nango_sandbox.clock import Clock
from nango_sandbox.store.connections import EndUser
from nango_sandbox.store.database import Database

LIFETIME = timedelta(minutes=30)
PREFIX = "nango_connect_session_"


class Defaults(BaseModel):
    """What the backend decided about one integration before the end user came.

    user_scopes: asked for at the provider, comma-separated, beside those of the integration
    authorization_params: added to the provider's authorize URL
    """

    user_scopes: str | None = None
    authorization_params: dict[str, str] = {}
    connection_config: dict[str, JsonValue] = {}


class ConnectSession(BaseModel):
    """Whose session it is (tags), and what may be connected. A reconnect session names the one connection to renew."""

    model_config = ConfigDict(frozen=True)

    token: str = Field(repr=False)
    expires_at: datetime
    tags: dict[str, str]
    end_user: EndUser | None = None
    allowed_integrations: tuple[str, ...] = ()
    reconnects: str | None = None
    webhook_url_override: str | None = None
    integrations_config_defaults: dict[str, Defaults] = {}
    overrides: dict[str, dict[str, str]] = {}
    answered: frozenset[str] = frozenset()
    """Forms of its Connect page that were posted."""

    def defaults(self, integration: str) -> Defaults:
        return self.integrations_config_defaults.get(integration) or Defaults()

    def allows(self, integration: str) -> bool:
        """No list, or an empty one, allows every integration, as on a real server."""
        return not self.allowed_integrations or integration in self.allowed_integrations


class ConnectSessions:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def create(
        self,
        *,
        tags: dict[str, str],
        end_user: EndUser | None = None,
        allowed_integrations: tuple[str, ...] = (),
        reconnects: str | None = None,
        webhook_url_override: str | None = None,
        integrations_config_defaults: dict[str, Defaults] | None = None,
        overrides: dict[str, dict[str, str]] | None = None,
    ) -> ConnectSession:
        session = ConnectSession(
            token=PREFIX + secrets.token_hex(32),
            expires_at=self._clock.now() + LIFETIME,
            tags=tags,
            end_user=end_user,
            allowed_integrations=allowed_integrations,
            reconnects=reconnects,
            webhook_url_override=webhook_url_override,
            integrations_config_defaults=integrations_config_defaults or {},
            overrides=overrides or {},
        )
        async with self._database.transaction() as rows:
            await rows.execute(
                "INSERT INTO connect_sessions (token, body) VALUES (?, ?)", (session.token, session.model_dump_json())
            )
        return session

    async def get(self, token: str) -> ConnectSession | None:
        """The session of that token; None if there is none, or its half hour is over."""
        async with (
            self._database.transaction() as rows,
            rows.execute("SELECT body FROM connect_sessions WHERE token = ?", (token,)) as found,
        ):
            row = await found.fetchone()
        if row is None:
            return None
        session = ConnectSession.model_validate_json(row["body"])
        return session if session.expires_at > self._clock.now() else None

    async def claim(self, token: str, form_id: str) -> bool:
        """Whether this form is posted for the first time."""
        return await self._answered(token, form_id, add=True)

    async def release(self, token: str, form_id: str) -> None:
        """The form may be posted again."""
        await self._answered(token, form_id, add=False)

    async def _answered(self, token: str, form_id: str, *, add: bool) -> bool:
        async with self._database.transaction() as rows:
            async with rows.execute("SELECT body FROM connect_sessions WHERE token = ?", (token,)) as found:
                row = await found.fetchone()
            if row is None:
                return False
            session = ConnectSession.model_validate_json(row["body"])
            answered = session.answered | {form_id} if add else session.answered - {form_id}
            body = session.model_copy(update={"answered": answered}).model_dump_json()
            await rows.execute("UPDATE connect_sessions SET body = ? WHERE token = ?", (body, token))
            return answered != session.answered

    async def delete(self, token: str) -> None:
        async with self._database.transaction() as rows:
            await rows.execute("DELETE FROM connect_sessions WHERE token = ?", (token,))
