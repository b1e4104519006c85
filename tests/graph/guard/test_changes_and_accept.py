"""`nango-agent tools changes` and `accept`: what an operator sees, and what that allows."""

import io
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from nango_graph.cli.main import _parser
from nango_graph.cli.terminal import Terminal
from nango_graph.cli.tools import run_tools
from nango_graph.errors import UsageError
from nango_graph.pinning import environment_of
from nango_graph.records import Records
from nango_graph.records.definitions import Shape
from nango_graph.settings import AgentSettings

FIRST, CHANGED, AGAIN = "1" * 64, "a1b2" * 16, "c3d4" * 16
SLOT = ("github", "list-issues", "both")
EVIL = "List.\x1b[2J \u202eevil\u202c \U000e0041 \x9b31m <b> [bold]x[/bold]"

Tools = Callable[..., Awaitable[tuple[int, str]]]


def shape(fingerprint: str, description: str, version: str = "1.0.0") -> Shape:
    definition = {
        "name": "list-issues",
        "description": description,
        "input_schema": {"type": "object"},
        "output_schema": None,
        "method": None,
        "scopes": [],
        "source": "both",
    }
    return Shape(fingerprint, definition, version)


@pytest.fixture
def environ(records_url: str | Path, tmp_path: Path) -> dict[str, str]:
    where = {"NANGO_AGENT_DATA_DIR": str(records_url.parent if isinstance(records_url, Path) else tmp_path)}
    if isinstance(records_url, str):
        where["NANGO_AGENT_DATABASE_URL"] = records_url
    return {"NANGO_API_KEY": "00000000-0000-4000-8000-000000000000", **where}


@pytest.fixture
async def records(environ: dict[str, str], records_url: str | Path) -> AsyncIterator[Records]:
    opened = await Records.open(records_url)
    yield opened
    await opened.close()


@pytest.fixture
def environment(environ: dict[str, str]) -> str:
    return environment_of(AgentSettings.from_environ({**environ, "NANGO_AGENT_MODEL": "rule-based"}))


@pytest.fixture
async def changed(records: Records, environment: str) -> Records:
    await records.definitions.pin(environment, {SLOT: shape(FIRST, "List issues.")}, now=1.0)
    assert await records.definitions.wait(environment, SLOT, shape(CHANGED, EVIL, "1.1.0"), now=2.0)
    return records


@pytest.fixture
def tools(environ: dict[str, str]) -> Tools:
    async def call(*words: str, **more: str) -> tuple[int, str]:
        output = io.StringIO()
        arguments = _parser().parse_args(["tools", *words])
        return await run_tools(arguments, {**environ, **more}, Terminal(output)), output.getvalue()

    return call


async def test_a_change_is_shown_as_a_diff_with_what_accepts_it(changed: Records, tools: Tools) -> None:
    status, output = await tools("changes")
    assert status == 0
    assert f"github/list-issues  (listed by MCP and /scripts/config, version 1.0.0 -> 1.1.0)\n{CHANGED}\n" in output
    assert '  -   "description": "List issues.",' in output
    assert '  +   "description": "List.' in output
    assert '      "input_schema": {' in output, "what stayed is shown around it"


async def test_a_diff_tells_that_a_tool_would_be_thought_less_harmful(
    records: Records, environment: str, tools: Tools
) -> None:
    quiet, loud = shape(FIRST, "List issues."), shape(CHANGED, "List issues.")
    quiet.definition["name"] = loud.definition["name"] = "company-settings"  # type: ignore[index]
    quiet.definition["method"], loud.definition["method"] = "DELETE", "GET"  # type: ignore[index]
    await records.definitions.pin(environment, {SLOT: quiet}, now=1.0)
    await records.definitions.wait(environment, SLOT, loud, now=2.0)
    _, output = await tools("changes")
    for line in (
        '- ~"method": "DELETE"',
        '+ ~"method": "GET"',
        '- ~"judged to be": "destructive"',
        '+ ~"judged to be": "read"',
    ):
        assert line.replace("~", "  ") in output


