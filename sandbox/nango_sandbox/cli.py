"""`nango-sandbox`: the sandbox in a terminal, until ctrl-c."""

import argparse
import asyncio
import sqlite3
import sys
from collections.abc import Sequence
from pathlib import Path

from platformdirs import user_data_path

from nango_sandbox.apps import all_apps
from nango_sandbox.catalog import read_catalog
from nango_sandbox.options import Options
from nango_sandbox.serving.listening import PortTakenError
from nango_sandbox.serving.server import LOOPBACK, Sandbox
from nango_sandbox.store.database import DatabaseTakenError, DatabaseVersionError


def default_database() -> Path:
    """In the user's data folder, which is made for this user alone."""
    folder = user_data_path("nango-agent")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    return folder / "sandbox.db"


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="nango-sandbox", description="A small Nango on this machine.")
    parser.add_argument("--port", type=int, default=3003, help="port to listen on; 0 takes a free one (default: 3003)")
    parser.add_argument("--host", default="127.0.0.1", help=f"one of {', '.join(LOOPBACK)} (default: 127.0.0.1)")
    parser.add_argument("--database", type=Path, metavar="FILE", help="where everything is kept (default: data folder)")
    parser.add_argument("--webhook-url", metavar="URL", help="where webhooks are sent (default: nowhere)")
    parser.add_argument(
        "--rate-limit",
        type=_limit,
        default=Options().rate_limit,
        metavar="N",
        help="requests a minute; 0 for no limit (default: %(default)s)",
    )
    parser.add_argument(
        "--catalog",
        type=Path,
        metavar="FILE",
        help="more integrations, from a .jsonl or .jsonl.gz file of tools; they replace those of the same key",
    )
    parser.add_argument("--reset", action="store_true", help="start over: delete the database first, keys included")
    return parser.parse_args(argv)


def _limit(given: str) -> int | None:
    """Requests a minute; None for 0, which counts nothing."""
    if not given.isascii() or not given.isdecimal():
        message = f"{given} is no number of requests a minute. Use one from 1, or 0 for no limit."
        raise argparse.ArgumentTypeError(message)
    return int(given) or None


async def _run(sandbox: Sandbox, database: Path) -> None:
    async with sandbox:
        print(f"The sandbox runs. See what happens in it: {sandbox.base_url}/")
        print(f"It is kept in {database}\n")
        print("For your .env:")
        print(f"NANGO_BASE_URL={sandbox.base_url}")
        print(f"NANGO_API_KEY={sandbox.api_key.get_secret_value()}")
        print(f"NANGO_WEBHOOK_SIGNING_KEY={sandbox.webhook_signing_key.get_secret_value()}")
        print(f"NANGO_MANAGEMENT_MCP_URL={sandbox.management_mcp_url}\n")
        print("Stop it with ctrl-c.", flush=True)
        await asyncio.Event().wait()


def main(argv: Sequence[str] | None = None) -> int:
    """Returns the exit status: 0 after ctrl-c, 1 with a sentence on standard error if it cannot start."""
    wanted = _arguments(argv)
    try:
        database = wanted.database or default_database()
        options = Options(rate_limit=wanted.rate_limit)
        sandbox = Sandbox(
            database,
            wanted.host,
            wanted.port,
            wanted.webhook_url,
            integrations=[*all_apps(), *(read_catalog(wanted.catalog) if wanted.catalog else ())],
            options=options,
            reset=wanted.reset,
        )
        asyncio.run(_run(sandbox, database))
    except KeyboardInterrupt:
        print("\nStopped.")
    except (PortTakenError, ValueError, DatabaseTakenError, DatabaseVersionError) as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"Cannot write {error.filename}: {error.strerror}. Name another file with --database.", file=sys.stderr)
        return 1
    except sqlite3.DatabaseError as error:
        print(f"{database} cannot be used: {error}. Name another file, or start over with --reset.", file=sys.stderr)
        return 1
    return 0
