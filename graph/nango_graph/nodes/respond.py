"""Answers the user: the planner's own words, or an account of what the steps brought, streamed."""

from typing import Any

from langchain_core.messages import AIMessage
from langgraph.runtime import Runtime

from nango_graph.context import Context
from nango_graph.errors import ModelError
from nango_graph.in_view import in_view
from nango_graph.models import stream_text
from nango_graph.prompts import FOR_PEOPLE, answer_prompt
from nango_graph.services import Services
from nango_graph.state import Result, State
from nango_graph.turn import turn_of
from nango_graph.withheld import withheld_from
from nango_tools import NangoError


async def respond(state: State, runtime: Runtime[Context], services: Services) -> dict[str, Any]:
    reply = state.get("reply")
    turn = await turn_of(state, runtime, services)
    if reply is not None:
        text = reply["text"]
        if reply["kind"] == "problem" and state["results"]:
            text = f"{text}\n\n{plain_account(state['results'])}"
        message = AIMessage(text)
    else:
        used = {result["tool"].partition("/")[0] for result in state["results"]}
        try:
            shown = await in_view(state, turn, services)
            prompt = answer_prompt(
                conversation=state["messages"],
                turn=state["turn"],
                results=shown["results"],
                earlier=shown["earlier"],
                accounts=[one for one in (state.get("connections") or {}).values() if one["integration"] in used],
                problem=state.get("problem"),
            )
            message = await stream_text(services.model, prompt)
        except (ModelError, NangoError) as error:
            message = AIMessage(f"{plain_account(state['results'])}\n\n({error})")
    withheld = await withheld_from(state, turn, services)
    if withheld:
        text = f"{message.text}\n\n{withheld}"
        message = AIMessage(text, id=message.id, additional_kwargs={FOR_PEOPLE: withheld})
    await services.records.plans.close_turn(turn.id)
    await services.records.turns.finish(turn.id, services.clock.now())
    return {"messages": [message], "asked": None, "answered": None}


def plain_account(results: list[Result]) -> str:
    """What ran, without a model's help."""
    lines = [
        f"- {result['step']} {result['tool']}: {result['status']}"
        + (f" ({result['error']})" if result.get("error") else "")
        for result in results
    ]
    return "What ran so far:\n" + "\n".join(lines) if lines else "Nothing was executed."
