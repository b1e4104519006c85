"""Wakes threads on a LangGraph server. Its queue lets one run of a thread through at a time."""

from langgraph_sdk.client import LangGraphClient
from langgraph_sdk.errors import NotFoundError

from nango_graph.records import TurnRow
from nango_graph.waiting.places import place_of_served
from nango_graph.waiting.threads import Woken


class ServerThreads:
    """Threads as `client` reaches them. `get_client(url=None)`, inside a server, passes by its auth: whoever calls `wake` must
    know from elsewhere that it may be.

    Raises what the client raises, `langgraph_sdk.errors.APIError` and `httpx.TransportError`.
    """

    def __init__(self, client: LangGraphClient) -> None:
        self._client = client

    async def wake(self, turn: TurnRow, *, wait_id: str | None) -> Woken:
        """As in `Threads`. Where a run goes on now, another one is queued behind it."""
        threads, runs = self._client.threads, self._client.runs
        # After a server was killed the thread's row is gone, and its checkpoints are there.
        thread = await threads.create(
            thread_id=turn.thread_id,
            if_exists="do_nothing",
            graph_id=turn.graph_id or None,
            metadata={"owner": turn.requester.key},
        )
        place = place_of_served(await threads.get_state(turn.thread_id, subgraphs=True))
        if not place.unfinished and not place.is_at(wait_id):
            return "elsewhere"
        if await runs.list(turn.thread_id, status="pending", limit=1):
            return "busy"
        try:
            await self._run(turn, turn.assistant_id or turn.graph_id)
        except NotFoundError:
            # An assistant that was deleted since: the graph it was made of goes on.
            await self._run(turn, turn.graph_id)
        return "busy" if thread["status"] == "busy" else "woken"

    async def _run(self, turn: TurnRow, assistant: str) -> None:
        await self._client.runs.create(
            turn.thread_id,
            assistant,
            input=None,
            context=dict(turn.settings),
            multitask_strategy="enqueue",
            durability="sync",
        )
