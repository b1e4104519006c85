"""Wakes threads on a LangGraph server. Its queue lets one run of a thread through at a time."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from langgraph_sdk.client import LangGraphClient
from langgraph_sdk.errors import ConflictError, NotFoundError

from nango_graph.records import TurnRow
from nango_graph.services import ServicesSource
from nango_graph.waiting.places import place_of_served
from nango_graph.waiting.threads import Woken

BROUGHT_BACK = 500
"""Threads, at most, whose rows are looked for when a server starts. Others come back when they are woken."""
_log = logging.getLogger(__name__)


class ServerThreads:
    """Threads as `client` reaches them. `get_client(url=None)`, inside a server, passes by its auth: whoever calls `wake` must
    know from elsewhere that it may be.

    Raises what the client raises, `langgraph_sdk.errors.APIError` and `httpx.TransportError`.
    """

    def __init__(self, client: LangGraphClient) -> None:
        self._client = client

    async def wake(self, turn: TurnRow, *, wait_id: str | None) -> Woken:
        """As in `Threads`. Where a run goes on now, another one is queued behind it."""
        runs = self._client.runs
        try:
            status = await self.bring_back(turn)
            place = place_of_served(await self._state(turn)) if status is not None else None
        except NotFoundError:
            # Somebody else made its row this moment, saw that it has nothing else, and took it away again.
            return "elsewhere"
        if place is None:
            return "elsewhere"
        if not place.unfinished and not place.is_at(wait_id):
            return "elsewhere"
        if await runs.list(turn.thread_id, status="pending", limit=1):
            return "busy"
        try:
            await self._run(turn, turn.assistant_id or turn.graph_id)
        except NotFoundError:
            # An assistant that was deleted since: the graph it was made of goes on.
            await self._run(turn, turn.graph_id)
        return "busy" if status == "busy" else "woken"

    async def bring_back(self, turn: TurnRow) -> str | None:
        """Makes the thread's row anew where a killed server lost it. Returns its status; None for a thread that was deleted."""
        threads = self._client.threads
        try:
            return (await threads.get(turn.thread_id))["status"]
        except NotFoundError:
            pass
        try:
            thread = await threads.create(
                thread_id=turn.thread_id,
                if_exists="raise",
                graph_id=turn.graph_id or None,
                metadata={"owner": turn.requester.key},
            )
        except ConflictError:  # somebody else did, this moment
            return (await threads.get(turn.thread_id))["status"]
        state = await self._state(turn)
        if state.get("values") or state.get("tasks"):
            return thread["status"]
        # It has no checkpoints either. That can't be seen without a row, and it was this call that made it.
        await threads.delete(turn.thread_id)
        return None

    async def _state(self, turn: TurnRow) -> Mapping[str, Any]:
        return await self._client.threads.get_state(turn.thread_id, subgraphs=True)

    async def _run(self, turn: TurnRow, assistant: str) -> None:
        await self._client.runs.create(
            turn.thread_id,
            assistant,
            input=None,
            context=dict(turn.settings),
            multitask_strategy="enqueue",
            durability="sync",
        )


@asynccontextmanager
async def bringing_back(services: ServicesSource, threads: ServerThreads) -> AsyncIterator[None]:
    """Brings unfinished threads back in the background, so that their owners see them and can answer."""
    task = asyncio.create_task(_bring_back(services, threads))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def _bring_back(services: ServicesSource, threads: ServerThreads) -> None:
    try:
        turns = await (await services()).records.turns.unfinished(limit=BROUGHT_BACK)
    except Exception as error:  # noqa: BLE001 - the server may serve all the same, and the sweep says what is wrong
        _log.warning("Unfinished threads could not be looked for: %s", type(error).__name__)
        return
    for turn in turns:
        try:
            await threads.bring_back(turn)
        except Exception as error:  # noqa: BLE001 - one thread must not keep the others away
            _log.warning("Thread %s could not be brought back: %s", turn.thread_id, type(error).__name__)
