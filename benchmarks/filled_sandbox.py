# ruff: noqa: INP001 - for scripts
"""A sandbox in a process of its own, with the tools of a catalogue and a connection to each of its integrations."""

import asyncio
import gzip
import itertools
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from nango_tools import NangoClient, NangoSettings

SHARED = Path(__file__).parents[2] / "shared" / "action-catalog"

Connections = list[tuple[str, str]]
Line = dict[str, Any]
"""One definition of an action."""


@dataclass(frozen=True)
class Server:
    """A running sandbox, with a connection to each of its integrations."""

    url: str
    key: str
    connections: Connections

    @property
    def settings(self) -> NangoSettings:
        return NangoSettings(api_key=SecretStr(self.key), base_url=self.url)


@contextmanager
def sandbox(folder: Path, lines: Sequence[Line]) -> Iterator[Server]:
    folder.mkdir()
    catalogue = folder / "catalogue.jsonl"
    catalogue.write_text("\n".join(json.dumps({**line, "auth_mode": "NONE"}) for line in lines))
    command = [str(Path(sys.executable).parent / "nango-sandbox"), "--port", "0", "--rate-limit", "0"]
    command += ["--database", str(folder / "sandbox.db"), "--catalog", str(catalogue)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own command
        try:
            told: dict[str, str] = {}
            for line in process.stdout or ():
                name, _, value = line.strip().partition("=")
                told[name] = value
                if line.startswith("Stop it"):
                    break
            if "NANGO_API_KEY" not in told:
                raise SystemExit("The sandbox did not start.")
            server = Server(told["NANGO_BASE_URL"], told["NANGO_API_KEY"], [])
            keys = list(dict.fromkeys(line["integration"] for line in lines))
            yield Server(server.url, server.key, asyncio.run(_connected(server, keys)))
        finally:
            process.terminate()


async def _connected(server: Server, keys: Sequence[str]) -> Connections:
    async with NangoClient(server.settings) as nango:
        made = [await nango.connections.import_connection(key, {"type": "NONE"}, tags={}) for key in keys]
    return [(key, connection.connection_id) for key, connection in zip(keys, made, strict=True)]


def catalogue_lines() -> list[Line]:
    file = SHARED / "catalog.jsonl.gz"
    if file.exists():
        with gzip.open(file, "rt", encoding="utf-8") as lines:
            return [json.loads(line) for line in lines]
    return list(_made_up())


def _made_up() -> Iterator[Line]:
    things = ("account", "contact", "deal", "event", "file", "invoice", "message", "note")
    fields = {
        f"field_{number}": {"type": "string", "description": f"Field {number} of it. Example: {number}"}
        for number in range(8)
    }
    for number, verb, thing in itertools.product(range(100), ("list", "get", "create", "delete"), things):
        yield {
            "integration": f"app-{number}",
            "name": f"{verb}-{thing}",
            "description": f"{verb.title()} a {thing} in app {number}",
            "input_schema": {"type": "object", "properties": fields, "required": ["field_0"]},
        }
