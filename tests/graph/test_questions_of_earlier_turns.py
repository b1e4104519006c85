"""What the next message asks first, of writes that were cut off: which they were, what for, and in whose account."""

import asyncio
import contextlib
from typing import Any

import pytest
from langgraph.types import Command

from nango_graph import Context

OCTO = {"owner": "octo", "repo": "widgets"}
T: Any = {"configurable": {"thread_id": "t"}}
ADA = Context(user_id="ada")
NOTHING_LEFT: dict[str, Any] = {"kind": "answer", "text": "All right."}


def write(number: int, purpose: str) -> dict[str, Any]:
    arguments = {**OCTO, "title": "Crash"}
    return {"id": f"s{number}", "tool": "github/create-issue", "arguments": arguments, "purpose": purpose}


@pytest.fixture
async def agent(start: Any, sandbox: Any, proxy: Any) -> Any:
    """Two writes were approved, equal but for what they are for; the answer to the second was cut off."""
    await sandbox.connect("github", {"end_user_id": "ada", "end_user_display_name": "Ada"})
    async with start(nango={"base_url": proxy.url}) as opened:
        opened.model.integrations = ["github"]
        opened.model.script = [
            {"kind": "plan", "steps": [write(1, "For the first crash"), write(2, "For the second *crash*")]},
            NOTHING_LEFT,
        ]
        await opened.say("create both")
        sent: list[Any] = []
        there, over = asyncio.Event(), asyncio.Event()

        async def cutting(request: Any, forward: Any) -> Any:
            answer = await forward()
            if request.url.path == "/action/trigger":
                sent.append(request)
                if len(sent) == 2:
                    there.set()
                    await over.wait()
            return answer

        proxy.handle = cutting
        approved = Command(resume={"decisions": [{"type": "approve"}] * 2})
        run = asyncio.create_task(opened.graph.ainvoke(approved, T, context=ADA))
        async with asyncio.timeout(30):
            await there.wait()
        run.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await run
        over.set()
        proxy.handle = lambda _, forward: forward()
        yield opened


async def test_it_names_the_step_what_it_was_for_and_the_account_by_its_label(agent: Any) -> None:
    state = await agent.graph.aget_state(T)
    account = state.values["connections"]["github"]
    seen = await agent.say("and now?")
    [asked] = seen.asks
    told = asked["description"]
    assert "Step s2 (For the second \\*crash\\*) of an earlier request: github/create-issue in " in told
    assert account["label"] in told
    assert account["connection_id"] not in told
    assert "have it planned again; you are asked once more before it is sent" in told


async def test_an_account_that_the_state_does_not_know_any_more_is_called_by_its_integration(agent: Any) -> None:
    await agent.graph.aupdate_state(T, {"connections": {}})
    seen = await agent.say("and now?")
    assert "github/create-issue in the github account was sent" in seen.asks[0]["description"]
