"""The first API key, the webhook signing key and the birthday of a database: made once, kept in it."""

from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from pydantic import SecretStr

from nango_sandbox.store.database import Database


@dataclass(frozen=True)
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
