"""A graph whose every step is on disk before the next begins, and whose traces hold no credentials, whoever runs it.

The LangGraph server runs graphs with durability "async" unless each run says otherwise, and a caller may forget. With
anything but "sync", a killed process resumes from an older step.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import ensure_config
from langgraph.graph.state import CompiledStateGraph, StateGraph

from nango_graph.errors import UsageError
from nango_graph.services import ServicesSource
from nango_graph.tracing import Tracing

NO_CHECKPOINTER = (
    "This graph waits for people, so it needs a checkpointer and a thread: compile it with "
    'build_graph().compile(checkpointer=...) and run it with {"configurable": {"thread_id": "..."}}.'
)
_PARENTS_CHECKPOINTER = "__pregel_checkpointer"
"""Where LangGraph hands a parent graph's checkpointer to its subgraphs."""


class DurableGraph(CompiledStateGraph[Any, Any, Any, Any]):
    """Runs with durability "sync", always. Everything that runs a graph asynchronously comes through `astream`.

    Raises `UsageError` where nothing keeps checkpoints: it could ask, but never go on.
    """

    async def astream(
        self,
        input: Any,  # noqa: A002 - its name in LangGraph
        config: RunnableConfig | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[Any]:
        if not self._keeps_checkpoints(config):
            raise UsageError(NO_CHECKPOINTER)
        if isinstance(self.builder, DurableBuilder):
            if self.builder.admit is not None and not ensure_config(config)["metadata"].get("assistant_id"):
                # Not on a LangGraph server, whose own auth guards threads and where a context is only a client's word.
                await self.builder.admit(ensure_config(config)["configurable"].get("thread_id"), kwargs.get("context"))
            if self.builder.tracing is not None:
                config = await self.builder.tracing.traced(config, self.config)
        kwargs["durability"] = "sync"
        async for part in super().astream(input, config, **kwargs):
            yield part

    def _keeps_checkpoints(self, config: RunnableConfig | None) -> bool:
        configurable = {**(self.config or {}).get("configurable", {}), **ensure_config(config)["configurable"]}
        if self.checkpointer is None or self.checkpointer is True:
            return bool(configurable.get(_PARENTS_CHECKPOINTER))
        return self.checkpointer is not False and bool(configurable.get("thread_id"))


class DurableBuilder(StateGraph[Any, Any, Any, Any]):
    """A `StateGraph` that compiles to a `DurableGraph`."""

    services: ServicesSource | None = None
    tracing: Tracing | None = None
    admit: Callable[[str | None, object], Awaitable[None]] | None = None
    """Raises for whoever may not run a thread, before the run has left anything in it."""

    def compile(self, *args: Any, **kwargs: Any) -> DurableGraph:
        compiled = super().compile(*args, **kwargs)
        # What `Pregel.copy` does, with our class.
        return DurableGraph(**{name: value for name, value in vars(compiled).items() if name != "__orig_class__"})
