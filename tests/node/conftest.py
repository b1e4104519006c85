"""Node, the packages of package-lock.json, and JavaScript objects that a test calls as if they were its own."""

import json
import os
import shutil
import subprocess
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from nango_sandbox import Sandbox

HERE = Path(__file__).parent
INSTALL = "npm ci --prefix tests/node"
PATIENCE = 30
"""Seconds that one call may take."""


class JavaScriptError(Exception):
    """What was thrown over there. `status`, `headers` and `body` are those of an HTTP answer, if it was one."""

    def __init__(self, thrown: dict[str, Any]) -> None:
        super().__init__(f"{thrown['message']}: {thrown.get('body')}")
        self.name: str = thrown["name"]
        self.message: str = thrown["message"]
        self.code: str | int | None = thrown.get("code")
        self.status: int | None = thrown.get("status")
        self.headers: dict[str, str] = thrown.get("headers") or {}
        self.body: Any = thrown.get("body")


class JavaScript:
    """An object in a Node process: `object("method", argument, ...)` gives what the method resolves to."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def open(self, **settings: Any) -> None:
        self._ask({"open": settings})

    def __call__(self, method: str, *args: Any) -> Any:
        return self._ask({"method": method, "args": args})

    def _ask(self, request: dict[str, Any]) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        too_late = threading.Timer(PATIENCE, self._process.kill)
        too_late.start()
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        finally:
            too_late.cancel()
        assert line, f"Node gave no answer to {request}"
        answer = json.loads(line)
        if "error" in answer:
            raise JavaScriptError(answer["error"])
        return answer.get("value")


@pytest.fixture(scope="session")
def node(pytestconfig: pytest.Config) -> str:
    """The node program, with the wanted packages beside this file. Skips without them, unless they are required."""
    program = shutil.which("node")
    reason = "Node is not installed" if program is None else _not_installed()
    if reason is not None:
        if pytestconfig.getoption("--require-system"):
            pytest.fail(reason)
        pytest.skip(reason)
    assert program is not None
    return program


def _not_installed() -> str | None:
    wanted: dict[str, str] = json.loads((HERE / "package.json").read_text())["dependencies"]
    for name, version in wanted.items():
        manifest = HERE / "node_modules" / name / "package.json"
        if not manifest.exists() or json.loads(manifest.read_text())["version"] != version:
            return f"{name} {version} is not installed: {INSTALL}"
    return None


@pytest.fixture(scope="session")
def javascript_error() -> type[JavaScriptError]:
    return JavaScriptError


@pytest.fixture(scope="session")
def _sdk_process(node: str) -> Iterator[JavaScript]:
    with _started(node, "sdk.mjs") as object_:
        yield object_


@pytest.fixture(scope="session")
def _mcp_process(node: str) -> Iterator[JavaScript]:
    with _started(node, "mcp.mjs") as object_:
        yield object_


@pytest.fixture
def open_sdk(_sdk_process: JavaScript) -> Callable[..., JavaScript]:
    """Makes a `Nango` of @nangohq/node from its settings. There is one at a time."""

    def opened(**settings: Any) -> JavaScript:
        _sdk_process.open(**settings)
        return _sdk_process

    return opened


@pytest.fixture
def nango(sandbox: Sandbox, open_sdk: Callable[..., JavaScript]) -> JavaScript:
    """The SDK as whoever runs the environment has it."""
    return open_sdk(
        host=sandbox.base_url,
        apiKey=sandbox.api_key.get_secret_value(),
        webhookSigningKey=sandbox.webhook_signing_key.get_secret_value(),
    )


@pytest.fixture
def open_mcp(_mcp_process: JavaScript) -> Callable[..., JavaScript]:
    """Connects a `Client` of the TypeScript MCP SDK to `url` with `headers`. There is one at a time."""

    def opened(**settings: Any) -> JavaScript:
        _mcp_process.open(**settings)
        return _mcp_process

    return opened


@pytest.fixture
def refused() -> Callable[[Callable[[], object]], tuple[int | None, str]]:
    """The status and the error code of a call that Nango refuses."""

    def status_and_code(call: Callable[[], object]) -> tuple[int | None, str]:
        with pytest.raises(JavaScriptError) as caught:
            call()
        assert isinstance(caught.value.body, dict), caught.value
        return caught.value.status, caught.value.body["error"]["code"]

    return status_and_code


@pytest.fixture
async def import_connection(sandbox: Sandbox) -> AsyncIterator[Callable[..., Awaitable[None]]]:
    """POST /connections, which the SDK leaves to whoever needs it."""
    headers = {"Authorization": f"Bearer {sandbox.api_key.get_secret_value()}"}
    async with httpx.AsyncClient(base_url=sandbox.base_url, headers=headers, trust_env=False) as http:

        async def imported(**fields: Any) -> None:
            (await http.post("/connections", json=fields)).raise_for_status()

        yield imported


@contextmanager
def _started(node: str, script: str) -> Iterator[JavaScript]:
    process = subprocess.Popen(
        [node, str(HERE / script)],
        env={"PATH": os.environ["PATH"]},  # no proxy gets between
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )
    with process:  # closing its input ends it
        yield JavaScript(process)
