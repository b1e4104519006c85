"""What Nango listed a moment ago in the same run is not asked for again before it is used; later, and in another run, it is."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from nango_graph.connections.looks import RECENT

OCTO = {"owner": "octo", "repo": "widgets"}
READ = {"kind": "plan", "steps": [{"id": "s1", "tool": "github/list-issues", "arguments": OCTO}]}
WRITE = {
    "kind": "plan",
    "steps": [{"id": "s1", "tool": "github/create-issue", "arguments": {**OCTO, "title": "Crash"}}],
}
APPROVE = {"type": "approve"}


@pytest.fixture
def lists(proxy: Any) -> Callable[[], int]:
    """How often Nango was asked for connections."""
    counted = 0

    async def counting(request: Any, forward: Any) -> Any:
        nonlocal counted
        counted += request.method == "GET" and request.url.path == "/connections"
        return await forward()

    proxy.handle = counting
    return lambda: counted


@pytest.fixture
async def agent(start: Any, sandbox: Any, proxy: Any) -> AsyncIterator[Any]:
    await sandbox.connect("github", {"end_user_id": "ada"})
    async with start(nango={"base_url": proxy.url}) as agent:
        agent.model.integrations = ["github"]
        yield agent


@pytest.mark.parametrize(("takes", "times"), [(RECENT - 1, 1), (RECENT, 2), (-1, 2)])
async def test_it_counts_for_a_few_seconds(agent: Any, lists: Callable[[], int], takes: float, times: int) -> None:
    def planned() -> dict[str, Any]:
        agent.clock.time += takes
        return READ

    agent.model.script = [planned]
    assert (await agent.say("look")).answer == "Done."
    assert lists() == times


async def test_a_run_that_goes_on_after_a_pause_asks_anew(agent: Any, lists: Callable[[], int]) -> None:
    agent.model.script = [WRITE]
    await agent.say("create it")
    before = lists()
    assert (await agent.decide(APPROVE)).answer == "Done."
    assert lists() == before + 1
