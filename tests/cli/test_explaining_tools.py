"""`nango-agent tools explain`, and the guide about policies: what stands there is what happens."""

import json
import re
import shlex
from pathlib import Path

import pytest

from nango_graph import Records
from nango_graph.records.definitions import Shape
from nango_sandbox import Sandbox
from nango_tools.policy import Policy

GUIDE = (Path(__file__).parent.parent.parent / "docs/how-to/policy.md").read_text()
CATALOG = [
    {"integration": "github", "name": "delete-file", "description": "Delete a file"},
    {"integration": "github", "name": "list-issues", "description": "List issues"},
    {
        "integration": "slack",
        "name": "post-message",
        "description": "Post a message\u202e\u001b[31m",
        "input_schema": {"type": "object", "properties": {"channel": {"type": "string"}}, "required": ["channel"]},
    },
]
POLICY = """version: 1
rules:
  - {name: no deletes, effect: deny, tool: "*/delete-*"}
  - {name: general, effect: allow, tool: slack/*, arguments: "channel == 'general'", from_integration: [user, github]}
"""


def _blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL)


@pytest.fixture
def explain(start, tmp_path):
    (tmp_path / "tools.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in CATALOG))
    (tmp_path / "policy.yaml").write_text(POLICY)

    async def explain(*arguments, environ=None, files=("--catalog", "tools.jsonl", "--policy", "policy.yaml")):
        process = await start("tools", "explain", *arguments, *files, environ=environ or {})
        return await process.finish(), process.output

    return explain


def test_all_rules_of_the_guide_can_be_loaded(tmp_path):
    file = tmp_path / "policy.yaml"
    blocks = _blocks("yaml")
    assert len(blocks) > 3
    for block in blocks:
        file.write_text(f"version: 1\nrules:\n{block}" if block.startswith("-") else block)
        assert Policy.load(file).rules


def test_the_python_of_the_guide_runs(tmp_path, monkeypatch):
    [code] = _blocks("python")
    (tmp_path / "policy.yaml").write_text(_blocks("yaml")[0])
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "policy.md", "exec"), {})


@pytest.mark.parametrize("block", _blocks("console"))
async def test_what_the_guide_shows_is_what_is_said(start, tmp_path, block):
    (tmp_path / "policy.yaml").write_text(_blocks("yaml")[0])
    (tmp_path / "tools.jsonl").write_text(_blocks("json")[0])
    command, _, output = block.partition("\n")
    program, *arguments = shlex.split(command.removeprefix("$ "))
    assert program == "nango-agent"
    process = await start(*arguments)
    await process.finish()
    assert process.output == output


async def test_it_says_what_would_become_of_a_call_in_words_and_in_json(explain):
    status, output = await explain("slack/post-message", "--arguments", '{"channel": "general"}', "--json")
    assert status == 0
    explained = json.loads(output)
    assert (explained["effect"], explained["rule"], explained["where"]) == ("allow", "general", "policy.yaml:4")
    assert (explained["access"], explained["misfit"]) == ("write", None)
    _, output = await explain("slack/post-message", "--arguments", '{"channel": 5}', "--from", "github")
    assert "This call asks first. It changes something" in output
    assert "would not be sent: channel: 5 is not of type 'string'" in output
    _, output = await explain("slack/post-message", "--arguments", '{"channel": "general"}', "--from", "gmail")
    assert "This call asks first" in output
    _, output = await explain("github/delete-file")
    assert "A call is denied: no model sees it. The rule “no deletes” denies it. (policy.yaml:3)" in output
    assert "\x1b" not in output
    assert "\u202e" not in output


async def test_the_policy_of_the_environment_counts_where_none_is_named(explain):
    files = ("--catalog", "tools.jsonl")
    _, output = await explain("github/delete-file", files=files, environ={"NANGO_AGENT_POLICY": "policy.yaml"})
    assert "is denied" in output
    _, output = await explain("github/delete-file", files=files)
    assert "asks first" in output


