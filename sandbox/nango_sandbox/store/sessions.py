"""Connect sessions: a token that lets an end user make or renew connections for half an hour."""

import secrets
from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict, Field

from nango_sandbox.clock import Clock
from nango_sandbox.store.connections import EndUser
from nango_sandbox.store.database import Database

LIFETIME = timedelta(minutes=30)
PREFIX = "nango_connect_session_"


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
    ) -> ConnectSession:
        session = ConnectSession(
            token=PREFIX + secrets.token_hex(32),
            expires_at=self._clock.now() + LIFETIME,
            tags=tags,
            end_user=end_user,
            allowed_integrations=allowed_integrations,
            reconnects=reconnects,
            webhook_url_override=webhook_url_override,
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

    async def delete(self, token: str) -> None:
        async with self._database.transaction() as rows:
            await rows.execute("DELETE FROM connect_sessions WHERE token = ?", (token,))
