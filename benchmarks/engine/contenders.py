# ruff: noqa: INP001 - part of a script
"""Who does the requests. Each is made as its documentation has it, and warm: tools are listed before anything is measured."""

import asyncio
import json
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cases import CREATE, INTEGRATION, Case
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langchain_mcp_adapters.client import MultiServerMCPClient
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.types import Command
from pydantic import SecretStr
from scripted import Scripted

from nango_graph import AgentSettings, Context, ModelSettings, build_graph, open_services
from nango_tools import Catalog, NangoClient, NangoSettings, Tool

ALLOWED = """\
version: 1
rules:
  - name: notes of the lab
    effect: allow
    tool: lab/create-entry
"""


@dataclass(frozen=True)
class Lab:
    url: str
    key: str
    connection: str

    @property
    def settings(self) -> NangoSettings:
        return NangoSettings(api_key=SecretStr(self.key), base_url=self.url)


class Contender(ABC):
    """`path`: that of requests for tool calls. `saver`: where its checkpoints go; None if it keeps none. `only`: the cases that it is
    for; of all if there are none.
    """

    name: str
    path: str = "/action/trigger"
    saver: AsyncSqliteSaver | None = None
    only: str = ""

    def __init__(self, model: Scripted) -> None:
        self.model = model

    @abstractmethod
    async def run(self, case: Case, thread: str) -> float:
        """Does the request; seconds that it took, without those of a person. Raises RuntimeError if it was not done."""


class ThisGraph(Contender):
    def __init__(self, name: str, model: Scripted, graph: Any, saver: AsyncSqliteSaver, only: str) -> None:
        super().__init__(model)
        self.name, self.saver, self.only, self._graph = name, saver, only, graph

    async def run(self, case: Case, thread: str) -> float:
        config: Any = {"configurable": {"thread_id": thread}}
        sent: Any = {"messages": [("user", case.request)]}
        began = time.perf_counter()
        state = await self._graph.ainvoke(sent, config, context=Context(user_id="ada"))
        while "__interrupt__" in state:
            approved = [{"type": "approve"} for _ in state["__interrupt__"][0].value["action_requests"]]
            state = await self._graph.ainvoke(
                Command(resume={"decisions": approved}), config, context=Context(user_id="ada")
            )
        took = time.perf_counter() - began
        statuses = set((await self._graph.aget_state(config)).values["steps"].values())
        if statuses != {"succeeded"}:
            raise RuntimeError(f"{self.name}, case {case.name}: {state['messages'][-1].text} {statuses}")
        return took


class Agent(Contender):
    """`create_agent` with the tools of `MultiServerMCPClient`."""

    name = "create_agent + MCP"
    path = "/mcp"

    def __init__(self, model: Scripted, tools: list[Any], saver: AsyncSqliteSaver) -> None:
        super().__init__(model)
        self.saver = saver
        self._agent = create_agent(model, tools, checkpointer=saver)

    async def run(self, case: Case, thread: str) -> float:
        config: Any = {"configurable": {"thread_id": thread}}
        began = time.perf_counter()
        state = await self._agent.ainvoke({"messages": [HumanMessage(case.request)]}, config)
        took = time.perf_counter() - began
        _all_there(self.name, case, state["messages"])
        return took


class PlainLoop(Contender):
    """Model, calls, model, until it answers. Nothing is kept, nothing is asked."""

    name = "plain loop"

    def __init__(self, model: Scripted, tools: list[Tool], nango: NangoClient, connection: str) -> None:
        super().__init__(model)
        self._nango, self._connection = nango, connection
        self._bound = model.bind_tools(
            [{"name": tool.name, "description": tool.description, "parameters": tool.input_schema} for tool in tools]
        )

    async def run(self, case: Case, thread: str) -> float:  # noqa: ARG002 - it has none
        began = time.perf_counter()
        messages: list[BaseMessage] = [HumanMessage(case.request)]
        while True:
            reply: AIMessage = await self._bound.ainvoke(messages)
            messages.append(reply)
            if not reply.tool_calls:
                break
            messages += await asyncio.gather(*map(self._called, reply.tool_calls))
        took = time.perf_counter() - began
        _all_there(self.name, case, messages)
        return took

    async def _called(self, call: Any) -> ToolMessage:
        output = await self._nango.actions.trigger(
            connection_id=self._connection,
            integration_id=INTEGRATION,
            action=call["name"],
            input=call["args"],
            writes=call["name"] == CREATE,
        )
        return ToolMessage(json.dumps(output), tool_call_id=call["id"])


