"""Databases that hosts keep records and checkpoints in."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import make_url

from postgres_databases import drop_database, make_database, url_of


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.system)])
def database_url(request: pytest.FixtureRequest) -> Iterator[str | None]:
    """What the settings say of an empty database. None: SQLite, in the agent's own folder."""
    if request.param == "sqlite":
        yield None
        return
    server = request.getfixturevalue("postgres")
    name = make_database(server)
    yield url_of(server, name)
    drop_database(server, name)


@pytest.fixture
def copy_of_database(postgres: Any, database_url: str) -> Iterator[Callable[[], str]]:
    """Copies it as it is now, while nobody is connected."""
    template = str(make_url(database_url).database)
    copies: list[str] = []

    def copy() -> str:
        copies.append(make_database(postgres, template))
        return url_of(postgres, copies[-1])

    yield copy
    for name in copies:
        drop_database(postgres, name)
