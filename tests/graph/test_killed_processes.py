"""A process that is killed right after a write left: what becomes of the write, and of the thread."""

import asyncio
import json
import signal
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from starlette.requests import Request

from warm_commands import Command

OCTO = {"owner": "octo", "repo": "widgets"}
CREATE = {"id": "s1", "tool": "github/create-issue", "arguments": {**OCTO, "title": "Crash on undo"}}
COMMENT = {
    "id": "s2",
    "tool": "github/add-issue-comment",
    "arguments": {**OCTO, "issue_number": "${item.number}", "body": "ping"},
    "for_each": "${s1.issues}",
}
LIST = {"id": "s1", "tool": "github/list-issues", "arguments": OCTO}
APPROVE: dict[str, Any] = {"type": "approve"}

PROCESS = """
import asyncio, json, sys
from pathlib import Path
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.types import Command
from nango_graph import AgentSettings, Context, build_graph, open_services

async def main(folder, answer):
    settings = AgentSettings.from_environ(json.loads(sys.argv[3]))
    async with AsyncSqliteSaver.from_conn_string(str(folder / "threads.db")) as saver, open_services(settings) as services:
        graph = build_graph(services).compile(checkpointer=saver)
        config = {"configurable": {"thread_id": "t"}}
        await graph.ainvoke(Command(resume=answer) if answer else None, config, context=Context(user_id="ada"))

asyncio.run(main(Path(sys.argv[1]), json.loads(sys.argv[2])))
"""


def environment(agent: Any, folder: Path, base_url: str) -> dict[str, str]:
    return {
        "NANGO_API_KEY": agent.sandbox.api_key.get_secret_value(),
        "NANGO_BASE_URL": base_url,
        "OPENAI_API_KEY": "never used: the process does not live that long",
        "OPENAI_BASE_URL": "http://127.0.0.1:9/v1",
        "NANGO_AGENT_DATA_DIR": str(folder),
    }


class Holding:
    """Lets the first `passed` writes through, then passes on one more and keeps its answer to itself."""

    def __init__(self, passed: int = 0) -> None:
        self.passed = passed
        self.happened = asyncio.Event()
        self.over = asyncio.Event()

    async def __call__(self, request: Request, forward: Any) -> Any:
        answer = await forward()
        body = await request.body()
        if request.url.path == "/action/trigger" and b"list-issues" not in body:
            self.passed -= 1
            if self.passed < 0:
                self.happened.set()
                await self.over.wait()
        return answer


async def run_until_killed(agent: Any, folder: Path, proxy: Any, answer: Any, *, passed: int = 0) -> None:
    """A process of its own resumes the thread, and is killed when a write has happened and before it hears of it."""
    holding = proxy.handle = Holding(passed)
    process = await Command.start(
        str(folder),
        json.dumps(answer),
        json.dumps(environment(agent, folder, proxy.url)),
        program=PROCESS,
        folder=folder,
        environ={"LANGSMITH_TRACING": "false"},
    )
    ended, happened = asyncio.create_task(process.wait()), asyncio.create_task(holding.happened.wait())
    await asyncio.wait([ended, happened], return_when=asyncio.FIRST_COMPLETED, timeout=60)
    assert happened.done(), "the process ended before it sent the write"
    await process.kill()
    assert await ended == -signal.SIGKILL
    holding.over.set()


@pytest.fixture
async def saver(tmp_path: Path):
    async with AsyncSqliteSaver.from_conn_string(str(tmp_path / "threads.db")) as opened:
        yield opened


@pytest.fixture
async def killed(start, sandbox, proxy, saver, tmp_path):
    """The thread was asked for an approval here, and approved in a process that was killed after the write."""
    await sandbox.connect("github", {"end_user_id": "ada"})
    async with start(records=tmp_path / "records.db", saver=saver) as agent:
        agent.model.integrations, agent.model.script = ["github"], [{"kind": "plan", "steps": [CREATE]}]
        await agent.say("create it")
        await run_until_killed(agent, tmp_path, proxy, {"decisions": [APPROVE]})
        assert len(await agent.written()) == 1
        yield agent


def edited(shown: dict[str, Any], answer: str) -> dict[str, Any]:
    return {"type": "edit", "edited_action": {"name": shown["name"], "args": {**shown["args"], "answer": answer}}}


