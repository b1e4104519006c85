"""What providers remember: which tokens they gave out, and which of them are dead."""

from datetime import datetime

from pydantic import BaseModel, Field

from nango_sandbox.store.database import Database


class Grant(BaseModel):
    """One authorization at a provider.

    secret: what opens the app: an access token, an API key, or `username:password`
    refresh_token: None where there is none
    expires_at: when the secret dies by itself; None if it does not
    revoked: the user took the authorization back, and both are dead
    """

    provider: str
    secret: str = Field(repr=False)
    refresh_token: str | None = Field(default=None, repr=False)
    scopes: tuple[str, ...] = ()
    expires_at: datetime | None = None
    revoked: bool = False

    def lives(self, now: datetime) -> bool:
        return not self.revoked and (self.expires_at is None or self.expires_at > now)


class AuthorizationCode(BaseModel):
    """What a provider sends back through the browser. It is good for one exchange, within ten minutes."""

    code: str = Field(repr=False)
    provider: str
    client_id: str
    redirect_uri: str
    scopes: tuple[str, ...]
    challenge: str
    expires_at: datetime


class Grants:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, provider: str, secret: str) -> Grant | None:
        return await self._one("SELECT body FROM grants WHERE provider = ? AND secret = ?", provider, secret)

    async def of_refresh_token(self, provider: str, refresh_token: str) -> Grant | None:
        query = "SELECT body FROM grants WHERE provider = ? AND refresh_token = ?"
        return await self._one(query, provider, refresh_token)

    async def put(self, grant: Grant, *, instead_of: Grant | None = None) -> None:
        """Add a grant, or put it in the place of another one, or of the one with its secret."""
        async with self._database.transaction() as rows:
            for old in (instead_of, grant):
                if old is not None:
                    await rows.execute(
                        "DELETE FROM grants WHERE provider = ? AND secret = ?", (old.provider, old.secret)
                    )
            await rows.execute(
                "INSERT INTO grants (provider, secret, refresh_token, body) VALUES (?, ?, ?, ?)",
                (grant.provider, grant.secret, grant.refresh_token, grant.model_dump_json()),
            )

    async def keep_code(self, code: AuthorizationCode) -> None:
        async with self._database.transaction() as rows:
            await rows.execute(
                "INSERT INTO authorization_codes (code, body) VALUES (?, ?)", (code.code, code.model_dump_json())
            )

    async def take_code(self, code: str) -> AuthorizationCode | None:
        """The code, which is gone from then on."""
        query = "DELETE FROM authorization_codes WHERE code = ? RETURNING body"
        async with self._database.transaction() as rows, rows.execute(query, (code,)) as found:
            row = await found.fetchone()
        return None if row is None else AuthorizationCode.model_validate_json(row["body"])

    async def _one(self, query: str, *values: str) -> Grant | None:
        async with self._database.transaction() as rows, rows.execute(query, values) as found:
            row = await found.fetchone()
        return None if row is None else Grant.model_validate_json(row["body"])
