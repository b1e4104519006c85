"""Definitions of tools as they were first seen or accepted, and changes of them that wait to be accepted.

One row for each environment, integration, name and listing (`source`): listings tell the same tool differently.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import JSON, ColumnElement, Connection, Update, and_, bindparam, delete, or_, select, tuple_, update

from nango_graph.records.database import Database
from nango_graph.records.tables import definitions

_NOTHING_WAITS = {"changed_fingerprint": None, "changed_definition": None, "changed_version": None, "changed_at": None}
_AT_ONCE = 400
"""Keys in one query."""

Slot = tuple[str, str, str]
"""Integration, name, source."""

_COMPLETE = frozenset({"scripts", "both"})
"""Listings that leave nothing out."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What a tool looks like.

    fingerprint: hex SHA-256 of the definition; version: as deployed
    definition: `name`, `description`, `input_schema`, `output_schema`, `method`, `scopes`, and `source`: the listing that it
        was found in, another one than the row's until the row's own has brought something that holds
    """

    fingerprint: str
    definition: Mapping[str, Any]
    version: str | None = None


@dataclass(frozen=True, slots=True)
class Pinned:
    """The fingerprint that holds, and the one that waits."""

    fingerprint: str
    changed_fingerprint: str | None


@dataclass(frozen=True, slots=True)
class Change:
    """A change that waits.

    accepted_by: who accepted what holds, None for what was seen first; changed_at: seconds since the epoch
    """

    integration: str
    name: str
    source: str
    pinned: Shape
    accepted_by: str | None
    changed: Shape
    changed_at: float

    @property
    def tool(self) -> str:
        return f"{self.integration}/{self.name}"


class Definitions:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def pinned(self, environment: str, integrations: Collection[str]) -> dict[Slot, Pinned]:
        """All that is known of these integrations."""
        columns = (
            definitions.c.integration,
            definitions.c.name,
            definitions.c.source,
            definitions.c.fingerprint,
            definitions.c.changed_fingerprint,
        )
        keys, found = sorted(integrations), dict[Slot, Pinned]()
        for start in range(0, len(keys), _AT_ONCE):
            some = definitions.c.integration.in_(keys[start : start + _AT_ONCE])
            query = select(*columns).where(definitions.c.environment == environment, some)
            for row in await self._database.rows(query):
                found[row.integration, row.name, row.source] = Pinned(row.fingerprint, row.changed_fingerprint)
        return found

    async def shapes(
        self, environment: str, tools: Collection[tuple[str, str]]
    ) -> dict[tuple[str, str], dict[str, Shape]]:
        """What holds of these (integration, name), by source."""
        keys, found = sorted(tools), dict[tuple[str, str], dict[str, Shape]]()
        for start in range(0, len(keys), _AT_ONCE):
            some = tuple_(definitions.c.integration, definitions.c.name).in_(keys[start : start + _AT_ONCE])
            query = select(definitions).where(definitions.c.environment == environment, some)
            for row in await self._database.rows(query):
                found.setdefault((row.integration, row.name), {})[row.source] = _pinned_shape(row)
        return found

    async def pin(self, environment: str, seen: Mapping[Slot, Shape], *, now: float) -> None:
        """First sights. What somebody else has pinned meanwhile stands."""
        rows = [
            {
                "environment": environment,
                "integration": integration,
                "name": name,
                "source": source,
                "fingerprint": shape.fingerprint,
                "definition": dict(shape.definition),
                "version": shape.version,
                "seen_at": now,
            }
            for (integration, name, source), shape in seen.items()
        ]
        if rows:
            await self._database.execute(self._database.insert_if_absent(definitions), rows)

    async def move(self, environment: str, slot: Slot, shape: Shape, *, by: str | None, now: float) -> None:
        """From now on this is what holds, and nothing waits. by: who accepted it, None where there was nothing to accept"""

        def work(connection: Connection) -> None:
            connection.execute(_holds(environment, slot, shape, by=by, now=now))
            if by is not None:
                _forget_others(connection, environment, slot[:2], {slot[2]})

        await self._database.transaction(work)

    async def wait(self, environment: str, slot: Slot, shape: Shape, *, now: float) -> bool:
        """Notes a change that is to be accepted. False where just that waits already."""
        noted = await self._database.execute(
            update(definitions)
            .where(
                _is(environment, slot),
                or_(
                    definitions.c.changed_fingerprint.is_(None),
                    definitions.c.changed_fingerprint != shape.fingerprint,
                ),
            )
            .values(
                changed_fingerprint=shape.fingerprint,
                changed_definition=dict(shape.definition),
                changed_version=shape.version,
                changed_at=now,
            )
            .returning(definitions.c.name)
        )
        return noted is not None

    async def settle(self, environment: str, as_before: Mapping[Slot, Shape]) -> None:
        """What was changed is as it was again."""
        if not as_before:
            return
        one = (
            update(definitions)
            .where(
                definitions.c.environment == environment,
                definitions.c.integration == bindparam("of_integration"),
                definitions.c.name == bindparam("of_name"),
                definitions.c.source == bindparam("of_source"),
            )
            .values(definition=bindparam("as_found", type_=JSON), **_NOTHING_WAITS)
        )
        values = [
            {
                "of_integration": integration,
                "of_name": name,
                "of_source": source,
                "as_found": dict(shape.definition),
            }
            for (integration, name, source), shape in as_before.items()
        ]
        await self._database.execute(one, values)

    async def waiting(self, environment: str) -> list[Change]:
        """All changes that wait, by tool."""
        query = (
            select(definitions)
            .where(definitions.c.environment == environment, definitions.c.changed_fingerprint.is_not(None))
            .order_by(definitions.c.integration, definitions.c.name, definitions.c.source)
        )
        return [_change(row) for row in await self._database.rows(query)]

    async def accept(
        self, environment: str, integration: str, name: str, fingerprint: str, *, by: str, now: float
    ) -> list[Change]:
        """Lets the change that waits hold from now on, in each listing that has just that. What held in others holds no more,
        unless the listing that was accepted leaves things out: they are compared with what was accepted.

        fingerprint: of the change, all 64 digits: two texts whose fingerprints begin alike are soon found. Returns what was
        accepted: nothing where nothing waits that is just that, which is so too if it has changed again since.
        """
        query = select(definitions).where(
            definitions.c.environment == environment,
            definitions.c.integration == integration,
            definitions.c.name == name,
            definitions.c.changed_fingerprint == fingerprint,
        )

        def work(connection: Connection) -> list[Change]:
            accepted = [_change(row) for row in connection.execute(query.with_for_update())]
            for one in accepted:
                slot = (integration, name, one.source)
                connection.execute(_holds(environment, slot, one.changed, by=by, now=now))
            _forget_others(connection, environment, (integration, name), {one.source for one in accepted})
            return accepted

        return await self._database.transaction(work)


def _holds(environment: str, slot: Slot, shape: Shape, *, by: str | None, now: float) -> Update:
    return (
        update(definitions)
        .where(_is(environment, slot))
        .values(
            fingerprint=shape.fingerprint,
            definition=dict(shape.definition),
            version=shape.version,
            seen_at=now,
            accepted_by=by,
            **_NOTHING_WAITS,
        )
    )


def _forget_others(connection: Connection, environment: str, tool: tuple[str, str], accepted: Collection[str]) -> None:
    """accepted: sources. What is older than an accepted change must not come back by way of another listing."""
    if _COMPLETE.isdisjoint(accepted):
        return
    connection.execute(
        delete(definitions).where(
            definitions.c.environment == environment,
            definitions.c.integration == tool[0],
            definitions.c.name == tool[1],
            definitions.c.source.not_in(sorted(accepted)),
        )
    )


def _is(environment: str, slot: Slot) -> ColumnElement[bool]:
    integration, name, source = slot
    return and_(
        definitions.c.environment == environment,
        definitions.c.integration == integration,
        definitions.c.name == name,
        definitions.c.source == source,
    )


def _pinned_shape(row: Any) -> Shape:
    return Shape(row.fingerprint, row.definition, row.version)


def _change(row: Any) -> Change:
    return Change(
        integration=row.integration,
        name=row.name,
        source=row.source,
        pinned=_pinned_shape(row),
        accepted_by=row.accepted_by,
        changed=Shape(row.changed_fingerprint, row.changed_definition, row.changed_version),
        changed_at=row.changed_at,
    )
