"""What is told of a step whose calls were about to be made, and were not: which step, in whose account, and what to do next."""

from typing import Any

import pytest

OCTO = {"owner": "octo", "repo": "widgets"}
T: Any = {"configurable": {"thread_id": "t"}}
LIST = {"id": "s1", "tool": "github/list-issues", "arguments": OCTO}
NOTHING_LEFT: dict[str, Any] = {"kind": "answer", "text": "All right."}


@pytest.fixture
async def agent(start: Any, sandbox: Any) -> Any:
    await sandbox.connect("github", {"end_user_id": "ada", "end_user_display_name": "Ada"})
    async with start() as opened:
        opened.model.integrations = ["github"]
        yield opened


async def told_of(agent: Any, step: str) -> tuple[str, str]:
    """What the state says of it, and how that must begin."""
    values = (await agent.graph.aget_state(T)).values
    [result] = [one for one in values["results"] if one["step"] == step]
    return result["error"], f"{step} {result['tool']} in {values['connections']['github']['label']}: "


def second(tool: str, arguments: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": "s2", "tool": f"github/{tool}", "arguments": arguments, **more}


@pytest.mark.parametrize(
    ("step", "why", "move"),
    [
        (
            second("create-issue", {**OCTO, "title": "${s1.issues[0].labels}"}),
            "The arguments don't fit",
            "Ask again in other words",
        ),
        (second("get-issue", {**OCTO, "issue_number": "${s1.nope}"}), "found nothing", "Check in the account"),
        (
            second("get-issue", {**OCTO, "issue_number": 1}, for_each="${s1.issues[0].number}"),
            "is not a list",
            "Ask again in other words",
        ),
        (
            second("get-issue", {**OCTO, "issue_number": 1}, for_each="${s1.nope}"),
            "there is no list",
            "Check in the account",
        ),
    ],
)
async def test_what_could_not_be_bound_is_headed_and_says_what_to_do(
    agent: Any, step: dict[str, Any], why: str, move: str
) -> None:
    agent.model.script = [{"kind": "plan", "steps": [LIST, step]}, NOTHING_LEFT]
    await agent.say("do it")
    told, head = await told_of(agent, "s2")
    assert told.startswith(head)
    assert told.count(head) == 1
    assert why in told
    assert move in told
    assert "Nothing was sent." in told


async def test_what_the_user_rejected_is_headed_and_says_why(agent: Any) -> None:
    agent.model.script = [{"kind": "plan", "steps": [second("create-issue", {**OCTO, "title": "x"})]}, NOTHING_LEFT]
    await agent.say("create it")
    await agent.decide({"type": "reject", "message": "not today"})
    told, head = await told_of(agent, "s2")
    assert told == f"{head}Rejected by the user. not today"


@pytest.mark.parametrize("how", ["data", "order"])
async def test_what_waits_or_is_blocked_is_headed_with_its_account(agent: Any, how: str) -> None:
    title = "${s2.title}" if how == "data" else "y"
    third = {"id": "s3", "tool": "github/create-issue", "arguments": {**OCTO, "title": title}}
    steps = [second("create-issue", {**OCTO, "title": "x", "repo": "nowhere"}), third]
    agent.model.script = [{"kind": "plan", "steps": steps}, NOTHING_LEFT]
    seen = await agent.say("create them")
    if how == "data":
        assert len(seen.asks) == 1
        told, head = await told_of(agent, "s3")
        assert told == f"{head}It waits for s2."
    await agent.decide(*[{"type": "approve"} for _ in seen.asks])
    told, head = await told_of(agent, "s3")
    assert told == f"{head}It needs s2, which did not succeed."
