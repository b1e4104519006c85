"""What is told beside the question of a write that may still be in Nango's queue, and of a run that is to stop."""

from dataclasses import replace
from typing import Any

import pytest

from nango_graph.execution.evidence import evidence_of
from nango_graph.identity import Requester
from nango_graph.records import Call, CallKey, TurnRow

KEY = CallKey("p", "s1")
TURN = TurnRow("u", Requester("ada"), "t", "")


def cut_off(async_id: str | None = None) -> Call:
    given = {"owner": "octo", "repo": "widgets", "title": "Crash"}
    return Call(KEY, "github/create-issue", "c", "write", "d", given, "unknown", "w", 0.0, async_id=async_id)


@pytest.mark.parametrize(
    ("async_id", "queues", "may_be_queued"),
    [(None, (), False), ("a1", (), True), (None, ("github/create-*",), True), (None, ("slack/*",), False)],
)
async def test_a_write_that_may_be_queued_is_never_said_to_be_over(
    start: Any, monkeypatch: pytest.MonkeyPatch, async_id: str | None, queues: tuple[str, ...], may_be_queued: bool
) -> None:
    async with start() as agent:
        settings = agent.services.settings.model_copy(update={"async_actions": queues})
        services = replace(agent.services, settings=settings)
        call = cut_off(async_id)
        sent_at = agent.clock.now() - 100_000
        monkeypatch.setattr(services.records.claims, "claimed_at", lambda keys: _at(sent_at))
        [told] = (await evidence_of([call], TURN, services))[KEY][:1]
        assert ("can't be running any more" in told) is not may_be_queued
        assert ("may still be waiting in Nango's queue" in told) is may_be_queued


async def _at(moment: float) -> dict[CallKey, float]:
    return {KEY: moment}


async def test_a_run_that_is_to_stop_looks_up_nothing_and_says_so(start: Any, proxy: Any) -> None:
    asked = []

    async def noting(request: Any, forward: Any) -> Any:
        asked.append(request.url.path)
        return await forward()

    async with start(nango={"base_url": proxy.url}) as agent:
        proxy.handle = noting
        told = (await evidence_of([cut_off()], TURN, agent.services, drained=lambda: True))[KEY]
        assert told[-1] == "Nothing was looked up for this one: the run was being stopped."
        assert asked == []
        await evidence_of([cut_off()], TURN, agent.services)
        assert asked