async def test_a_tool_that_does_not_exist_is_told_with_near_names(explain):
    status, output = await explain("github/list-issue")
    assert (status, output) == (1, "nango-agent: There is no tool github/list-issue; near it are github/list-issues.\n")
    status, output = await explain("zoom/zzz")
    assert (status, output) == (1, "nango-agent: There is no tool zoom/zzz among the 3 here.\n")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("github",), "Name the tool as integration/tool"),
        (("slack/post-message", "--arguments", "{"), "--arguments is not JSON"),
        (("slack/post-message", "--from", "gmail"), "--from needs --arguments"),
        (("slack/post-message", "--policy", "nowhere.yaml"), "nowhere.yaml can't be read"),
        (("slack/post-message", "--catalog", "nowhere.jsonl"), "nowhere.jsonl"),
    ],
)
async def test_wrong_use_ends_with_a_sentence_and_status_2(explain, arguments, says):
    status, output = await explain(
        *arguments, files=() if {"--policy", "--catalog"} & {*arguments} else ("--catalog", "tools.jsonl")
    )
    assert status == 2
    assert says in output
    assert "Traceback" not in output


@pytest.mark.parametrize("command", [("run", "List my issues"), ("chat",), ("tools", "explain", "a/b")])
async def test_a_bad_policy_is_refused_with_its_line_by_every_command(start, tmp_path, command):
    (tmp_path / "policy.yaml").write_text("version: 1\nrules:\n  - name: x\n    efect: deny\n")
    environ = {"NANGO_AGENT_POLICY": "policy.yaml", "NANGO_API_KEY": "k", "NANGO_AGENT_MODEL": "rule-based"}
    process = await start(*command, environ=environ)
    assert await process.finish() == 2
    assert "nango-agent: policy.yaml:4: there is no `efect` in a rule; perhaps `effect`." in process.output


async def test_without_a_file_nango_is_asked(explain):
    async with Sandbox() as sandbox:
        environ = {"NANGO_BASE_URL": sandbox.base_url, "NANGO_API_KEY": sandbox.api_key.get_secret_value()}
        policy = ("--policy", "policy.yaml")
        status, output = await explain("slack/post-message", environ=environ, files=policy)
        assert status == 0
        assert "unless: goes ahead without asking. The rule “general” allows it." in output
        status, output = await explain("slack/post-massage", environ=environ, files=policy)
        assert status == 1
        assert "There is no tool slack/post-massage; near it are slack/post-message" in output
        environ["NANGO_API_KEY"] = "00000000-0000-4000-8000-000000000000"
        status, output = await explain("slack/post-message", environ=environ, files=policy)
        assert status == 1
        assert "NANGO_API_KEY" in output
        assert "Traceback" not in output
        assert await sandbox.ledger() == []


async def test_a_tool_whose_definition_has_changed_is_said_to_be_held_back(explain, tmp_path):
    async with Sandbox() as sandbox:
        (tmp_path / "data").mkdir()
        records = await Records.open(tmp_path / "data" / "records.db")
        slot = ("slack", "post-message", "both")
        await records.definitions.pin(sandbox.base_url, {slot: Shape("a" * 64, {"name": "post-message"})}, now=0)
        await records.definitions.wait(sandbox.base_url, slot, Shape("b" * 64, {"name": "post-message!"}), now=1)
        await records.close()
        environ = {"NANGO_BASE_URL": sandbox.base_url, "NANGO_API_KEY": sandbox.api_key.get_secret_value()}
        _, output = await explain("slack/post-message", environ=environ, files=())
        assert "Its definition has changed, and it is held back until that is accepted" in output
        (tmp_path / "policy.yaml").write_text("version: 1\ndefinitions: warn\n")
        _, output = await explain("slack/post-message", environ=environ, files=("--policy", "policy.yaml"))
        assert "Its definition has changed: see" in output
        _, output = await explain("github/list-issues", environ=environ, files=("--json",))
        assert json.loads(output)["change_waits"] is False
