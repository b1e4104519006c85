"""The app of docs/how-to/embed.md, word for word: a thread that waits goes on by itself once the account is connected."""

import asyncio
import contextlib
import os
import re
import signal
import socket
import sys
from pathlib import Path

import httpx

from nango_graph import Records
from nango_graph.cli.autopilot import authorize
from nango_sandbox import Sandbox

ROOT = Path(__file__).parent.parent.parent


async def test_the_app_of_the_guide_goes_on_by_itself(sandbox: Sandbox, tmp_path: Path) -> None:
    [app] = re.findall(r"```python\n(.*?)```", (ROOT / "docs/how-to/embed.md").read_text(), re.DOTALL)
    (tmp_path / "app.py").write_text(app)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    sandbox.set_webhook_url(f"{url}/agent/webhooks/nango")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "uvicorn", "app:app", "--port", str(port)),
        cwd=tmp_path,
        env={
            "PATH": os.environ["PATH"],
            "NANGO_API_KEY": sandbox.api_key.get_secret_value(),
            "NANGO_BASE_URL": sandbox.base_url,
            "NANGO_WEBHOOK_SIGNING_KEY": sandbox.webhook_signing_key.get_secret_value(),
            "NANGO_AGENT_PUBLIC_URL": f"{url}/agent",
            "NANGO_AGENT_MODEL": "rule-based",
            "NANGO_AGENT_DATA_DIR": str(tmp_path / "data"),
        },
        stderr=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(90), httpx.AsyncClient(base_url=url, timeout=60, trust_env=False) as http:
            said = {"message": "List the open issues in octo/widgets on GitHub"}
            asked = (await _until_it_answers(http, said))["asks"]
            assert asked["action_requests"][0]["name"] == "connect_account"
            link = asked["action_requests"][0]["args"]["connect_link"]
            assert link.startswith(f"{url}/agent/connect/")
            await authorize(link)
            await _until_satisfied(tmp_path / "data" / "records.db")
            confirm = await _asked(http, "confirm_account")
            request = confirm["action_requests"][0]
            yes = {
                "type": "edit",
                "edited_action": {"name": request["name"], "args": {**request["args"], "confirm": "yes"}},
            }
            answer = (await http.post("/threads/t", json={"id": confirm["id"], "decisions": [yes]})).json()
            assert answer["says"]
            assert [entry.action for entry in await sandbox.ledger()] == ["list-issues"]
            again = await http.post("/threads/t", json={"id": confirm["id"], "decisions": [yes]})
            assert again.status_code == 409, "a double click"
    finally:
        process.send_signal(signal.SIGKILL)
        await process.wait()


async def _until_it_answers(http: httpx.AsyncClient, said: dict[str, str]) -> dict[str, dict[str, list]]:
    while True:
        with contextlib.suppress(httpx.ConnectError):
            return (await http.post("/threads/t", json=said)).raise_for_status().json()
        await asyncio.sleep(0.1)


async def _until_satisfied(path: Path) -> None:
    """By the webhook or the sweep: nobody has said anything to the thread."""
    records = await Records.open(path)
    while [wait.state for wait in await records.waits.live_in("t")] != ["satisfied"]:  # noqa: ASYNC110 - in another process
        await asyncio.sleep(0.1)
    await records.close()


async def _asked(http: httpx.AsyncClient, name: str) -> dict[str, list]:
    while True:
        answer = await http.post("/threads/t", json={"id": None, "decisions": None})
        asks = answer.json().get("asks") if answer.is_success else None
        if asks is not None and asks["action_requests"][0]["name"] == name:
            return asks
        await asyncio.sleep(0.2)
