"""The integrations of the environment: those that the sandbox was given, and those made through the API.

What an integration can do (its functions) is code, and belongs to what was declared. Everything else can change, and is
kept: name, key, credentials. All of it is held in memory too, so that looking up an integration is a plain mapping.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import aiosqlite
from pydantic import BaseModel, Field, JsonValue

from nango_sandbox.functions.action import Action, AuthMode, Integration
from nango_sandbox.store.database import Database
from nango_sandbox.store.documents import Documents


class KeyTakenError(ValueError):
    """Another integration has that key."""


class StoredIntegration(BaseModel):
    """credentials: the OAuth app's, as `POST /integrations` takes them
    custom: what else its provider asks for (`integration_config`, `custom`)
    declared_as: the key under which its functions were declared; None for one made through the API
    """

    key: str
    provider: str
    display_name: str
    auth_mode: AuthMode
    scopes: tuple[str, ...] = ()
    credentials: dict[str, JsonValue] | None = Field(default=None, repr=False)
    custom: dict[str, str] = Field(default_factory=dict, repr=False)
    forward_webhooks: bool = True
    created_at: datetime
    updated_at: datetime
    declared_as: str | None = None


class Integrations(Mapping[str, Integration]):
    """By key, in the order in which they came."""

    def __init__(self, database: Database, declared: Mapping[str, Integration]) -> None:
        self._database = database
        self._declared = declared
        self._stored: dict[str, StoredIntegration] = {}

    async def open(self, now: datetime) -> None:
        """Read what is kept. What is declared and was never here before is added, with its first data."""
        async with self._database.transaction() as rows:
            async with rows.execute("SELECT key FROM declared") as found:
                before = {row["key"] async for row in found}
            for key, each in self._declared.items():
                if key not in before:
                    await self._declare(rows, each, now)
            async with rows.execute("SELECT body FROM integrations ORDER BY position") as found:
                kept = [StoredIntegration.model_validate_json(row["body"]) async for row in found]
        self._stored = {each.key: each for each in kept}

    def stored(self, key: str) -> StoredIntegration:
        """Raises KeyError."""
        return self._stored[key]

    async def add(self, integration: StoredIntegration) -> None:
        """Raises KeyTakenError."""
        async with self._database.transaction() as rows:
            if integration.key in self._stored:
                raise KeyTakenError(integration.key)
            await self._insert(rows, integration)
        self._stored[integration.key] = integration

    async def change(self, key: str, /, **fields: Any) -> StoredIntegration:
        """Replace fields, `key` too: then the app's data moves along, and there must be no connections.

        Raises KeyError for an unknown integration, KeyTakenError for a new key that is not free.
        """
        async with self._database.transaction() as rows:
            changed = self._stored[key].model_copy(update=fields)
            if changed.key != key and changed.key in self._stored:
                raise KeyTakenError(changed.key)
            body = changed.model_dump_json()
            await rows.execute("UPDATE integrations SET key = ?, body = ? WHERE key = ?", (changed.key, body, key))
            if changed.key != key:
                for table in ("documents", "counters"):
                    await rows.execute(f"UPDATE {table} SET app = ? WHERE app = ?", (changed.key, key))  # noqa: S608
        self._stored = {
            each.key: each for each in (changed if name == key else each for name, each in self._stored.items())
        }
        return changed

    def deploy(self, key: str, actions: Iterable[Action]) -> None:
        """Put actions in the place of those of the same names, or beside them. Raises KeyError.

        They are code, and so are those of a sandbox that starts again: what was declared.
        """
        stored = self._stored[key]
        there = self[key]
        newer = {each.name: each for each in actions}
        kept = tuple(newer.pop(each.name, each) for each in there.actions)
        declared_as = stored.declared_as or key
        self._declared = {**self._declared, declared_as: replace(there, actions=(*kept, *newer.values()))}
        self._stored[key] = stored.model_copy(update={"declared_as": declared_as})

    async def delete(self, key: str) -> bool:
        """Its connections end with it, and the app's data. Whether there was such an integration."""
        async with self._database.transaction() as rows:
            if key not in self._stored:
                return False
            await rows.execute(
                "DELETE FROM records WHERE connection IN (SELECT id FROM connections WHERE integration = ?)", (key,)
            )
            await rows.execute("DELETE FROM integrations WHERE key = ?", (key,))
            await rows.execute("DELETE FROM connections WHERE integration = ?", (key,))
            await rows.execute("DELETE FROM syncs WHERE integration = ?", (key,))
            await rows.execute("DELETE FROM documents WHERE app = ?", (key,))
            await rows.execute("DELETE FROM counters WHERE app = ?", (key,))
        del self._stored[key]
        return True

    def __getitem__(self, key: str) -> Integration:
        stored = self._stored[key]
        declared = self._declared.get(stored.declared_as) if stored.declared_as is not None else None
        return replace(
            declared or Integration(key, stored.provider, stored.display_name),
            key=stored.key,
            display_name=stored.display_name,
            auth_mode=stored.auth_mode,
            scopes=stored.scopes,
            credentials=stored.credentials,
        )

    def __iter__(self) -> Iterator[str]:
        return iter(self._stored)

    def __len__(self) -> int:
        return len(self._stored)

    async def _declare(self, rows: aiosqlite.Connection, integration: Integration, now: datetime) -> None:
        await rows.execute("INSERT INTO declared (key) VALUES (?)", (integration.key,))
        await self._insert(
            rows,
            StoredIntegration(
                key=integration.key,
                provider=integration.provider,
                display_name=integration.display_name,
                auth_mode=integration.auth_mode,
                scopes=integration.scopes,
                credentials=integration.credentials,
                created_at=now,
                updated_at=now,
                declared_as=integration.key,
            ),
        )
        if integration.seed is not None:
            await integration.seed(Documents(rows, integration.key), now)

    async def _insert(self, rows: aiosqlite.Connection, integration: StoredIntegration) -> None:
        await rows.execute(
            "INSERT INTO integrations (key, body) VALUES (?, ?)", (integration.key, integration.model_dump_json())
        )


def declared(integrations: Iterable[Integration]) -> dict[str, Integration]:
    return {each.key: each for each in integrations}
