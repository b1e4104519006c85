"""Ada's agent under a policy file, with a model that remembers everything that it was ever shown."""

import contextlib
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage, BaseMessage
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.memory import InMemorySaver
from pydantic import Field

from agents import Agent, MovableClock, ScriptedModel
from nango_graph import AgentSettings, ModelSettings, Records, build_graph, open_services
from nango_sandbox import Sandbox
from nango_tools import NangoSettings


class ListeningModel(ScriptedModel):
    """`heard`: every message and every tool schema of every call, the planner's or not."""

    heard: list[str] = Field(default_factory=list)

    def reply(self, messages: list[BaseMessage], tools: list[dict[str, Any]]) -> AIMessage:
        self.heard.append(json.dumps([[message.text for message in messages], tools]))
        return super().reply(messages, tools)


Under = Callable[..., contextlib.AbstractAsyncContextManager[Agent]]


@pytest.fixture
def under(sandbox: Sandbox, tmp_path: Path) -> Under:
    """Opens an agent whose rules are `rules` (the list, as YAML). Opened again, it is a process that came back, with other rules."""
    (records, saver) = (tmp_path / "records.db", InMemorySaver())

    @contextlib.asynccontextmanager
    async def opened(
        rules: str = "[]", *, saver: BaseCheckpointSaver[Any] = saver, base_url: str | None = None
    ) -> AsyncIterator[Agent]:
        policy = tmp_path / "policy.yaml"
        policy.write_text(f"version: 1\nrules: {rules.rstrip()}\n", encoding="utf-8")
        settings = AgentSettings(
            nango=NangoSettings(api_key=sandbox.api_key, base_url=base_url or sandbox.base_url),
            model=ModelSettings(name="scripted"),
            data_dir=tmp_path,
            policy_file=policy,
        )
        model, clock = ListeningModel(integrations=["github", "hubspot", "slack"]), MovableClock()
        kept = await Records.open(records)
        try:
            async with open_services(settings, records=kept, model=model, clock=clock) as services:
                graph = build_graph(services).compile(checkpointer=saver)
                yield Agent(sandbox, services, model, clock, graph)
        finally:
            await kept.close()

    return opened


@pytest.fixture(autouse=True)
async def _connected(sandbox: Sandbox) -> None:
    for integration in ("github", "hubspot", "slack"):
        await sandbox.connect(integration, {"end_user_id": "ada", "end_user_email": "ada@acme.example"})
