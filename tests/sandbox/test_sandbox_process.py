"""Starting, stopping, keeping: the server, its database and the command."""

import asyncio
import os
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import threading
from pathlib import Path

import httpx
import pytest

from nango_sandbox import (
    Clock,
    DatabaseTakenError,
    DatabaseVersionError,
    PortTakenError,
    Sandbox,
    create_app,
    open_services,
)
from nango_sandbox.apps import all_apps
from nango_sandbox.cli import main


def headers_of(sandbox: Sandbox, connection_id: str) -> dict[str, str]:
    key = sandbox.api_key.get_secret_value()
    return {"Authorization": f"Bearer {key}", "connection-id": connection_id, "provider-config-key": "slack"}


async def post_message(sandbox: Sandbox, connection_id: str, text: str) -> None:
    async with httpx.AsyncClient(base_url=sandbox.base_url, trust_env=False) as http:
        body = {"action_name": "post-message", "input": {"channel": "general", "text": text}}
        answer = await http.post("/action/trigger", headers=headers_of(sandbox, connection_id), json=body)
        assert answer.status_code == 200


async def test_a_reopened_database_has_the_same_keys_connections_data_and_ledger(tmp_path: Path) -> None:
    database = tmp_path / "sandbox.db"
    async with Sandbox(database) as first:
        connection_id = await first.connect("slack", {"end_user_id": "alice"})
        await post_message(first, connection_id, "remember me")
        before = await first.ledger()
        keys = first.api_key, first.webhook_signing_key
        async with httpx.AsyncClient(base_url=first.base_url) as http:
            state = (await http.get("/sandbox/api/state")).json()
    async with Sandbox(database) as second:
        assert (second.api_key, second.webhook_signing_key) == keys
        assert await second.ledger() == before
        async with httpx.AsyncClient(base_url=second.base_url) as http:
            assert (await http.get("/sandbox/api/state")).json() == state
        await post_message(second, connection_id, "again")
        assert [each.id for each in await second.ledger()] == [1, 2]
    async with Sandbox(database, reset=True) as third:
        assert third.api_key != keys[0]
        assert await third.ledger() == []


async def test_two_sandboxes_in_memory_share_nothing() -> None:
    async with Sandbox() as one, Sandbox() as other:
        assert one.api_key != other.api_key
        assert one.base_url != other.base_url
        await one.connect("github", {"end_user_id": "alice"})
        async with httpx.AsyncClient(base_url=other.base_url) as http:
            key = {"Authorization": f"Bearer {one.api_key.get_secret_value()}"}
            assert (await http.get("/connections", headers=key)).status_code == 401


async def test_a_database_file_is_its_owners_alone(tmp_path: Path) -> None:
    async with Sandbox(tmp_path / "sandbox.db"):
        modes = await asyncio.to_thread(
            lambda: {each.name: stat.S_IMODE(each.stat().st_mode) for each in tmp_path.iterdir()}
        )
    assert "sandbox.db-wal" in modes
    assert set(modes.values()) == {0o600}


async def test_a_taken_port_is_an_error_and_deletes_nothing(tmp_path: Path) -> None:
    database = tmp_path / "sandbox.db"
    async with Sandbox(database) as running:
        port = httpx.URL(running.base_url).port
        assert port is not None
        key = running.api_key
        with pytest.raises(PortTakenError, match=rf"127\.0\.0\.1:{port}.*another one"):
            await Sandbox(database, port=port, reset=True).__aenter__()
    async with Sandbox(database, port=port) as again:
        assert again.api_key == key


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.0.1", "example.com", "::"])
def test_a_host_that_is_not_this_machine_is_refused(host: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="this machine only"):
        Sandbox(host=host)
    assert main(["--host", host, "--database", "unused.db"]) == 1
    assert "this machine only" in capsys.readouterr().err


def test_what_the_command_cannot_use_is_said_in_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = str(tmp_path / "sandbox.db")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        for arguments, said in (
            (["--port", port, "--database", file], "choose another one"),
            (["--port", "99999", "--database", file], "99999 is no port"),
            (["--port", "0", "--database", str(tmp_path / "missing" / "sandbox.db")], "Name another file"),
        ):
            assert main(arguments) == 1
            assert said in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


async def test_what_is_no_database_or_another_layout_is_said_and_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "notes.txt"
    other.write_text("These are my notes. " * 100)
    with pytest.raises(sqlite3.DatabaseError):
        await Sandbox(other).__aenter__()
    newer = tmp_path / "newer.db"
    with sqlite3.connect(newer) as rows:
        rows.execute("PRAGMA user_version = 99")
    rows.close()
    with pytest.raises(DatabaseVersionError, match="layout 99"):
        await Sandbox(newer).__aenter__()
    assert other.read_text() == "These are my notes. " * 100
    for file in (other, newer):
        assert await asyncio.to_thread(main, ["--port", "0", "--database", str(file)]) == 1
    assert "--reset" in capsys.readouterr().err


async def test_before_and_after_it_says_that_it_is_not_running() -> None:
    sandbox = Sandbox()
    with pytest.raises(RuntimeError, match="not running"):
        _ = sandbox.base_url
    async with sandbox:
        assert sandbox.base_url
    with pytest.raises(RuntimeError, match="not running"):
        await sandbox.ledger()


