"""API keys and their scopes: `environment:connections:read`, `environment:connections:*`, `environment:*`."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import uuid4

import aiosqlite
from pydantic import SecretStr

from nango_sandbox.store.database import Database

EVERYTHING = "environment:*"


@dataclass(frozen=True)
class ApiKey:
    name: str
    secret: SecretStr
    scopes: tuple[str, ...]

    def may(self, scope: str) -> bool:
        return any(_covers(held, scope) for held in self.scopes)


def _covers(held: str, scope: str) -> bool:
    return held == scope or (held.endswith(":*") and scope.startswith(held[:-1]))


def _read(row: aiosqlite.Row) -> ApiKey:
    return ApiKey(row["name"], SecretStr(row["secret"]), tuple(json.loads(row["scopes"])))


class ApiKeys:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, secret: str) -> ApiKey | None:
        async with (
            self._database.transaction() as rows,
            rows.execute("SELECT name, secret, scopes FROM api_keys WHERE secret = ?", (secret,)) as found,
        ):
            row = await found.fetchone()
        return None if row is None else _read(row)

    async def all(self) -> list[ApiKey]:
        """Oldest first."""
        async with (
            self._database.transaction() as rows,
            rows.execute("SELECT name, secret, scopes FROM api_keys ORDER BY id") as found,
        ):
            return [_read(row) async for row in found]

    async def put(self, name: str, scopes: Iterable[str] = (EVERYTHING,)) -> ApiKey:
        """A new key; one that had the same name ends."""
        key = ApiKey(name, SecretStr(str(uuid4())), tuple(scopes))
        async with self._database.transaction() as rows:
            await rows.execute(
                "INSERT INTO api_keys (name, secret, scopes) VALUES (?, ?, ?) "
                "ON CONFLICT (name) DO UPDATE SET secret = excluded.secret, scopes = excluded.scopes",
                (name, key.secret.get_secret_value(), json.dumps(key.scopes)),
            )
        return key

    async def delete(self, name: str) -> bool:
        async with self._database.transaction() as rows:
            cursor = await rows.execute("DELETE FROM api_keys WHERE name = ?", (name,))
            return cursor.rowcount == 1
