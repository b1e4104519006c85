"""`langgraph dev` as a user starts it, with a sandbox for Nango. Nothing of it lands in the project's folder."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import jwt
from langgraph_sdk import get_client
from langgraph_sdk.client import LangGraphClient

from nango_sandbox import Sandbox

ROOT = Path(__file__).parent.parent.parent
PATIENCE = 60.0
_LEAKS = ("NANGO", "OPENAI", "LANGSMITH", "LANGCHAIN", "LANGGRAPH", "BG_JOB")

ISSUER, AUDIENCE = "https://login.example", "nango-agent"
SECRET = "a shared secret of more than sixty-four bytes, which only tests know about"
LOGIN = {
    "NANGO_AGENT_JWT_ALGORITHMS": "HS256",
    "NANGO_AGENT_JWT_SECRET": SECRET,
    "NANGO_AGENT_JWT_ISSUER": ISSUER,
    "NANGO_AGENT_JWT_AUDIENCE": AUDIENCE,
    "NANGO_AGENT_JWT_COOKIE": "login",
}


@dataclass(frozen=True)
class Server:
    client: LangGraphClient
    url: str
    folder: Path
    log: Path
    process: subprocess.Popen[bytes]


@asynccontextmanager
async def langgraph_dev(
    folder: Path,
    environ: Mapping[str, str],
    *options: str,
    config: str = "langgraph.json",
    saver: str | None = None,
    app: str | None = None,
    graph: str | None = None,
    port: int | None = None,
) -> AsyncIterator[Server]:
    """Serves the project's own langgraph.json, or another `config`, from `folder`. Ends with SIGKILL.

    `saver`, `app` and `graph` name another checkpointer, another `http.app` and another graph. `port` is a free one by default.
    """
    described = json.loads((ROOT / config).read_text())
    if saver is not None:
        described["checkpointer"] = {"path": saver}
    if app is not None:
        described["http"]["app"] = app
    if graph is not None:
        described["graphs"] = {"nango_agent": graph}
    (folder / "langgraph.json").write_text(json.dumps(described))
    log = folder / "server.log"
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_LEAKS)}
    # A taken port is silently replaced by the server, so it is one that was free a moment ago.
    with socket.create_server(("127.0.0.1", port or 0)) as free:
        port = free.getsockname()[1]
    command = [str(Path(sys.executable).parent / "langgraph"), "dev", "--no-browser", "--no-reload"]
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: ASYNC220 - it starts while nobody waits for this loop
            [*command, "--host", "127.0.0.1", "--port", str(port), *options],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={
                **kept,
                "LANGGRAPH_NO_VERSION_CHECK": "true",
                "LANGGRAPH_CLI_NO_ANALYTICS": "1",
                "LANGSMITH_TRACING": "false",
                "SLOW_SAVER_LOG": str(folder / "saver.log"),
                "NANGO_AGENT_DATA_DIR": str(folder / "data"),
                "NANGO_AGENT_MODEL": "rule-based",
                **environ,
            },
        )
    url = f"http://127.0.0.1:{port}"
    try:
        await _until_it_answers(url, process, log)
        async with get_client(url=url, api_key=None) as client:
            yield Server(client, url, folder, log, process)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await asyncio.to_thread(process.wait)


async def _until_it_answers(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    async with asyncio.timeout(PATIENCE), httpx.AsyncClient() as client:
        while process.poll() is None:
            with contextlib.suppress(httpx.TransportError):
                if (await client.get(f"{url}/ok")).status_code == 200:
                    return
            await asyncio.sleep(0.1)
    told = await asyncio.to_thread(log.read_text, errors="replace")
    raise AssertionError(f"The server ended: {told[-3000:]}")


def environ_of(sandbox: Sandbox) -> dict[str, str]:
    return {
        "NANGO_BASE_URL": sandbox.base_url,
        "NANGO_API_KEY": sandbox.api_key.get_secret_value(),
        "NANGO_WEBHOOK_SIGNING_KEY": sandbox.webhook_signing_key.get_secret_value(),
    }


def token_for(user_id: str, organization_id: str = "", **claims: Any) -> str:
    """As the login of a company would issue it. A claim that is None is left out."""
    now = int(time.time())
    given: dict[str, Any] = {"iss": ISSUER, "aud": AUDIENCE, "sub": user_id, "iat": now, "exp": now + 3600}
    given |= {"org_id": organization_id or None, **claims}
    return jwt.encode({name: value for name, value in given.items() if value is not None}, SECRET, "HS256")
