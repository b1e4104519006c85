"""The package in somebody's project: with folders of the same names as ours, with nothing but an environment."""

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import pytest

import nango_graph
from nango_sandbox import Sandbox

SCRIPT = """
import asyncio, sys
import tools, graph, sandbox, server
assert tools.MINE and graph.MINE and sandbox.MINE and server.MINE
from langgraph.checkpoint.memory import InMemorySaver
from nango_graph import Context, build_graph

async def main():
    agent = build_graph().compile(checkpointer=InMemorySaver())
    config = {"configurable": {"thread_id": "t"}}
    given = {"messages": [("user", "List the open issues in octo/widgets on GitHub")]}
    result = await agent.ainvoke(given, config, context=Context(user_id="ada"))
    print(result["messages"][-1].text)

asyncio.run(main())
asyncio.run(main())  # another loop of the same process
"""

IMPORT_ONLY = """
import os, socket, sys
touched = []
def watch(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "subprocess.Popen", "os.mkdir", "sqlite3.connect"):
        touched.append((event, arguments))
    if event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+"):
        touched.append((event, arguments))
    if event == "open" and str(arguments[0]).endswith(".env"):
        touched.append((event, arguments))
sys.addaudithook(watch)
import threading
class Environment(type(os.environ)):
    def __getitem__(self, name):
        if name.startswith(("NANGO", "OPENAI_API_KEY", "OPENAI_BASE_URL")):
            touched.append(("environ", name))
        return super().__getitem__(name)
os.environ.__class__ = Environment
from nango_graph import build_graph, Context
build_graph()
import nango_graph.server
assert touched == [], touched
assert threading.active_count() == 1, threading.enumerate()
"""


async def _python(folder: Path, **environ: str) -> tuple[int, str, str]:
    path = {"PYTHONPATH": os.environ["PYTHONPATH"]} if "PYTHONPATH" in os.environ else {}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-W",
        "error",
        "-B",
        str(folder / "main.py"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=folder,
        env={**path, **environ},
    )
    output, errors = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode is not None
    return process.returncode, output.decode(), errors.decode()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in ("tools", "graph", "sandbox", "server"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("MINE = True\n")
    (tmp_path / "main.py").write_text(SCRIPT)
    return tmp_path


async def test_a_project_with_packages_of_our_folders_names_can_use_it_with_an_environment_alone(project: Path) -> None:
    async with Sandbox() as sandbox:
        await sandbox.connect("github", {"end_user_id": "ada"})
        status, output, errors = await _python(
            project,
            NANGO_BASE_URL=sandbox.base_url,
            NANGO_API_KEY=sandbox.api_key.get_secret_value(),
            NANGO_AGENT_MODEL="rule-based",
            NANGO_AGENT_DATA_DIR=str(project / "data"),
        )
        assert status == 0, errors
        assert errors == "", "no warning, and no complaint of things left open"
        assert output.count("#7") == 2
        assert (project / "data" / "records.db").exists()


async def test_a_setting_that_is_missing_is_named_in_one_sentence(project: Path) -> None:
    status, _, errors = await _python(project, NANGO_AGENT_MODEL="rule-based")
    assert status == 1
    raised = [line for line in errors.splitlines() if line.startswith("nango_graph.errors.UsageError: ")]
    assert len(raised) == 1
    assert "Set NANGO_API_KEY" in raised[0]


async def test_importing_does_nothing(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(IMPORT_ONLY)
    status, output, errors = await _python(tmp_path, NANGO_API_KEY="k")
    assert (status, output, errors) == (0, "", "")
    assert os.listdir(tmp_path) == ["main.py"]  # noqa: PTH208 - as good as a Path here, and this rule knows no async


def test_the_public_names_are_these() -> None:
    assert sorted(nango_graph.__all__) == nango_graph.__all__
    assert set(nango_graph.__all__) == {
        "AgentError",
        "AgentSettings",
        "Context",
        "EmbeddedThreads",
        "LedgerGate",
        "LoginNeeded",
        "LoginUnavailable",
        "ModelError",
        "ModelSettings",
        "NotAsked",
        "Outcome",
        "Records",
        "Requester",
        "ServerThreads",
        "Services",
        "ServicesPerLoop",
        "ThreadBusy",
        "Threads",
        "UsageError",
        "answer",
        "build_graph",
        "create_web_app",
        "open_services",
        "sweeping",
    }
    for name in nango_graph.__all__:
        value: Any = getattr(nango_graph, name)
        assert value.__module__.startswith("nango_graph.")
