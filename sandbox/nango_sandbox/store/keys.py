"""The first API key, the webhook signing key and the birthday of a database: made once, kept in it. And its time."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import uuid4

from pydantic import SecretStr

from nango_sandbox.store.database import Database


@dataclass
class Keys:
    api_key: SecretStr
    """A key with every scope. Others can be made beside it (`ApiKeys`)."""
    webhook_signing_key: SecretStr
    created_at: datetime


async def read_keys(database: Database, now: datetime) -> Keys:
    async with database.transaction() as rows:
        fresh = {
            "api_key": str(uuid4()),
            "webhook_signing_key": str(uuid4()),
            "created_at": now.isoformat(),
        }
        for name, value in fresh.items():
            await rows.execute("INSERT OR IGNORE INTO keys (name, value) VALUES (?, ?)", (name, value))
        async with rows.execute("SELECT name, value FROM keys") as found:
            kept = {row["name"]: row["value"] async for row in found}
        await rows.execute(
            "INSERT OR IGNORE INTO api_keys (name, secret, scopes) VALUES ('default', ?, ?)",
            (kept["api_key"], '["environment:*"]'),
        )
    return Keys(
        api_key=SecretStr(kept["api_key"]),
        webhook_signing_key=SecretStr(kept["webhook_signing_key"]),
        created_at=datetime.fromisoformat(kept["created_at"]),
    )


async def read_moved(database: Database) -> timedelta:
    """How far the clock was moved when the sandbox stopped."""
    query = "SELECT value FROM keys WHERE name = 'clock_moved'"
    async with database.transaction() as rows, rows.execute(query) as found:
        row = await found.fetchone()
    return timedelta(seconds=float(row["value"]) if row is not None else 0)


async def write_moved(database: Database, moved: timedelta) -> None:
    async with database.transaction() as rows:
        values = "clock_moved", str(moved.total_seconds())
        await rows.execute("INSERT OR REPLACE INTO keys (name, value) VALUES (?, ?)", values)


async def rotate_signing_key(database: Database, keys: Keys) -> SecretStr:
    """A new webhook signing key in the place of the one before, which signs nothing any more."""
    fresh = SecretStr(str(uuid4()))
    async with database.transaction() as rows:
        await rows.execute("UPDATE keys SET value = ? WHERE name = 'webhook_signing_key'", (fresh.get_secret_value(),))
    keys.webhook_signing_key = fresh
    return fresh
