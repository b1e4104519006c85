"""Finds the connection to use for each integration, and prepares the question where one is missing or unclear."""

from typing import Any

from langgraph.runtime import Runtime

from nango_graph.approval import BadAnswer, again, ask
from nango_graph.connections.answers import Answers
from nango_graph.connections.questions import (
    connection_message,
    connection_requests,
)
from nango_graph.connections.resolving import Resolved, Resolving
from nango_graph.context import Context
from nango_graph.display import markdown
from nango_graph.questions import announcement
from nango_graph.services import Services
from nango_graph.state import State
from nango_graph.turn import turn_of
from nango_tools import NangoError, TransientError

HOLD = 4.0
"""Seconds for which the question stands although it may be answered, after Nango could not be asked."""


async def resolve_connections(state: State, runtime: Runtime[Context], services: Services) -> dict[str, Any]:
    turn = await turn_of(state, runtime, services)
    asked = state.get("asked")
    if asked is not None and asked["kind"] != "connections":
        asked = None
    answers = Answers(accounts=dict(state.get("accounts") or {}))
    if asked is not None:
        try:
            await answers.take(asked, state.get("answered"), turn, services)
        except BadAnswer as problem:
            return {"asked": again(asked, str(problem)), "answered": None}
    declined = {*state["declined"], *answers.declined}
    try:
        resolved = await Resolving(state, turn, asked, answers, services).all(declined)
    except NangoError as error:
        if asked is None:
            raise
        # Whatever Nango answers just now, the wait goes on, it is not lost over this. A sweep looks again.
        question = asked if isinstance(error, TransientError) else again(asked, str(error))
        return {
            "asked": {**question, "held_until": services.clock.now() + HOLD},
            "answered": None,
            "accounts": answers.accounts,
            "declined": sorted(declined),
            "declined_because": {**(state.get("declined_because") or {}), **answers.because},
        }
    update: dict[str, Any] = {
        "connections": resolved.connections,
        "used": {
            **(state.get("used") or {}),
            **{integration: one["connection_id"] for integration, one in resolved.connections.items()},
        },
        "accounts": answers.accounts,
        "others": resolved.others,
        "lacking": resolved.lacking,
        "declined": sorted(declined),
        "declined_because": {**(state.get("declined_because") or {}), **answers.because},
        "parked": {
            integration: connection_id
            for integration, connection_id in (state.get("parked") or {}).items()
            if integration not in resolved.connections and integration not in declined
        },
        "asked": None,
        "answered": None,
    }
    if any(state.get("lacking", {}).get(integration) for integration in answers.declined):
        # Its plan stands in the records, and can't be done without this integration: another one is made.
        update["turn"] = {**state["turn"], "planned": state["turn"]["planned"] + 1}
    about = f"{turn.id} connections"
    if resolved.unclear:
        update["asked"] = ask("connections", connection_requests(resolved.unclear))
        update["asked"]["at"] = services.clock.now()
        update["messages"] = [announcement(connection_message(resolved.unclear), about=about)]
    elif asked is not None:
        # Takes the link out of the conversation: it is of no use any more.
        update["messages"] = [announcement(_settled(resolved, answers), about=about)]
    return update


def _settled(resolved: "Resolved", answers: Answers) -> str:
    lines = [
        f"Connected: {markdown(connection['label'])}."
        + (f" Checked: {markdown(resolved.checked_by[integration])}." if integration in resolved.checked_by else "")
        for integration, connection in resolved.connections.items()
    ]
    lines += [f"Going on without {markdown(name)}: {why}." for name, why in answers.because.items()]
    return "\n".join(lines) or "Going on without a connection."
