"""Which threads a server that has lost its rows brings back."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from nango_graph import Records
from nango_graph.identity import Requester
from nango_graph.records import TurnRow


@pytest.fixture
async def records(records_url: str | Path) -> AsyncIterator[Records]:
    opened = await Records.open(records_url)
    yield opened
    await opened.close()


async def begin(records: Records, thread: str, *, at: float, graph: str = "nango_agent") -> TurnRow:
    turn = TurnRow(f"{thread}-{at}", Requester("ada"), thread, "assistant", graph, {"locale": "de"})
    await records.turns.begin(turn, message_id="m", now=at)
    return turn


async def test_the_latest_turns_that_did_not_end_the_newest_first_and_only_those_of_a_server(records: Records) -> None:
    older, newer = await begin(records, "older", at=1), await begin(records, "newer", at=2)
    done = await begin(records, "done", at=3)
    await records.turns.finish(done.id, 4)
    await begin(records, "left behind", at=5)
    answered = await begin(records, "left behind", at=6)
    await records.turns.finish(answered.id, 7)
    await begin(records, "asked again", at=8)
    latest = await begin(records, "asked again", at=9)
    await begin(records, "in a terminal", at=10, graph="")
    assert await records.turns.unfinished(limit=10) == [latest, newer, older]
    assert await records.turns.unfinished(limit=2) == [latest, newer]
