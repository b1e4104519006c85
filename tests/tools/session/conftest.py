"""Agents of somebody else's, on a sandbox: a model that calls the tools that the test wants, and the loop around it."""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Annotated, Any, TypedDict

import pytest
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langgraph.graph import START, StateGraph
from langgraph.graph.message import add_messages
from langgraph.prebuilt import ToolNode, tools_condition
from pydantic import Field

from nango_graph import Records
from nango_sandbox import Sandbox
from nango_tools import NangoClient, NangoSettings


class CallingModel(BaseChatModel):
    """Says each of `script` in turn, calls of tools as (name, arguments); "Done." when there is nothing left.

    seen: the messages it was given last. bound: the functions it was offered, in OpenAI's form.
    """

    script: list[list[tuple[str, Any]]] = Field(default_factory=list)
    seen: list[BaseMessage] = Field(default_factory=list)
    bound: list[dict[str, Any]] = Field(default_factory=list)
    calls: list[int] = Field(default_factory=lambda: [0])

    @property
    def _llm_type(self) -> str:
        return "calling"

    def bind_tools(self, tools: Sequence[Any], **_: Any) -> Any:
        from langchain_core.utils.function_calling import convert_to_openai_tool

        self.bound[:] = [convert_to_openai_tool(tool)["function"] for tool in tools]
        return self

    def _generate(self, messages: list[BaseMessage], *_: Any, **__: Any) -> ChatResult:
        self.seen[:] = messages
        calls = []
        for name, arguments in self.script.pop(0) if self.script else []:
            self.calls[0] += 1
            calls.append({"name": name, "args": arguments, "id": f"call-{self.calls[0]}", "type": "tool_call"})
        return ChatResult(generations=[ChatGeneration(message=AIMessage("" if calls else "Done.", tool_calls=calls))])


class _State(TypedDict):
    messages: Annotated[list[BaseMessage], add_messages]


@pytest.fixture
def model() -> CallingModel:
    return CallingModel()


@pytest.fixture
def agent_of() -> Callable[..., Any]:
    """A loop of model and ToolNode: all calls of a message are one run of a node."""

    def made(model: CallingModel, tools: Sequence[Any], checkpointer: Any = None) -> Any:
        bound = model.bind_tools(tools)

        async def think(state: _State) -> dict[str, Any]:
            return {"messages": [await bound.ainvoke(state["messages"])]}

        graph = StateGraph(_State)
        graph.add_node("model", think)
        graph.add_node("tools", ToolNode(list(tools)))
        graph.add_edge(START, "model")
        graph.add_conditional_edges("model", tools_condition)
        graph.add_edge("tools", "model")
        return graph.compile(checkpointer=checkpointer)

    return made


@pytest.fixture
def react_agent_of() -> Callable[..., Any]:
    """LangGraph's own agent, built as `create_agent` is: each call of a message is a task of its own."""

    def made(model: CallingModel, tools: Sequence[Any], checkpointer: Any = None) -> Any:
        import warnings

        from langgraph.prebuilt import create_react_agent

        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore", DeprecationWarning
            )  # `create_agent` of langchain, which is not installed here
            return create_react_agent(model, list(tools), checkpointer=checkpointer)

    return made


@pytest.fixture
async def nango(sandbox: Sandbox) -> AsyncIterator[NangoClient]:
    async with NangoClient(NangoSettings(api_key=sandbox.api_key, base_url=sandbox.base_url)) as client:
        yield client


@pytest.fixture
async def records(tmp_path: Any) -> AsyncIterator[Records]:
    opened = await Records.open(tmp_path / "records.db")
    yield opened
    await opened.close()


@pytest.fixture
def written(sandbox: Sandbox) -> Callable[[], Any]:
    async def entries() -> list[tuple[str, Any]]:
        """(action, input) of everything that was not a read and succeeded, in the order in which it ran."""
        ran = await sandbox.ledger()
        return [(one.action, one.input) for one in ran if one.access != "read" and one.status == "succeeded"]

    return entries
