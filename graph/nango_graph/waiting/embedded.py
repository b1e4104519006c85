"""Wakes threads of a graph in this process."""

import asyncio
import logging
import time
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from nango_graph.answering import Graph, answer
from nango_graph.errors import AgentError
from nango_graph.records import TurnRow
from nango_graph.run_lease import ThreadBusy
from nango_graph.waiting.places import Place, place_of
from nango_graph.waiting.threads import Woken
from nango_tools import NangoError

_log = logging.getLogger(__name__)


class EmbeddedThreads:
    """Threads of `graph`, the agent's own compiled graph or one around it. Runs go on in the background, and leaving the
    `async with` waits for them.

    `context` is that of the runs, where a graph around the agent's needs one; it should name nobody. While another run holds a
    thread, waking it is tried again for `patience` seconds, every `again` seconds.
    """

    def __init__(self, graph: Graph, *, context: Any = None, patience: float = 30.0, again: float = 1.0) -> None:
        self._graph = graph
        self._context = context
        self._patience = patience
        self._again = again
        self._running: dict[str, asyncio.Task[None]] = {}
        self._closing = asyncio.Event()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        try:
            await asyncio.gather(*self._running.values(), return_exceptions=True)
        finally:
            for left in self._running.values():
                left.cancel()

    async def wake(self, turn: TurnRow, *, wait_id: str | None) -> Woken:
        """As in `Threads`. "busy" too while this process is waking the thread."""
        thread_id = turn.thread_id
        if thread_id in self._running:
            return "busy"
        place = await self._place(thread_id)
        if not place.unfinished and not place.is_at(wait_id):
            return "elsewhere"
        if thread_id in self._running:
            return "busy"
        task = asyncio.create_task(self._go_on(thread_id, wait_id))
        self._running[thread_id] = task
        task.add_done_callback(lambda _: self._running.pop(thread_id, None))
        return "busy" if place.unfinished and wait_id is not None else "woken"

    async def _go_on(self, thread_id: str, wait_id: str | None) -> None:
        try:
            await self._when_free(thread_id, wait_id)
        except (AgentError, NangoError) as error:
            _log.warning("Thread %s could not go on: %s", thread_id, error)
        except Exception as error:  # noqa: BLE001 - nobody waits for this task, and other people's messages may hold secrets
            _log.warning("Thread %s could not go on: %s", thread_id, type(error).__name__)

    async def _when_free(self, thread_id: str, wait_id: str | None) -> None:
        until = time.monotonic() + self._patience
        while True:
            try:
                await answer(thread_id, graph=self._graph, context=self._context)
            except ThreadBusy:
                if self._closing.is_set() or time.monotonic() > until:
                    return
            else:
                return
            with suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), self._again)
            if not await self._is_wanted(thread_id, wait_id):
                return

    async def _is_wanted(self, thread_id: str, wait_id: str | None) -> bool:
        place = await self._place(thread_id)
        return place.unfinished or place.is_at(wait_id)

    async def _place(self, thread_id: str) -> Place:
        return place_of(await self._graph.aget_state({"configurable": {"thread_id": thread_id}}, subgraphs=True))
