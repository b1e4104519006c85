"""Large outputs through the whole graph: checkpoints stay small, references see the whole, results show what was selected."""

import json
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from starlette.responses import JSONResponse

from agents import Agent
from nango_graph.execution.results import result_of_step
from nango_graph.execution.scheduler import StepState
from nango_graph.planning.plan import Step
from nango_tools.expressions import MAX_LENGTH

OCTO = {"owner": "octo", "repo": "widgets"}
APPROVE: dict[str, Any] = {"type": "approve"}
KB = 1_000
SMALL = {"issues": [{"number": 1, "title": "Crash", "body": "It crashed."}]}


def issues(count: int, body: int) -> dict[str, Any]:
    return {"issues": [{"number": n, "title": f"Issue {n}", "body": chr(97 + n % 26) * body} for n in range(count)]}


def step(number: int, tool: str, arguments: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": f"s{number}", "tool": f"github/{tool}", "arguments": arguments, **more}


def plan(*steps: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "plan", "steps": list(steps)}


LIST = step(1, "list-issues", OCTO)
FAN_OUT = step(2, "get-issue", {**OCTO, "issue_number": "${item.number}"}, for_each="${s1.issues}")


class Checkpoints:
    """Rows of the saver's database, as they lie on the disk."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def largest(self, thread: str) -> int:
        return max(self._sizes("checkpoints", "length(checkpoint) + length(metadata)", thread))

    def written(self, thread: str) -> int:
        """Of all that nodes wrote, the largest of one step of the graph."""
        return max(self._sizes("writes", "sum(length(value))", thread, "GROUP BY checkpoint_id"))

    def whole(self, thread: str) -> int:
        return sum(
            [
                *self._sizes("checkpoints", "length(checkpoint) + length(metadata)", thread),
                *self._sizes("writes", "length(value)", thread),
            ]
        )

    def _sizes(self, table: str, size: str, thread: str, more: str = "") -> list[int]:
        connection = sqlite3.connect(self._path)
        rows = connection.execute(f"SELECT {size} FROM {table} WHERE thread_id = ? {more}", [thread]).fetchall()
        connection.close()
        return [size for (size,) in rows]


class World:
    """An agent behind whose reads stands what a test puts into `outputs`, by action."""

    def __init__(self, agent: Agent, checkpoints: Checkpoints) -> None:
        self.agent = agent
        self.checkpoints = checkpoints
        self.outputs: dict[str, Callable[[Any], Any]] = {}


@pytest.fixture
async def world(start: Any, sandbox: Any, proxy: Any, tmp_path: Path) -> AsyncIterator[World]:
    await sandbox.connect("github", {"end_user_id": "ada"})
    path = tmp_path / "threads.db"

    @asynccontextmanager
    async def opened() -> AsyncIterator[World]:
        async with (
            AsyncSqliteSaver.from_conn_string(str(path)) as saver,
            start(saver=saver, nango={"base_url": proxy.url}) as agent,
        ):
            agent.model.integrations = ["github"]
            yield World(agent, Checkpoints(path))

    async with opened() as made:

        async def handle(request: Any, forward: Any) -> Any:
            body = await request.body()
            sent = json.loads(body) if request.url.path == "/action/trigger" else {}
            output = made.outputs.get(sent.get("action_name"))
            return JSONResponse(output(sent["input"])) if output is not None else await forward()

        proxy.handle = handle
        yield made


async def test_two_megabytes_grow_a_checkpoint_by_less_than_ten_kilobytes(world: World) -> None:
    for thread, output in (("small", SMALL), ("large", issues(2_000, 1_000)), ("cjk", issues(1, 2_000_000))):
        if thread == "cjk":
            output = {"issues": [{"number": n, "title": "不具合の報告", "body": "再現" * 200} for n in range(3_000)]}  # noqa: PLW2901
        world.outputs["list-issues"] = lambda _, output=output: output
        world.agent.model.script = [plan(LIST | {"select": "issues[*].[number, title, body]"})]
        assert (await world.agent.say("what is open?", thread=thread)).answer == "Done."
    for thread in ("large", "cjk"):
        for size in (world.checkpoints.largest, world.checkpoints.written):
            assert 1 * KB < size(thread) - size("small") < 10 * KB
        # It lies there after the node that brought it, and after each one that follows; and in what that node wrote.
        assert world.checkpoints.whole(thread) - world.checkpoints.whole("small") < 30 * KB


async def test_a_fan_out_of_a_hundred_large_outputs_and_the_turn_after_it_stay_small(world: World) -> None:
    for thread, body in (("small", 10), ("large", 100_000)):
        world.outputs["list-issues"] = lambda _: issues(100, 10)
        world.outputs["get-issue"] = lambda sent, body=body: {"number": sent["issue_number"], "body": "x" * body}
        world.agent.model.script = [plan(LIST, FAN_OUT), {"kind": "answer", "text": "Nothing more."}]
        seen = await world.agent.say("read them all", thread=thread)
        assert seen.values["steps"] == {"s1": "succeeded", "s2": "succeeded"}
        assert (await world.agent.say("and now?", thread=thread)).answer == "Nothing more."
    for size in (world.checkpoints.largest, world.checkpoints.written):
        assert size("large") - size("small") < 10 * KB
    result = (await world.agent.wake(thread="large")).values["earlier"][1]
    assert result["size"] > 100 * 100_000
    assert result["shape"] == "[{number: integer, body: string}] (100)"
    assert len(result["artifacts"]) == 20


async def test_references_of_this_turn_and_of_the_next_see_the_whole(world: World) -> None:
    world.outputs["list-issues"] = lambda _: issues(2_000, 1_000)
    comment = {**OCTO, "issue_number": 1, "body": "${s1.issues[1999].title} of ${length(s1.issues)}"}
    world.agent.model.script = [plan(LIST, step(2, "add-issue-comment", comment))]
    seen = await world.agent.say("comment on the last one")
    assert seen.asks[0]["args"]["body"] == "Issue 1999 of 2000"
    # Asked for and approved in another run, which reads it from the records.
    await world.agent.decide(APPROVE)
    again = {**OCTO, "issue_number": 1, "body": "${s1.issues[1998].body}"}
    world.agent.model.script = [plan(step(3, "add-issue-comment", again))]
    seen = await world.agent.say("and quote the one before")
    assert seen.asks[0]["args"]["body"] == chr(97 + 1998 % 26) * 1_000
    await world.agent.decide(APPROVE)
    assert [sent["body"][:10] for _, sent in await world.agent.written()] == ["Issue 1999", chr(97 + 1998 % 26) * 10]


async def test_the_whole_is_read_by_the_id_that_the_result_names_by_its_tenant_only(world: World) -> None:
    output = issues(2_000, 1_000)
    world.outputs["list-issues"] = lambda _: output
    world.agent.model.script = [plan(LIST)]
    seen = await world.agent.say("what is open?")
    (result,) = seen.values["results"]
    (artifact,) = result["artifacts"]
    turn = await world.agent.services.records.turns.last_of("t")
    assert turn is not None
    records = world.agent.services.records
    assert await records.artifacts.read(artifact, tenant=turn.requester.tenant) == output
    with pytest.raises(LookupError):
        await records.artifacts.read(artifact, tenant="bea")
    assert result["size"] == len(json.dumps(output, separators=(",", ":")))


async def test_a_plan_sees_in_the_next_turn_what_was_selected_of_a_small_output(world: World) -> None:
    world.outputs["list-issues"] = lambda _: issues(20, 100)
    world.agent.model.script = [
        plan(LIST | {"select": "issues[?number == `7`].title | [0]"}),
        plan(step(2, "list-issues", OCTO)),
    ]
    seen = await world.agent.say("what is the seventh?")
    assert seen.values["results"][0]["preview"] == '"Issue 7"'
    await world.agent.say("again")
    assert '"Issue 7"' in world.agent.model.prompts[-1]


def shown(select: str | None, output: Any, **more: Any) -> Any:
    made = Step(id="s1", tool="github/list-issues", select=select, **more)
    return result_of_step(made, StepState("succeeded", output=output, arguments={}))


def test_what_was_selected_is_shown_at_greater_length_and_the_shape_is_of_the_whole() -> None:
    output = issues(500, 1_000)
    result = shown("issues[:120].title", output)
    assert json.loads(result["preview"]) == [f"Issue {number}" for number in range(120)]
    assert result["shape"] == "{issues: [{number: integer, title: string, body: string}] (500)}"
    assert result["selected"] == "issues[:120].title"
    assert "error" not in result
    assert len(shown("issues", output)["preview"]) <= 6_200
    assert len(shown(None, output)["preview"]) <= 2_200


def test_of_a_fan_out_the_list_of_outputs_is_selected_from() -> None:
    result = shown("[*].number", [{"number": 1}, {"number": 2}], for_each="${s0}")
    assert result["preview"] == "[1,2]"


@pytest.mark.parametrize(
    "select",
    [
        "issues[?",
        "nothing(issues)",
        "sum(issues)",
        "[@,@] | [@,@][] | [@,@][] | [@,@][]",
        "[" + ",".join(["@"] * 20) + "]",
        "[" + ",".join(["issues==issues"] * 26) + "]",
        "[" + ",".join(["length(map(&to_string(@),issues))"] * 8) + "]",
        "issues[*].{" + ",".join(f"f{n}: [number,title]" for n in range(12)) + "}",
        "to_string(@)",
        "a" * (MAX_LENGTH + 1),
    ],
)
def test_a_selection_that_fails_or_builds_or_takes_too_much_leaves_the_plain_preview_and_a_note(select: str) -> None:
    output = issues(15_000, 100)
    began = time.thread_time()
    result = shown(select, output)
    # Processor time of this thread: nobody else's work counts.
    assert time.thread_time() - began < 5
    assert result["preview"] == shown(None, output)["preview"]
    assert "selected" not in result
    assert result["error"].startswith("The preview is of the whole output: its select, ")
    assert result["status"] == "succeeded"
    assert len(json.dumps(result)) < 6 * KB


def test_arguments_that_hold_a_large_output_are_abridged_in_the_state() -> None:
    made = Step(id="s1", tool="github/list-issues")
    wide = {f"field {number}": {"text": "x" * 500, "list": list(range(50))} for number in range(500)}
    deep: Any = "x" * 3_000
    for _ in range(300):
        deep = {"a": [deep, "y" * 50]}
    for arguments in (wide, {"deep": deep}, {"items": [wide] * 30}, {"日本": ["語" * 400] * 30}):
        result = result_of_step(made, StepState("failed", error="No.", arguments=arguments))
        assert len(json.dumps(result, ensure_ascii=False).encode()) < 2_200
        assert result["arguments"] != arguments


def test_a_preview_of_odd_outputs_is_short() -> None:
    deep: Any = "x" * 3_000
    for _ in range(300):
        deep = [deep, {"a": "b"}]
    by_id = {f"id {number}": {"title": "x" * 100} for number in range(50_000)}
    for output in (deep, by_id, "😀" * 100_000, ["\u202e" * 10_000] * 100, {"k" * 100_000: 1}, [[[[by_id]]]]):
        result = shown(None, output)
        assert len(json.dumps(result, ensure_ascii=False).encode("utf-8", "surrogatepass")) < 9 * KB
    assert json.loads(shown(None, by_id)["preview"].partition(" (shortened")[0])["id 0"]["title"].startswith("xxx")
