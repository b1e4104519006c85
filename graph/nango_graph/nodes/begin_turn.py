"""A human message came in: fix whose turn it is, see what is left over from before, start clean."""

from collections.abc import Sequence
from itertools import chain
from typing import Any

from langchain_core.messages import AIMessage, HumanMessage, RemoveMessage
from langgraph.runtime import Runtime

from nango_graph.approval import ask
from nango_graph.budgets import effective
from nango_graph.context import Context, as_context
from nango_graph.digests import digest
from nango_graph.errors import UsageError
from nango_graph.execution.evidence import evidence_of
from nango_graph.execution.settling import ended
from nango_graph.execution.words import AskOfStep
from nango_graph.identity import names_nobody, requester_of
from nango_graph.left_over import left_over
from nango_graph.questions import approval_message, approval_requests
from nango_graph.records import Call, TurnRow
from nango_graph.services import Services
from nango_graph.state import SCHEMA_VERSION, Asked, State, Turn
from nango_graph.turn import thread_of

_INVENTED = "do-not-render-"
"""agent-chat-ui answers tool calls that nobody answered with messages of its own; their ids begin like this."""

_OF_AN_EARLIER_MESSAGE = "It was asked for by an earlier message. Whatever is to be sent again is planned anew, and you are asked once more before it is sent."


async def begin_turn(state: State, runtime: Runtime[Context], services: Services) -> dict[str, Any]:
    thread_id = thread_of(runtime)
    invented = [message for message in state["messages"] if (message.id or "").startswith(_INVENTED)]
    conversation = [message for message in state["messages"] if message not in invented]
    if not conversation or not isinstance(conversation[-1], HumanMessage) or not conversation[-1].text.strip():
        raise UsageError("Nothing was asked: the last message must be the user's, with text in it.")
    human = conversation[-1]
    records = services.records
    row = await _turn(digest([thread_id, human.id])[:32], thread_id, runtime, services)
    await records.turns.begin(row, message_id=human.id or "", now=services.clock.now())
    turn_id = row.id
    # From here on nothing of an older plan is sent: what was approved and not yet used is void.
    await records.plans.close_others(thread_id, turn_id)
    asked, announcement = await _unsettled(state, services, row, runtime)
    return {
        "schema_version": SCHEMA_VERSION,
        "messages": [*(RemoveMessage(id=message.id or "") for message in invented), *announcement],
        "turn": Turn(
            id=turn_id,
            message_id=human.id or "",
            request=human.text,
            settings=dict(row.settings),
            planned=0,
        ),
        "integrations": [],
        "optional": [],
        "declined": [],
        "declined_because": {},
        "accounts": {},
        "others": {},
        "lacking": {},
        "parked": {},
        **await left_over(records, row),
        "results": [],
        "steps": {},
        "plan_id": None,
        "problem": None,
        "asked": asked,
        "answered": None,
        "reply": None,
    }


async def _turn(turn_id: str, thread_id: str, runtime: Runtime[Context], services: Services) -> TurnRow:
    """A new turn of whoever runs this; or, where nobody is named, the one that was begun and cut off right after."""
    last = await services.records.turns.last_of(thread_id) if names_nobody(runtime) else None
    if last is not None and last.id == turn_id:
        return last
    server = runtime.server_info
    return TurnRow(
        turn_id,
        requester_of(runtime, services.settings.server_user_id),
        thread_id,
        assistant_id=server.assistant_id if server else "",
        graph_id=server.graph_id if server else "",
        settings=effective(
            as_context(runtime.context).model_dump(mode="json", exclude={"user_id", "organization_id", "actor"}),
            services.settings.limits,
        ),
    )


async def _unsettled(
    state: State, services: Services, turn: TurnRow, runtime: Runtime[Context]
) -> tuple[Asked | None, list[AIMessage]]:
    """What became of writes that were cut off is asked before anything new is planned."""
    calls, tenant = services.records.calls, turn.requester.tenant
    open_ones = await calls.in_flight(turn.thread_id, tenant) + await calls.unsettled(turn.thread_id, tenant)
    for call in open_ones:
        await ended(services, turn, call, notice=lambda text: runtime.stream_writer({"type": "notice", "text": text}))
    unsettled = await calls.unsettled(turn.thread_id, tenant)
    if not unsettled:
        return None, []
    found = await evidence_of(unsettled, turn, services)
    evidence = {call.key: [*found.get(call.key, ()), _OF_AN_EARLIER_MESSAGE] for call in unsettled}
    asked = ask("approval", approval_requests(await _of_steps(unsettled, state, turn, services), evidence))
    asked["at"] = services.clock.now()
    return asked, [approval_message(asked)]


async def _of_steps(calls: Sequence[Call], state: State, turn: TurnRow, services: Services) -> list[AskOfStep]:
    """With what the steps were for, as they were planned, and the accounts, where the state still has those by name."""
    purposes = {
        (plan.id, step["id"]): str(step.get("purpose") or "")
        for plan in await services.records.plans.of_thread(turn.thread_id)
        for step in plan.steps
    }
    known = [*(state.get("connections") or {}).values(), *chain(*(state.get("others") or {}).values())]
    labels = {connection["connection_id"]: connection["label"] for connection in known}
    return [
        AskOfStep(
            call,
            purposes.get((call.key.plan_id, call.key.step), ""),
            labels.get(call.connection_id, ""),
            earlier=True,
        )
        for call in calls
    ]
