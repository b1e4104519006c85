"""Two worker processes on one Postgres are told of the same connection at the same moment, a hundred times."""

import asyncio
from typing import Any

import pytest

ADA = {"end_user_id": "ada"}
ROUNDS = 100


@pytest.mark.system
@pytest.mark.parametrize("records_url", ["postgres"], indirect=True)
async def test_each_of_a_hundred_waits_is_passed_once(
    start: Any, sandbox: Any, records_url: Any, saver: Any, work: Any
) -> None:
    async with start(records=records_url, saver=saver) as agent:
        agent.model.integrations = ["github"]
        workers = [await work(), await work()]
        planned = [0, 0]
        for round_ in range(ROUNDS):
            thread, user = f"t{round_}", f"user{round_}"
            await agent.say("list the issues", thread=thread, user=user)
            (wait,) = await agent.services.records.waits.live_in(thread)
            await sandbox.connect("github", {"end_user_id": user})
            said = await asyncio.gather(*(worker.tell(f"wake {thread}") for worker in workers))
            now = [int(words.removeprefix("planned ")) for words in said]
            assert sum(now) == sum(planned) + 1, "the planner was asked once, by one of the two"
            planned = now
            assert (await agent.services.records.waits.get(wait.id)).state == "consumed"
            state = await agent.graph.aget_state({"configurable": {"thread_id": thread}})
            assert state.values["messages"][-1].text == "Done."
        assert sum(planned) == ROUNDS
        assert min(planned) > 0, "both took part"
        assert [entry.action for entry in await agent.ledger()] == ["list-issues"] * ROUNDS
