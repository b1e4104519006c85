"""A database in which very many people wait."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import Connection, event, text

from nango_graph.records import Records
from nango_graph.records.tables import turns, waits
from nango_graph.records.waits import LIFETIME
from record_engines import engines_of

_AT_ONCE = 5000


async def fill(records: Records, count: int, *, now: float, look_at: float, looks: int = 0) -> None:
    """So many people, each with a thread that waits for GitHub. `look_at`: when a sweep looks at the first, after so many `looks`;
    at the others one a second.
    """
    database = records._database
    for begun in range(0, count, _AT_ONCE):
        numbers = range(begun, min(begun + _AT_ONCE, count))
        await database.execute(turns.insert(), [_turn(number, now) for number in numbers])
        await database.execute(waits.insert(), [_wait(number, now, look_at + number, looks) for number in numbers])
    await database.execute(text("ANALYZE"))


def _turn(number: int, now: float) -> dict[str, Any]:
    return {
        "id": f"turn-{number}",
        "tenant": f"user:many-{number}",
        "requester": f"many-{number}",
        "organization": "",
        "thread_id": f"thread-{number}",
        "assistant_id": "",
        "graph_id": "",
        "settings": {},
        "message_id": f"message-{number}",
        "started_at": now,
    }


def _wait(number: int, now: float, look_at: float, looks: int) -> dict[str, Any]:
    # Half of them are to be mended, and one in a hundred was found and not passed yet.
    return {
        "id": f"wait-{number}",
        "tenant": f"user:many-{number}",
        "requester": f"many-{number}",
        "organization": "",
        "thread_id": f"thread-{number}",
        "assistant_id": "",
        "integration": "github",
        "reason": "broken" if number % 2 else "missing",
        "connection_id": f"connection-{number}" if number % 2 else None,
        "deadline": now + LIFETIME,
        "state": "open" if number % 100 else "satisfied",
        "created_at": now,
        "changed_at": now,
        "turn_id": f"turn-{number}",
        "look_at": look_at,
        "looks": looks,
        "unverified": False,
    }


@asynccontextmanager
async def statements_of(records: Records) -> AsyncIterator[list[tuple[str, Any]]]:
    """What is sent to the database meanwhile: each statement with its parameters."""
    sent: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        sent.append((statement, parameters))

    engines = engines_of(records)
    for engine in engines:
        event.listen(engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        for engine in engines:
            event.remove(engine, "before_cursor_execute", note)


async def plan_of(records: Records, statement: str, parameters: Any) -> str:
    """How the database would do it."""

    def explained(connection: Connection) -> str:
        prefix = "EXPLAIN QUERY PLAN" if connection.dialect.name == "sqlite" else "EXPLAIN"
        return "\n".join(str(tuple(row)) for row in connection.exec_driver_sql(f"{prefix} {statement}", parameters))

    return await records._database.transaction(explained)
