"""The thread and the turn that a node runs in."""

from typing import Any
from uuid import UUID

from langgraph.runtime import Runtime
from langgraph.types import interrupt

from nango_graph.approval import REFUSED
from nango_graph.context import Context, as_context
from nango_graph.durable import NO_CHECKPOINTER
from nango_graph.errors import UsageError
from nango_graph.identity import decider_of, is_stranger
from nango_graph.records import TurnRow
from nango_graph.records.turns import TIGHTENING
from nango_graph.services import Services
from nango_graph.state import Asked, State


def thread_of(runtime: Runtime[Context]) -> str:
    """The thread's id. Raises `UsageError` where nothing could be resumed."""
    execution = runtime.execution_info
    thread_id = execution.thread_id if execution is not None else None
    if not thread_id:
        raise UsageError(NO_CHECKPOINTER)
    return thread_id


_GREGORIAN = 0x01B21DD213814000
_TICK = 0.002
"""Run ids are exact to a millisecond."""


async def turn_of(state: State, runtime: Runtime[Context], services: Services) -> TurnRow:
    """The turn as the records know it: whose it is, and its rules, can't be changed by editing the state, nor by naming an
    older turn there. What this run's context denies or asks for is added, and holds for the turn from now on: a wake-up comes
    without a context. Raises `UsageError`.
    """
    turns = services.records.turns
    turn = await turns.current(state["turn"]["id"], thread_of(runtime))
    if is_stranger(runtime, turn.requester):
        return turn
    return await turns.tighten(turn, as_context(runtime.context).model_dump(include=set(TIGHTENING)))


async def ask_of_tenant(state: State, runtime: Runtime[Context], services: Services) -> Any:
    """Asks what is open, and returns the answer. One of another tenant, or one on writes that nobody stands behind, is taken, so
    that it can't stay behind and answer a later run, but comes back as a refusal.
    """
    turn = await turn_of(state, runtime, services)
    asked = state["asked"]
    answer = interrupt(asked["payload"]) if asked is not None else None
    refused = why_refused(asked, turn, runtime, services)
    return {REFUSED: refused} if refused else answer


def why_refused(asked: Asked | None, turn: TurnRow, runtime: Runtime[Context], services: Services) -> str:
    """Why this run answers nothing, whatever it brings or finds in the state; "" if it may."""
    if is_stranger(runtime, turn.requester):
        return "That answer came from somebody else."
    if asked is not None and asked["kind"] == "approval" and not decider_of(runtime, services.settings.server_user_id):
        return "That answer came from nobody: whoever decides on this must be named."
    if asked is not None and sent_before(runtime, asked.get("at", 0.0)):
        return "That answer was sent before this was asked, so it was not for this."
    return ""


def sent_before(runtime: Runtime[Context], moment: float) -> bool:
    """Was this run asked for before `moment`? A doubled click, or one that a webhook overtook, lands on whatever is open
    when its run begins. The LangGraph server's run ids tell when they were made (RFC 9562, versions 6 and 7).
    """
    execution = runtime.execution_info
    try:
        run_id = UUID(str(execution.run_id if execution is not None else None))
    except ValueError:
        return False
    match run_id.version:
        case 7:
            made = (run_id.int >> 80) / 1000
        case 6:
            made = ((((run_id.int >> 80) << 12) | (run_id.int >> 64 & 0xFFF)) - _GREGORIAN) / 1e7
        case _:
            return False
    return made < moment - _TICK
