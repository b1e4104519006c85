"""Answers the user: the planner's own words, or an account of what the steps brought, streamed."""

from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.messages import AIMessage
from langgraph.runtime import Runtime

from nango_graph.as_recorded import as_recorded
from nango_graph.budgets import Budget, BudgetReached
from nango_graph.context import Context
from nango_graph.display import visible
from nango_graph.errors import ModelError
from nango_graph.execution.words import headed
from nango_graph.in_view import in_view
from nango_graph.models import stream_text
from nango_graph.prompts import FOR_PEOPLE, answer_prompt
from nango_graph.records import TurnRow
from nango_graph.services import Services
from nango_graph.state import Connection, Result, State
from nango_graph.turn import turn_of
from nango_graph.withheld import withheld_from
from nango_tools import NangoError

_ABOUT_AN_ERROR = 600
"""Characters. Nango hands on whole answers of providers."""


async def respond(state: State, runtime: Runtime[Context], services: Services) -> dict[str, Any]:
    reply = state.get("reply")
    turn = await turn_of(state, runtime, services)
    if reply is not None:
        text = reply["text"]
        if reply["kind"] == "problem":
            state = {**state, "results": await as_recorded(state["results"], turn, services.records)}
        if reply["kind"] == "problem" and state["results"]:
            text = f"{text}\n\n{_account_in(state, told=text)}"
        message = AIMessage(text)
    else:
        message = await _answer(state, turn, services)
    withheld = await withheld_from(state, turn, services)
    if withheld:
        text = f"{message.text}\n\n{withheld}"
        message = AIMessage(text, id=message.id, additional_kwargs={FOR_PEOPLE: withheld})
    await services.records.plans.close_turn(turn.id)
    await services.records.turns.finish(turn.id, services.clock.now())
    return {"messages": [message], "asked": None, "answered": None}


async def _answer(state: State, turn: TurnRow, services: Services) -> AIMessage:
    """The model's, while there is a call of it left; where more would have been planned, and was not, the reason is said after it."""
    # A problem of a plan that is not planned again is for people: the model can't help it.
    why = (state.get("problem") or "") if state.get("plan_id") else ""
    used = {result["tool"].partition("/")[0] for result in state["results"]}
    try:
        shown = await in_view(state, turn, services)
        prompt = answer_prompt(
            conversation=state["messages"],
            turn=state["turn"],
            results=shown["results"],
            earlier=shown["earlier"],
            accounts=[one for one in (state.get("connections") or {}).values() if one["integration"] in used],
            problem=None if why else state.get("problem"),
        )
        answer = await stream_text(services.model, prompt, Budget(turn, services))
    except BudgetReached as reached:
        told = "\n\n".join(dict.fromkeys(filter(None, [str(reached), why])))
        return AIMessage(f"{told}\n\n{_account_in(state, told=told)}")
    except (ModelError, NangoError) as error:
        told = " ".join(filter(None, [why, f"({error})"]))
        return AIMessage(f"{_account_in(state, told=told)}\n\n{told}")
    return AIMessage(f"{answer.text}\n\n{why}", id=answer.id) if why else answer


def _account_in(state: State, *, told: str) -> str:
    return plain_account(state["results"], state.get("connections") or {}, told=told)


def plain_account(results: Sequence[Result], connections: Mapping[str, Connection], *, told: str = "") -> str:
    """What was done and what was not, without a model's help. `told`: paragraphs said beside it, which need not be said again."""
    lists: dict[str, list[str]] = {_DONE: [], _UNKNOWN: [], _NOT_DONE: []}
    for result in results:
        status = result["status"]
        where = _DONE if status == "succeeded" else _UNKNOWN if status.startswith("unknown") else _NOT_DONE
        lists[where].append(_line(result, connections, told))
    lines = [line for heading, listed in lists.items() if listed for line in (heading, *listed)]
    return "\n".join(lines) or "Nothing was executed."


_DONE = "Done:"
_UNKNOWN = "Nobody knows whether this happened:"
_NOT_DONE = "Not done, or not all of it:"


def _line(result: Result, connections: Mapping[str, Connection], told: str) -> str:
    connection = connections.get(result["tool"].partition("/")[0])
    account = f" ({connection['label']})" if connection is not None else ""
    why = result.get("error") or ""
    if connection is not None:
        # This line says it.
        why = why.removeprefix(headed(result["step"], result["tool"], connection["label"]))
    for said in filter(None, told.split("\n\n")):
        why = why.replace(said, "").strip()
    if len(why) > _ABOUT_AN_ERROR:
        why = f"{why[:_ABOUT_AN_ERROR]}…"
    return visible(f"- {result['step']} {result['tool']}: {result['status']}{account}. {why}".rstrip(), keep="")
