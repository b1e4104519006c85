"""A graph whose every step is on disk before the next begins, of which a thread has one run at a time, and whose traces
hold no credentials, whoever runs it.

The LangGraph server runs graphs with durability "async" unless each run says otherwise, and a caller may forget. With
anything but "sync", a killed process resumes from an older step.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, aclosing, nullcontext
from typing import Any, cast

from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import ensure_config
from langgraph.errors import GraphDrained
from langgraph.graph.state import CompiledStateGraph, StateGraph
from langgraph.runtime import RunControl, Runtime
from langgraph.types import Command

from nango_graph.errors import NotAsked, UsageError
from nango_graph.records import Lease
from nango_graph.run_lease import LEASE_KEY, LOST, Pace, ThreadBusy, only_run
from nango_graph.services import ServicesSource
from nango_graph.tracing import Tracing

NO_CHECKPOINTER = (
    "This graph waits for people, so it needs a checkpointer and a thread: compile it with "
    'build_graph().compile(checkpointer=...) and run it with {"configurable": {"thread_id": "..."}}.'
)
NOT_ASKED = (
    "Another run has gone on with this thread meanwhile, so this answer decides nothing. Look at what is asked now."
)
ANSWERED = (
    "This question was answered before, and the thread has gone on. Run that checkpoint without an answer to be asked again, or go on where "
    "the thread stands."
)
_PARENTS_CHECKPOINTER, _PARENTS_RUNTIME = "__pregel_checkpointer", "__pregel_runtime"
"""Where LangGraph hands these of a parent graph to its subgraphs."""


class DurableGraph(CompiledStateGraph[Any, Any, Any, Any]):
    """Runs with durability "sync", always. Everything that runs a graph asynchronously comes through `astream`.

    Raises `UsageError` where nothing keeps checkpoints (it could ask, but never go on), and `ThreadBusy` while another run
    of the thread goes on. A run with input waits for the other one some seconds first; a wake-up does not. Raises `NotAsked` for
    an answer whose question was another one by the time it could be heard: a click that was doubled approves nothing else.

    Input may be a function of the thread's `StateSnapshot`: it is called once no other run can change the thread any more, and
    gives the input, or raises.
    """

    async def astream(
        self,
        input: Any,  # noqa: A002 - its name in LangGraph
        config: RunnableConfig | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[Any]:
        if not self._keeps_checkpoints(config):
            raise UsageError(NO_CHECKPOINTER)
        builder = cast("DurableBuilder", self.builder)
        # On a LangGraph server its own auth guards threads, a context is only a client's word, and its queue lets one run through.
        served = bool(ensure_config(config)["metadata"].get("assistant_id"))
        configurable = self._configurable(config)
        thread_id, context = configurable.get("thread_id"), kwargs.get("context")
        if builder.admit is not None and not served:
            await builder.admit(thread_id, context)
        if builder.tracing is not None:
            config = await builder.tracing.traced(config, self.config)
        control = kwargs.get("control") or _parents_control(configurable) or RunControl()
        kwargs |= {"durability": "sync", "control": control}
        alone: AbstractAsyncContextManager[Lease | None] = nullcontext()
        if builder.services is not None and thread_id:
            alone = only_run(
                (await builder.services()).records,
                str(thread_id),
                configurable.get("checkpoint_ns", ""),
                pace=builder.pace,
                patient=input is not None,
                by_force=served,
                control=control,
            )
        answers = isinstance(input, Command) and input.resume is not None
        if answers and await self._is_history(config):
            raise NotAsked(ANSWERED)
        answers = answers and not served
        seen = await self._open_questions(config) if answers else None
        try:
            async with alone as lease:
                if answers and await self._open_questions(config) != seen:
                    raise NotAsked(NOT_ASKED)
                given = input(await self.aget_state(config or {})) if callable(input) else input
                fenced = _fenced(config, lease)
                async with aclosing(super().astream(given, fenced, **kwargs)) as run:  # type: ignore[type-var]
                    async for part in run:
                        yield part
        except GraphDrained:
            if control.drain_reason == LOST:
                raise ThreadBusy(LOST) from None
            raise
        except ExceptionGroup as several:
            # Steps run side by side: one that was refused its claim ends them all.
            if several.subgroup(ThreadBusy) is not None:
                raise ThreadBusy(LOST) from None
            raise

    async def _open_questions(self, config: RunnableConfig | None) -> set[str]:
        return {interrupt.id for interrupt in (await self.aget_state(config or {})).interrupts}

    async def _is_history(self, config: RunnableConfig | None) -> bool:
        """Is this a checkpoint that the thread has gone on from? There LangGraph takes the first answer for every later one."""
        chosen = self._configurable(config).get("checkpoint_id")
        if not chosen:
            return False
        given = config or RunnableConfig()
        kept = {name: value for name, value in given.get("configurable", {}).items() if name != "checkpoint_id"}
        last = await self.aget_state({**given, "configurable": kept})
        return bool(last.config["configurable"].get("checkpoint_id") != chosen)

    def _configurable(self, config: RunnableConfig | None) -> dict[str, Any]:
        return {**(self.config or {}).get("configurable", {}), **ensure_config(config)["configurable"]}

    def _keeps_checkpoints(self, config: RunnableConfig | None) -> bool:
        configurable = self._configurable(config)
        if self.checkpointer is None or self.checkpointer is True:
            return bool(configurable.get(_PARENTS_CHECKPOINTER))
        return self.checkpointer is not False and bool(configurable.get("thread_id"))


def _fenced(config: RunnableConfig | None, lease: Lease | None) -> RunnableConfig:
    """With this run's lease in the place of whatever stood there."""
    given = config or RunnableConfig()
    return {**given, "configurable": {**given.get("configurable", {}), LEASE_KEY: lease}}


def _parents_control(configurable: dict[str, Any]) -> RunControl | None:
    runtime = configurable.get(_PARENTS_RUNTIME)
    return runtime.control if isinstance(runtime, Runtime) else None


class DurableBuilder(StateGraph[Any, Any, Any, Any]):
    """A `StateGraph` that compiles to a `DurableGraph`."""

    services: ServicesSource | None = None
    tracing: Tracing | None = None
    pace: Pace = Pace()
    admit: Callable[[str | None, object], Awaitable[None]] | None = None
    """Raises for whoever may not run a thread, before the run has left anything in it."""

    def compile(self, *args: Any, **kwargs: Any) -> DurableGraph:
        compiled = super().compile(*args, **kwargs)
        # What `Pregel.copy` does, with our class.
        return DurableGraph(**{name: value for name, value in vars(compiled).items() if name != "__orig_class__"})
