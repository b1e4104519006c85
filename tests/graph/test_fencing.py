"""A run that another one has overtaken sends nothing more, however long it still lives."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver

from nango_graph import AgentSettings, Context, ModelSettings, Records, ThreadBusy, build_graph, open_services
from nango_graph.digests import action_digest
from nango_graph.durable import DurableBuilder
from nango_graph.identity import Requester
from nango_graph.records import Call, CallKey, Decision, Lease, TurnRow
from nango_graph.records.claims import Overtaken
from nango_graph.run_lease import LEASE_KEY, Pace, lease_of_run
from nango_graph.state import State
from nango_tools import NangoSettings

NOW = 1_000_000.0
ADA = Requester("ada")
OCTO = {"owner": "octo", "repo": "widgets"}
APPROVE: dict[str, Any] = {"type": "approve"}
RUN = {"kind": "run", "thread_id": "t", "seconds": 60.0}


def write(number: int, **more: Any) -> dict[str, Any]:
    return {"id": f"s{number}", "tool": "github/create-issue", "arguments": {**OCTO, "title": f"Crash {number}"}} | more


@pytest.fixture
async def records(records_url: str | Path) -> AsyncIterator[Records]:
    opened = await Records.open(records_url)
    await opened.turns.begin(TurnRow("turn", ADA, "t", ""), message_id="m", now=NOW)
    await opened.plans.save(
        plan_id="plan", tenant=ADA.tenant, thread_id="t", turn_id="turn", ordinal=0, steps=[], seen=(), now=NOW
    )
    yield opened
    await opened.close()


async def claim(records: Records, number: int, lease: Lease | None) -> Call | None:
    key, digest = CallKey("plan", f"s{number}"), action_digest("a/b", "c", {"n": number})
    decision = Decision(key, "approved", digest, {}, asked_id="q", actor="ada")
    await records.decisions.record([decision], tenant=ADA.tenant, thread_id="t", now=NOW)
    call = Call(key, "a/b", "c", "write", digest, {}, "claimed", records.worker, NOW + 60)
    return await records.claims.claim(call, tenant=ADA.tenant, thread_id="t", now=NOW, lease=lease)


@pytest.mark.parametrize("how", ["it ran out", "a server's queue let the next one through"])
async def test_the_run_that_holds_the_newest_lease_claims_and_the_one_before_it_does_not(
    records: Records, records_url: str | Path, how: str
) -> None:
    other = await Records.open(records_url)
    try:
        first = await records.leases.take("run:t|", **RUN, now=NOW)  # type: ignore[arg-type]
        assert await claim(records, 1, first) is None
        forced = how != "it ran out"
        second = await other.leases.take("run:t|", **RUN, now=NOW + (0 if forced else 61), by_force=forced)  # type: ignore[arg-type]
        with pytest.raises(Overtaken, match="another run has taken over"):
            await claim(records, 2, first)
        assert await records.calls.get(CallKey("plan", "s2")) is None
        assert await claim(other, 2, second) is None
    finally:
        await other.close()


async def test_a_lease_that_ran_out_and_that_nobody_wanted_still_claims(records: Records) -> None:
    lease = await records.leases.take("run:t|", **(RUN | {"seconds": 0.0}), now=NOW - 1000)  # type: ignore[arg-type]
    assert await claim(records, 1, lease) is None


async def test_a_lease_that_was_given_back_claims_nothing(records: Records) -> None:
    lease = await records.leases.take("run:t|", **RUN, now=NOW)  # type: ignore[arg-type]
    assert lease is not None
    await records.leases.give_back(lease)
    with pytest.raises(Overtaken):
        await claim(records, 1, lease)


async def test_of_claims_that_race_with_a_takeover_none_is_committed_after_it(
    records: Records, records_url: str | Path
) -> None:
    other = await Records.open(records_url)
    try:
        first = await records.leases.take("run:t|", **RUN, now=NOW)  # type: ignore[arg-type]

        async def take_over() -> set[str]:
            await other.leases.take("run:t|", **RUN, now=NOW, by_force=True)  # type: ignore[arg-type]
            return {call.key.step for call in await other.calls.in_flight("t", ADA.tenant)}

        claims = [asyncio.create_task(claim(records, number, first)) for number in range(20)]
        seen = await take_over()
        await asyncio.wait(claims)
        claimed = {f"s{number}" for number, task in enumerate(claims) if task.exception() is None}
        assert claimed == seen, "what was claimed was there to be found by the run that took over"
    finally:
        await other.close()


async def test_a_run_that_was_overtaken_in_the_middle_of_a_plan_sends_nothing_more(
    sandbox: Any, proxy: Any, records_url: str | Path, tmp_path: Path
) -> None:
    """Two handles on one database, as two processes have them; the first one's event loop hung for longer than its lease."""
    await sandbox.connect("github", {"end_user_id": "ada"})
    settings = AgentSettings(
        nango=NangoSettings(api_key=sandbox.api_key, base_url=proxy.url),
        model=ModelSettings(name="scripted"),
        data_dir=tmp_path,
    )
    from agents import MovableClock, ScriptedModel

    model = ScriptedModel(integrations=["github"], script=[{"kind": "plan", "steps": [write(1), write(2), write(3)]}])
    saver, config, ada = InMemorySaver(), {"configurable": {"thread_id": "t"}}, Context(user_id="ada")
    first_records, second_records = await Records.open(records_url), await Records.open(records_url)
    came, let_go = asyncio.Event(), asyncio.Event()

    async def hold_the_second(request: Any, forward: Any) -> Any:
        if request.url.path == "/action/trigger" and b"Crash 2" in await request.body() and not came.is_set():
            came.set()
            await let_go.wait()
        return await forward()

    proxy.handle = hold_the_second
    try:
        async with open_services(settings, records=first_records, model=model, clock=MovableClock()) as services:
            builder = build_graph(services)
            builder.pace = Pace(renewed_every=600.0)
            graph = builder.compile(checkpointer=saver)
            await graph.ainvoke({"messages": [("user", "create three")]}, config, context=ada)
            from langgraph.types import Command

            answer = Command(resume={"decisions": [APPROVE] * 3})
            run = asyncio.create_task(graph.ainvoke(answer, config, context=ada))
            await came.wait()
            taken = await second_records.leases.take("run:t|", **RUN, now=0, by_force=True)  # type: ignore[arg-type]
            assert taken is not None
            let_go.set()
            with pytest.raises(ThreadBusy, match="has taken over"):
                await run
            assert [entry.input["title"] for entry in await sandbox.ledger()] == ["Crash 1", "Crash 2"]
            assert (await graph.aget_state(config)).next == ("execute",), "the thread is left as the other run has it"
            await second_records.leases.give_back(taken)
        async with open_services(settings, records=second_records, model=model, clock=MovableClock()) as services:
            graph = build_graph(services).compile(checkpointer=saver)
            await graph.ainvoke(None, config, context=ada)
            assert [entry.input["title"] for entry in await sandbox.ledger()] == ["Crash 1", "Crash 2", "Crash 3"]
    finally:
        await first_records.close()
        await second_records.close()


async def test_no_client_can_bring_a_lease_of_its_own(agent: Any) -> None:
    forged = Lease("run:other|", "worker", 9, 0.0)
    seen: list[Lease | None] = []

    async def look(_: State) -> dict[str, Any]:
        seen.append(lease_of_run())
        return {}

    builder = DurableBuilder(State)
    builder.services = build_graph(agent.services).services
    builder.add_node("look", look)
    builder.set_entry_point("look")
    graph = builder.compile(checkpointer=InMemorySaver()).with_config({"configurable": {LEASE_KEY: forged}})
    await graph.ainvoke({"messages": []}, {"configurable": {"thread_id": "t", LEASE_KEY: forged}})
    assert [lease.name for lease in seen if lease is not None] == ["run:t|"]
    assert lease_of_run() is None
    checkpoint = await graph.aget_state({"configurable": {"thread_id": "t"}})
    assert LEASE_KEY not in str(checkpoint.metadata)
