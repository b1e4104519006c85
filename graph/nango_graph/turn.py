"""The thread and the turn that a node runs in."""

from langgraph.runtime import Runtime

from nango_graph.context import Context
from nango_graph.errors import UsageError
from nango_graph.identity import refuse_strangers
from nango_graph.records import TurnRow
from nango_graph.services import Services
from nango_graph.state import State


def thread_of(runtime: Runtime[Context]) -> str:
    """The thread's id. Raises `UsageError` where nothing could be resumed."""
    execution = runtime.execution_info
    thread_id = execution.thread_id if execution is not None else None
    if not thread_id:
        raise UsageError(
            "This graph waits for people, so it needs a checkpointer and a thread: compile it with "
            'build_graph().compile(checkpointer=...) and run it with {"configurable": {"thread_id": "..."}}.'
        )
    return thread_id


async def turn_of(state: State, runtime: Runtime[Context], services: Services) -> TurnRow:
    """The turn as the records know it: whose it is can't be changed by editing the state. Raises `UsageError`."""
    turn = await services.records.turns.get(state["turn"]["id"], thread_of(runtime))
    refuse_strangers(runtime, turn.requester)
    return turn
