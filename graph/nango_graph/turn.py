"""The thread and the turn that a node runs in."""

from typing import Any

from langgraph.runtime import Runtime
from langgraph.types import interrupt

from nango_graph.approval import REFUSED
from nango_graph.context import Context
from nango_graph.durable import NO_CHECKPOINTER
from nango_graph.errors import UsageError
from nango_graph.identity import is_stranger
from nango_graph.records import TurnRow
from nango_graph.services import Services
from nango_graph.state import State


def thread_of(runtime: Runtime[Context]) -> str:
    """The thread's id. Raises `UsageError` where nothing could be resumed."""
    execution = runtime.execution_info
    thread_id = execution.thread_id if execution is not None else None
    if not thread_id:
        raise UsageError(NO_CHECKPOINTER)
    return thread_id


async def turn_of(state: State, runtime: Runtime[Context], services: Services) -> TurnRow:
    """The turn as the records know it: whose it is can't be changed by editing the state. Raises `UsageError`."""
    return await services.records.turns.get(state["turn"]["id"], thread_of(runtime))


async def ask_of_tenant(state: State, runtime: Runtime[Context], services: Services) -> Any:
    """Asks what is open, and returns the answer. One of another tenant is taken, so that it can't stay behind and answer a
    later run, but comes back as a refusal.
    """
    turn = await turn_of(state, runtime, services)
    asked = state["asked"]
    answer = interrupt(asked["payload"]) if asked is not None else None
    return {REFUSED: "That answer came from somebody else."} if is_stranger(runtime, turn.requester) else answer
