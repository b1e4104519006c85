"""A run that goes on for long looks again, before each write, whether tool and account are still what they were."""

import asyncio
from typing import Any

import pytest
from langgraph.types import Command

from nango_graph import Context

OCTO = {"owner": "octo", "repo": "widgets"}
STEPS = [
    {"id": f"s{number}", "tool": "github/create-issue", "arguments": {**OCTO, "title": f"Crash {number}"}}
    for number in (1, 2)
]


@pytest.mark.parametrize("changed", ["nothing", "the connection is gone", "the tool is another", "the tool is gone"])
@pytest.mark.parametrize("later", [0, 60])
async def test_what_changed_while_an_earlier_write_took_long_counts(
    start: Any, sandbox: Any, proxy: Any, monkeypatch: pytest.MonkeyPatch, changed: str, later: int
) -> None:
    await sandbox.connect("github", {"end_user_id": "ada"})
    async with start(nango={"base_url": proxy.url}) as agent:
        agent.model.integrations = ["github"]
        agent.model.script = [{"kind": "plan", "steps": STEPS}, {"kind": "answer", "text": "That was all."}]
        await agent.say("create both")
        catalog, discover = agent.services.catalog, agent.services.catalog.discover
        came, over = asyncio.Event(), asyncio.Event()

        async def hold_the_first(request: Any, forward: Any) -> Any:
            answer = await forward()
            if b"Crash 1" in await request.body():
                came.set()
                await over.wait()
            return answer

        async def other(connections: Any) -> Any:
            found = await discover(connections)
            if changed == "the tool is gone":
                return {
                    key: tuple(tool for tool in tools if tool.name != "create-issue") for key, tools in found.items()
                }
            return {
                key: tuple(tool.model_copy(update={"fingerprint": "f"}) for tool in tools)
                for key, tools in found.items()
            }

        proxy.handle = hold_the_first
        answer = Command(resume={"decisions": [{"type": "approve"}] * 2})
        config: Any = {"configurable": {"thread_id": "t"}}
        run = asyncio.create_task(agent.graph.ainvoke(answer, config, context=Context(user_id="ada")))
        await came.wait()
        agent.clock.time += later
        if changed == "the connection is gone":
            [connection] = [one async for one in agent.services.nango.connections.list(integration_ids=["github"])]
            await agent.services.nango.connections.delete(connection.connection_id, "github")
        elif changed != "nothing":
            monkeypatch.setattr(catalog, "discover", other)
        over.set()
        await run
        values = (await agent.graph.aget_state(config)).values
        titles = [entry.input["title"] for entry in await agent.ledger()]
        unseen = later == 0 and changed.startswith("the tool")
        assert titles == (["Crash 1", "Crash 2"] if changed == "nothing" or unseen else ["Crash 1"])
        if changed == "the connection is gone":
            assert values["steps"] == {"s1": "succeeded", "s2": "parked"}
        elif titles == ["Crash 1"]:
            assert "Not sent: github/create-issue" in values["results"][-1]["error"]