async def test_the_write_is_not_repeated_and_the_thread_asks_what_became_of_it(killed) -> None:
    started = killed.clock.now()
    seen = await killed.wake()
    assert [request["name"] for request in seen.asks] == ["resolve_unknown_outcome"]
    assert seen.asks[0]["args"]["arguments"] == CREATE["arguments"]
    assert any(part["type"] == "notice" for part in seen.parts), "that it waits is said"
    assert 100 < killed.clock.now() - started < 300, "it waited for the lease of the dead process to end"
    assert len(await killed.written()) == 1


async def test_a_write_that_the_user_found_done_counts_as_done(killed) -> None:
    seen = await killed.wake()
    seen = await killed.decide(edited(seen.asks[0], "happened"))
    assert seen.answer == "Done."
    assert seen.values["steps"] == {"s1": "succeeded"}
    assert len(await killed.written()) == 1


async def test_only_the_user_can_have_it_sent_again_and_once_only(killed) -> None:
    seen = await killed.wake()
    seen = await killed.decide(edited(seen.asks[0], "not_happened_retry"))
    assert seen.answer == "Done."
    assert len(await killed.written()) == 2, "the user said that it had not happened, and to send it"
    await killed.wake()
    assert len(await killed.written()) == 2


async def test_a_write_to_skip_is_neither_sent_nor_planned_again(killed) -> None:
    seen = await killed.wake()
    seen = await killed.decide(edited(seen.asks[0], "not_happened_skip"))
    assert seen.answer == "Done."
    assert len(await killed.written()) == 1


async def test_an_outcome_left_open_stays_unknown(killed) -> None:
    seen = await killed.wake()
    seen = await killed.decide({"type": "reject"})
    assert seen.answer == "Done."
    assert seen.values["results"][-1]["status"].startswith("unknown")
    assert len(await killed.written()) == 1


@pytest.mark.parametrize("answer", [APPROVE, {"type": "edit", "edited_action": {"args": {"answer": "perhaps"}}}])
async def test_an_answer_that_settles_nothing_is_asked_for_again(killed, answer) -> None:
    await killed.wake()
    seen = await killed.decide(answer)
    assert seen.question["problem"]
    assert len(await killed.written()) == 1


async def test_a_process_killed_a_second_time_still_sends_nothing_twice(killed, proxy, tmp_path) -> None:
    seen = await killed.wake()
    await run_until_killed(killed, tmp_path, proxy, {"decisions": [edited(seen.asks[0], "not_happened_retry")]})
    assert len(await killed.written()) == 2
    seen = await killed.wake()
    assert [request["name"] for request in seen.asks] == ["resolve_unknown_outcome"]
    assert len(await killed.written()) == 2


async def test_a_new_message_after_the_kill_asks_about_the_write_before_anything_is_planned(killed) -> None:
    killed.clock.time += 600
    seen = await killed.say("and now?")
    assert [request["name"] for request in seen.asks] == ["resolve_unknown_outcome"]
    killed.model.script = [{"kind": "answer", "text": "ok"}]
    seen = await killed.decide(edited(seen.asks[0], "happened"))
    assert seen.answer == "ok"
    assert len(await killed.written()) == 1


async def test_of_many_items_those_that_were_written_are_not_written_again(
    start, sandbox, proxy, saver, tmp_path
) -> None:
    await sandbox.connect("github", {"end_user_id": "ada"})
    async with start(records=tmp_path / "records.db", saver=saver) as agent:
        agent.model.integrations, agent.model.script = ["github"], [{"kind": "plan", "steps": [LIST, COMMENT]}]
        seen = await agent.say("ping all")
        items = seen.asks[0]["args"]["items"]
        await run_until_killed(agent, tmp_path, proxy, {"decisions": [APPROVE]}, passed=2)
        assert [sent for _, sent in await agent.written()] == items[:3]
        seen = await agent.wake()
        assert [request["args"]["arguments"] for request in seen.asks] == [items[2]], "the one whose answer was lost"
        await agent.decide(edited(seen.asks[0], "happened"))
        assert [sent for _, sent in await agent.written()] == items, "each once"
        assert [entry.action for entry in await agent.ledger()].count("list-issues") == 1, "nor is a read repeated"


async def test_two_processes_that_resume_one_thread_write_once(start, sandbox, proxy, saver, tmp_path) -> None:
    await sandbox.connect("github", {"end_user_id": "ada"})
    async with start(records=tmp_path / "records.db", saver=saver) as agent:
        agent.model.integrations, agent.model.script = ["github"], [{"kind": "plan", "steps": [CREATE]}]
        await agent.say("create it")
        answer = {"decisions": [APPROVE]}
        await asyncio.gather(agent.resume(answer), agent.resume(answer), return_exceptions=True)
        assert len(await agent.written()) == 1
