"""A graph whose every step is on disk before the next begins, whoever compiles and runs it.

The LangGraph server runs graphs with durability "async" unless each run says otherwise, and a caller may forget. With
anything but "sync", a killed process resumes from an older step.
"""

from collections.abc import AsyncIterator
from typing import Any

from langgraph.graph.state import CompiledStateGraph, StateGraph


class DurableGraph(CompiledStateGraph[Any, Any, Any, Any]):
    """Runs with durability "sync", always."""

    async def astream(self, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        kwargs["durability"] = "sync"
        async for part in super().astream(*args, **kwargs):
            yield part


class DurableBuilder(StateGraph[Any, Any, Any, Any]):
    """A `StateGraph` that compiles to a `DurableGraph`."""

    def compile(self, *args: Any, **kwargs: Any) -> DurableGraph:
        compiled = super().compile(*args, **kwargs)
        # What `Pregel.copy` does, with our class.
        return DurableGraph(**{name: value for name, value in vars(compiled).items() if name != "__orig_class__"})
