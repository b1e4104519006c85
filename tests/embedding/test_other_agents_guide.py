"""The examples of the guide for other agents, run as they stand there."""

import asyncio
import os
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage

from nango_graph import AgentSettings, NotAsked, Records
from nango_graph.pinning import environment_of
from nango_sandbox import Sandbox

GUIDE = Path(__file__).parent.parent.parent / "docs" / "how-to" / "other-agents.md"
OCTO = {"owner": "octo", "repo": "widgets"}
APPROVE = [{"type": "approve"}]


class Model(GenericFakeChatModel):
    def bind_tools(self, *_: Any, **__: Any) -> Any:
        return self


def calls(name: str, **arguments: Any) -> AIMessage:
    return AIMessage("", tool_calls=[{"name": name, "args": arguments, "id": f"{name}-1", "type": "tool_call"}])


def saying(*messages: AIMessage) -> Model:
    return Model(messages=iter(messages))


@pytest.fixture
async def examples(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, ModuleType]:
    monkeypatch.setenv("NANGO_API_KEY", sandbox.api_key.get_secret_value())
    monkeypatch.setenv("NANGO_BASE_URL", sandbox.base_url)
    monkeypatch.setenv("NANGO_AGENT_ENVIRONMENT", "staging")
    monkeypatch.setenv("NANGO_AGENT_MODEL", "rule-based")
    monkeypatch.setenv("NANGO_AGENT_DATA_DIR", str(tmp_path))
    text = GUIDE.read_text()
    blocks = re.findall(r"^```python\n# (\w+)\.py\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert len(blocks) == text.count("```python")
    modules = {}
    for name, code in blocks:
        module = ModuleType(name)
        monkeypatch.setitem(sys.modules, name, module)
        exec(compile(code, f"{GUIDE.name}:{name}", "exec"), module.__dict__)  # what a reader would do
        modules[name] = module
    [policy] = re.findall(r"^```yaml\n# policy\.yaml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    (tmp_path / "policy.yaml").write_text(policy)
    return modules


async def test_an_agent_reads_and_the_user_gets_a_link_for_what_is_missing(examples, sandbox, capsys) -> None:
    await sandbox.connect("github", {"end_user_id": "alice"})
    model = saying(calls("github__list-issues", **OCTO), AIMessage("Four are open."))
    assert await examples["reading"].answer(model, "alice", "what is open?") == "Four are open."
    assert "slack: the user has not connected an account. Connect it: http" in capsys.readouterr().out
    assert [(ran.action, ran.end_user_id) for ran in await sandbox.ledger()] == [("list-issues", "alice")]


async def test_a_write_is_asked_for_a_comment_is_not_and_an_announcement_is_denied(examples, sandbox, tmp_path) -> None:
    for integration in ("github", "slack"):
        await sandbox.connect(integration, {"end_user_id": "alice"})
    writing = examples["writing"]
    model = saying(
        calls("run_tool", tool="github/create-issue", arguments={**OCTO, "title": "It squeaks"}),
        AIMessage("Written."),
        calls("run_tool", tool="github/add-issue-comment", arguments={**OCTO, "issue_number": 7, "body": "me too"}),
        AIMessage("Commented."),
        calls("run_tool", tool="slack/post-message", arguments={"channel": "announcements", "text": "hi"}),
        AIMessage("That is not allowed."),
    )
    async with writing.assistant(model, "alice", tmp_path) as agent:
        asked = await writing.say(agent, "one", "write it up")
        [request] = asked.question["action_requests"]
        assert (request["name"], request["args"]["title"]) == ("github/create-issue", "It squeaks")
        assert await sandbox.ledger() == []
        decided = await writing.decide(agent, "one", asked.question["id"], APPROVE)
        assert (decided.question, decided.text) == (None, "Written.")
        assert (await writing.say(agent, "two", "me too")).text == "Commented."
        assert (await writing.say(agent, "three", "tell all")).text == "That is not allowed."
        messages = (await agent.aget_state({"configurable": {"thread_id": "three"}})).values["messages"]
        assert "nobody is announced to" in messages[-2].text
    assert [ran.action for ran in await sandbox.ledger()] == ["create-issue", "add-issue-comment"]


def writes(title: str) -> AIMessage:
    return calls("run_tool", tool="github/create-issue", arguments={**OCTO, "title": title})


@pytest.fixture
async def connected(sandbox: Sandbox) -> None:
    for integration in ("github", "slack"):
        await sandbox.connect(integration, {"end_user_id": "alice"})


async def test_an_approval_that_comes_after_another_message_decides_nothing(
    examples, sandbox, connected, tmp_path
) -> None:
    writing = examples["writing"]
    async with writing.assistant(saying(writes("A"), writes("B")), "alice", tmp_path) as agent:
        shown = await writing.say(agent, "t", "do A")
        other = await writing.say(agent, "t", "do B")
        with pytest.raises(NotAsked):
            await writing.decide(agent, "t", shown.question["id"], APPROVE)
        assert other.question["action_requests"][0]["args"]["title"] == "B"
    assert await sandbox.ledger() == []


async def test_a_second_click_does_not_answer_the_next_question(examples, sandbox, connected, tmp_path) -> None:
    writing = examples["writing"]
    async with writing.assistant(saying(writes("A"), writes("B")), "alice", tmp_path) as agent:
        shown = await writing.say(agent, "t", "do A")
        following = await writing.decide(agent, "t", shown.question["id"], APPROVE)
        assert following.question["action_requests"][0]["args"]["title"] == "B"
        with pytest.raises(NotAsked):
            await writing.decide(agent, "t", shown.question["id"], APPROVE)
    assert [ran.input["title"] for ran in await sandbox.ledger()] == ["A"]


async def test_an_approved_write_is_sent_though_there_are_too_many_tools_by_now(examples, sandbox, tmp_path) -> None:
    writing = examples["writing"]
    await sandbox.connect("github", {"end_user_id": "alice"})
    squeaks = calls("github__create-issue", **OCTO, title="It squeaks")
    async with writing.assistant(saying(squeaks), "alice", tmp_path) as agent:
        shown = await writing.say(agent, "t", "write it up")
    await sandbox.connect("slack", {"end_user_id": "alice"})
    async with writing.assistant(saying(AIMessage("Written.")), "alice", tmp_path) as agent:
        assert (await writing.decide(agent, "t", shown.question["id"], APPROVE)).text == "Written."
    assert [ran.action for ran in await sandbox.ledger()] == ["create-issue"]


async def test_definitions_are_remembered_for_the_environment_that_the_commands_name(
    examples, sandbox, connected, tmp_path
) -> None:
    async with examples["writing"].assistant(saying(), "alice", tmp_path):
        pass
    records = await Records.open(tmp_path / "records.db")
    assert await records.definitions.pinned(environment_of(AgentSettings.from_environ(os.environ)), {"github"})
    await records.close()


async def test_a_server_has_a_set_of_services_in_each_event_loop(examples, connected) -> None:
    async def offered() -> set[str]:
        async with examples["serving"].tools_of("alice") as session:
            return set(session.offered)

    elsewhere = await asyncio.to_thread(lambda: asyncio.run(offered()))
    assert await offered() == elsewhere >= {"github/create-issue", "slack/post-message"}