async def test_it_stops_with_an_open_connection_and_a_webhook_retry_pending() -> None:
    tried = asyncio.Event()

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 500 X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()
        tried.set()

    receiver = await asyncio.start_server(refuse, "127.0.0.1", 0)
    async with asyncio.timeout(8), httpx.AsyncClient() as http:
        async with Sandbox(webhook_url=f"http://127.0.0.1:{receiver.sockets[0].getsockname()[1]}/") as sandbox:
            assert (await http.get(f"{sandbox.base_url}/")).status_code == 200
            idle = socket.create_connection(("127.0.0.1", httpx.URL(sandbox.base_url).port or 0))
            idle.sendall(b"GET / HTTP/1.1\r\nHost: local")
            await sandbox.connect("github", {"end_user_id": "alice"})
            await tried.wait()
        idle.close()
    receiver.close()
    assert "nango-sandbox" not in [thread.name for thread in threading.enumerate()]


async def test_a_start_that_is_cancelled_leaves_nothing_running() -> None:
    start = asyncio.create_task(Sandbox().__aenter__())
    await asyncio.sleep(0)  # it has begun
    start.cancel()
    with pytest.raises(asyncio.CancelledError):
        await start
    for thread in threading.enumerate():
        if thread.name == "nango-sandbox":
            await asyncio.to_thread(thread.join, 10)
            assert not thread.is_alive()


async def test_the_same_application_is_called_in_process() -> None:
    services = open_services(None, base_url="http://localhost", integrations=all_apps(), clock=Clock())
    async with services as opened:
        transport = httpx.ASGITransport(create_app(opened))
        key = {"Authorization": f"Bearer {opened.keys.api_key.get_secret_value()}"}
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost", headers=key) as http:
            assert len((await http.get("/integrations")).json()["data"]) == 3
            assert "Nango sandbox" in (await http.get("/")).text


async def test_the_overview_shows_what_the_apps_hold_and_what_ran(tmp_path: Path) -> None:
    async with Sandbox(tmp_path / "sandbox.db") as sandbox:
        connection_id = await sandbox.connect("slack", {"end_user_id": "alice"})
        for number in range(60):
            await post_message(sandbox, connection_id, f"<b>message {number}</b>")
        async with httpx.AsyncClient(base_url=sandbox.base_url) as http:
            page = (await http.get("/")).text
    for expected in ("octo/widgets", "Crash on save", "#engineering", "Nora Winter", "Initech renewal", connection_id):
        assert expected in page
    assert "&lt;b&gt;message 59&lt;/b&gt;" in page
    assert "Executed actions (60)" in page
    assert "All of them as JSON" in page, "what is left out is said"


AS_IN_A_TERMINAL = (
    "import runpy, signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "runpy.run_module('nango_sandbox', run_name='__main__', alter_sys=True)"
)
"""What a shell starts in the background ignores Ctrl-C, and so does all that it starts."""


def test_the_command_serves_until_ctrl_c(tmp_path: Path) -> None:
    database = tmp_path / "sandbox.db"
    command = [sys.executable, "-W", "error", "-c", AS_IN_A_TERMINAL, "--port", "0", "--database", str(database)]
    command += ["--rate-limit", "7"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"}
    ) as process:
        assert process.stdout is not None
        lines: dict[str, str] = {}
        for line in process.stdout:
            name, _, value = line.strip().partition("=")
            lines[name] = value
            if "ctrl-c" in line:
                break
        answer = httpx.get(
            f"{lines['NANGO_BASE_URL']}/integrations", headers={"Authorization": f"Bearer {lines['NANGO_API_KEY']}"}
        )
        assert answer.status_code == 200
        assert answer.headers["x-ratelimit-limit"] == "7"
        process.send_signal(signal.SIGINT)
        try:
            _, errors = process.communicate(timeout=20)
        finally:
            process.kill()
    assert (process.returncode, errors) == (0, "")
    assert lines["NANGO_WEBHOOK_SIGNING_KEY"] not in ("", lines["NANGO_API_KEY"])


async def test_a_database_is_one_sandboxs_at_a_time(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "sandbox.db"
    async with Sandbox(file) as first:
        for reset in ([], ["--reset"]):
            assert await asyncio.to_thread(main, ["--port", "0", "--database", str(file), *reset]) == 1
            assert "Another sandbox uses" in capsys.readouterr().err
        with pytest.raises(DatabaseTakenError):
            await Sandbox(file).__aenter__()
        assert await first.ledger() == []
    async with Sandbox(file):
        pass


async def test_a_moved_clock_stays_moved_when_the_sandbox_starts_again(tmp_path: Path) -> None:
    async with Sandbox(tmp_path / "sandbox.db") as first:
        first.clock.advance(86400)
    async with Sandbox(tmp_path / "sandbox.db") as second:
        assert second.clock.moved.total_seconds() == 86400


@pytest.mark.parametrize("given", [5, [], "x", True, {"items": 1}])
async def test_the_overview_shows_whatever_an_action_was_given(given: object) -> None:
    async with Sandbox() as sandbox:
        headers = {**headers_of(sandbox, await sandbox.connect("slack", {"end_user_id": "alice"}))}
        async with httpx.AsyncClient(base_url=sandbox.base_url, headers=headers, trust_env=False) as http:
            await http.post("/action/trigger", json={"action_name": "post-message", "input": given})
            assert (await http.get("/")).status_code == 200