async def test_nothing_in_a_diff_moves_or_hides_text(changed: Records, tools: Tools) -> None:
    _, output = await tools("changes")
    assert [one for one in output if one != "\n" and not one.isprintable()] == []
    for escape in (r"\u001b[2J", r"\u202eevil\u202c", r"\ue0041", r"\u009b31m", "[bold]x[/bold]"):
        assert escape in output


async def test_changes_are_json_for_programs(changed: Records, tools: Tools) -> None:
    status, output = await tools("changes", "--json")
    assert status == 0
    (line,) = output.splitlines()
    told = json.loads(line)
    assert told["tool"] == "github/list-issues"
    assert told["waits"]["fingerprint"] == CHANGED
    assert told["waits"]["definition"]["description"] == EVIL
    assert told["holds"]["version"] == "1.0.0"


async def test_nothing_that_waits_is_said_too(records: Records, tools: Tools) -> None:
    assert await tools("changes") == (0, "Nothing waits.\n")
    assert await tools("changes", "--json") == (0, "")


async def test_a_script_can_ask_whether_something_waits(changed: Records, tools: Tools) -> None:
    assert (await tools("changes", "--check"))[0] == 3
    await tools("accept", "github/list-issues", CHANGED)
    assert (await tools("changes", "--check"))[0] == 0


async def test_what_was_shown_is_accepted_and_by_whom_is_kept(changed: Records, tools: Tools, environment: str) -> None:
    status, output = await tools("accept", "github/list-issues", CHANGED.upper(), "--as", "olga")
    assert status == 0
    assert "holds from now on" in output
    pinned = await changed.definitions.pinned(environment, ["github"])
    assert (pinned[SLOT].fingerprint, pinned[SLOT].changed_fingerprint) == (CHANGED, None)
    assert await tools("changes") == (0, "Nothing waits.\n")
    assert await tools("accept", "github/list-issues", CHANGED) == (1, "Nothing waits for github/list-issues.\n")
    await changed.definitions.wait(environment, SLOT, shape(AGAIN, "Once more."), now=3.0)
    _, output = await tools("changes", "--json")
    assert json.loads(output)["holds"]["accepted_by"] == "olga"


async def test_what_has_changed_again_since_is_not_accepted(changed: Records, tools: Tools, environment: str) -> None:
    assert await changed.definitions.wait(environment, SLOT, shape(AGAIN, "Worse."), now=3.0)
    status, output = await tools("accept", "github/list-issues", CHANGED)
    assert status == 1
    assert f"what waits for github/list-issues is {AGAIN}." in output
    pinned = await changed.definitions.pinned(environment, ["github"])
    assert pinned[SLOT].fingerprint == FIRST


@pytest.mark.parametrize(
    ("tool", "fingerprint"),
    [
        ("github/list-issues", CHANGED[:12]),
        ("github/list-issues", CHANGED[:63]),
        ("github/list-issues", "%" * 12),
        ("github/list-issues", "yes, the newest one"),
        ("github", CHANGED),
        ("/list-issues", CHANGED),
    ],
)
async def test_less_than_was_shown_accepts_nothing(
    changed: Records, tools: Tools, environment: str, tool: str, fingerprint: str
) -> None:
    with pytest.raises(UsageError):
        await tools("accept", tool, fingerprint)
    assert len(await changed.definitions.waiting(environment)) == 1


async def test_another_environment_sees_and_accepts_nothing(changed: Records, tools: Tools, environment: str) -> None:
    assert await tools("changes", NANGO_AGENT_ENVIRONMENT="prod") == (0, "Nothing waits.\n")
    status, _ = await tools("accept", "github/list-issues", CHANGED, NANGO_AGENT_ENVIRONMENT="prod")
    assert status == 1
    assert len(await changed.definitions.waiting(environment)) == 1