class NodesOnly(PlainLoop):
    """A read's two model calls and its call in as many nodes as this graph passes, and nothing else: what LangGraph takes for them."""

    name = "plain loop, in 7 nodes"
    only = "a"

    def __init__(
        self, model: Scripted, tools: list[Tool], nango: NangoClient, connection: str, saver: AsyncSqliteSaver
    ) -> None:
        super().__init__(model, tools, nango, connection)
        self.saver = saver
        steps = [self._nothing, self._nothing, self._nothing, self._nothing, self._asked, self._calls, self._asked]
        graph = StateGraph(MessagesState)
        graph.add_sequence([(f"node_{place}", step) for place, step in enumerate(steps)])
        graph.add_edge(START, "node_0")
        self._graph = graph.compile(checkpointer=saver)

    async def run(self, case: Case, thread: str) -> float:
        config: Any = {"configurable": {"thread_id": thread}}
        began = time.perf_counter()
        sent: Any = {"messages": [HumanMessage(case.request)]}
        state = await self._graph.ainvoke(sent, config, durability="sync")
        took = time.perf_counter() - began
        _all_there(self.name, case, state["messages"])
        return took

    async def _nothing(self, _: MessagesState) -> dict[str, Any]:
        return {}

    async def _asked(self, state: MessagesState) -> dict[str, Any]:
        return {"messages": [await self._bound.ainvoke(state["messages"])]}

    async def _calls(self, state: MessagesState) -> dict[str, Any]:
        last = state["messages"][-1]
        calls = last.tool_calls if isinstance(last, AIMessage) else []
        return {"messages": await asyncio.gather(*map(self._called, calls))}


def _all_there(name: str, case: Case, messages: list[BaseMessage]) -> None:
    done = [message for message in messages if isinstance(message, ToolMessage) and message.status != "error"]
    if len(done) != case.tool_calls:
        raise RuntimeError(f"{name}, case {case.name}: {len(done)} of {case.tool_calls} calls were done")


@asynccontextmanager
async def contenders(lab: Lab, folder: Path, latency: float, at_once: int) -> AsyncIterator[list[Contender]]:
    """`at_once`: of the variant of this graph whose limit for a connection is raised for the fan-out."""
    async with AsyncExitStack() as stack:

        async def saver(name: str) -> AsyncSqliteSaver:
            return await stack.enter_async_context(AsyncSqliteSaver.from_conn_string(str(folder / f"{name}.db")))

        async def graph(name: str, only: str = "", **settings: Any) -> ThisGraph:
            kept = folder / uuid.uuid4().hex
            kept.mkdir()
            model = Scripted(latency=latency)
            settings = {"nango": lab.settings, "model": ModelSettings(name="scripted"), "data_dir": kept, **settings}
            services = await stack.enter_async_context(open_services(AgentSettings(**settings), model=model))
            checkpoints = await saver(kept.name)
            return ThisGraph(name, model, build_graph(services).compile(checkpointer=checkpoints), checkpoints, only)

        rule = folder / "policy.yaml"
        rule.write_text(ALLOWED)
        nango = await stack.enter_async_context(NangoClient(lab.settings))
        listed = await Catalog(nango).discover([(INTEGRATION, lab.connection)])
        tools = [tool for of_one in listed.values() for tool in of_one]
        client = MultiServerMCPClient(
            {
                INTEGRATION: {
                    "transport": "streamable_http",
                    "url": f"{lab.url}/mcp",
                    "headers": {
                        "Authorization": f"Bearer {lab.key}",
                        "connection-id": lab.connection,
                        "provider-config-key": INTEGRATION,
                    },
                }
            }
        )
        yield [
            await graph("this graph"),
            await graph("this graph, allowed by a rule", "b", policy_file=rule),
            await graph(f"this graph, {at_once} at once", "e", concurrency=at_once, concurrency_per_connection=at_once),
            Agent(Scripted(latency=latency), await client.get_tools(), await saver("agent")),
            PlainLoop(Scripted(latency=latency), tools, nango, lab.connection),
            NodesOnly(Scripted(latency=latency), tools, nango, lab.connection, await saver("nodes")),
        ]
