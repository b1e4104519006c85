"""Checked by mypy --strict and never run: what an embedding program writes must type-check."""

from collections.abc import Mapping
from pathlib import Path
from typing import assert_type

from langgraph.checkpoint.memory import InMemorySaver
from pydantic import SecretStr

from nango_graph import (
    AgentSettings,
    Context,
    ModelSettings,
    Outcome,
    Records,
    Services,
    UsageError,
    answer,
    build_graph,
    open_services,
)
from nango_graph.durable import DurableBuilder, DurableGraph
from nango_tools import NangoSettings


async def embed(environ: Mapping[str, str]) -> None:
    settings = AgentSettings.from_environ(environ)
    assert_type(settings, AgentSettings)
    records = await Records.open(Path("records.db"))
    assert_type(records, Records)
    async with open_services(settings, records=records) as services:
        assert_type(services, Services)
        builder = build_graph(services)
        assert_type(builder, DurableBuilder)
        graph = builder.compile(checkpointer=InMemorySaver())
        assert_type(graph, DurableGraph)
        try:
            await graph.ainvoke(
                {"messages": [("user", "hello")]},
                {"configurable": {"thread_id": "t"}},
                context=Context(user_id="ada", integrations=["github"], max_steps=5),
            )
        except UsageError as error:
            assert_type(str(error), str)
        outcome = await answer("t", [{"type": "approve"}], graph=graph, context=Context(user_id="ada"))
        assert_type(outcome, Outcome)
        async for _ in graph.astream(None, {"configurable": {"thread_id": "t"}}, stream_mode="updates"):
            pass


def by_hand() -> AgentSettings:
    return AgentSettings(
        nango=NangoSettings(api_key=SecretStr("key")),
        model=ModelSettings(name="gpt-5-mini", api_key=SecretStr("key"), base_url=None),
        data_dir=Path.home(),
    )


def from_the_environment_at_the_first_run() -> DurableBuilder:
    return build_graph()
