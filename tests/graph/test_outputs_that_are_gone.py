"""An artifact that is deleted while its plan is open; and results of large outputs, which are worked out beside the loop."""

import contextlib
import json
import sqlite3
import threading
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import JSONResponse

from issue_steps import EACH, LIST, OCTO
from nango_graph.execution.results import result_of_step
from nango_graph.nodes import execute

APPROVE: dict[str, Any] = {"type": "approve"}


def comment(body: str) -> dict[str, Any]:
    return {"id": "s3", "tool": "github/add-issue-comment", "arguments": {**OCTO, "issue_number": 1, "body": body}}


@pytest.fixture
def large(proxy: Any) -> None:
    async def handle(request: Any, forward: Any) -> Any:
        if request.url.path != "/action/trigger":
            return await forward()
        name = json.loads(await request.body())["action_name"]
        outputs = {
            "list-issues": {"issues": [{"number": 1, "body": "x" * 9_000}, {"number": 2}]},
            "get-issue": {"number": 1, "body": "y" * 9_000},
        }
        return JSONResponse(outputs[name]) if name in outputs else await forward()

    proxy.handle = handle


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize(
    ("steps", "gone"), [([LIST], "s1"), ([LIST, EACH], "s2")], ids=["of a step", "of a step for each item"]
)
async def test_a_step_whose_output_was_deleted_before_the_approval_came_fails_in_words(
    start: Any, sandbox: Any, proxy: Any, tmp_path: Path, steps: list[dict[str, Any]], gone: str
) -> None:
    await sandbox.connect("github", {"end_user_id": "ada"})
    async with start(records=tmp_path / "calls.db", nango={"base_url": proxy.url}) as agent:
        agent.model.integrations = ["github"]
        reference = "${length(s1.issues)}" if gone == "s1" else "${s2[0].number}"
        agent.model.script = [
            {"kind": "plan", "steps": [*steps, comment(f"the first of {reference}")]},
            {"kind": "answer", "text": "Its output is gone."},
        ]
        await agent.say("comment")
        with contextlib.closing(sqlite3.connect(tmp_path / "calls.db")) as connection:
            deleted = connection.execute(
                "DELETE FROM nango_agent_artifacts WHERE id IN (SELECT artifact FROM nango_agent_calls WHERE step = ?)",
                [gone],
            )
            assert deleted.rowcount == 1
            connection.commit()
        seen = await agent.decide(APPROVE)
        assert seen.answer == "Its output is gone."
        result = next(one for one in seen.values["results"] if one["step"] == gone)
        assert result["status"] == "failed"
        assert f"do not have the output of step {gone}" in result["error"]
        assert seen.values["steps"]["s3"] == "blocked"
        assert await agent.written() == [], "nothing was written with null in its place"
        agent.model.script = [{"kind": "answer", "text": "Still gone."}]
        seen = await agent.say("and now?")
        assert seen.answer == "Still gone."


@pytest.mark.usefixtures("large")
async def test_what_takes_long_to_be_looked_through_does_not_hold_up_the_loop(
    start: Any, sandbox: Any, proxy: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for integration in ("github", "slack"):
        await sandbox.connect(integration, {"end_user_id": "ada"})
    beside = dict[str, bool]()

    def looked_at(step: Any, state: Any) -> Any:
        beside[step.id] = threading.current_thread() is not threading.main_thread()
        return result_of_step(step, state)

    monkeypatch.setattr(execute, "result_of_step", looked_at)
    async with start(nango={"base_url": proxy.url}) as agent:
        agent.model.integrations = ["github", "slack"]
        small = {"id": "s3", "tool": "slack/list-channels", "arguments": {}}
        selected = {**small, "id": "s4", "select": "[0]"}
        agent.model.script = [{"kind": "plan", "steps": [LIST, EACH, small, selected]}]
        assert (await agent.say("look")).answer == "Done."
    assert beside == {"s1": True, "s2": True, "s3": False, "s4": True}
