"""Asks the model for a plan until it gives one that holds: it may search for tools, and mend what was refused."""

import json
from collections.abc import Mapping, Sequence

from nango_graph.budgets import Budget
from nango_graph.catalog_view import view_of
from nango_graph.connections.finding import integrations_for
from nango_graph.finding_tools import ToolFinder
from nango_graph.models import call_tool_of
from nango_graph.offering import Offer, visible
from nango_graph.planning.checking import Fault, next_step_id, plan_fault
from nango_graph.planning.plan import SUBMIT_PLAN_SCHEMA, Submission
from nango_graph.planning.presenting import presentable, presentable_summaries
from nango_graph.prompts import Account, plan_prompt, refused
from nango_graph.records import TurnRow
from nango_graph.services import Services
from nango_graph.state import Connection, State
from nango_tools import IntegrationSummary, Tool

REPAIRS = 2
SEARCHES = 3
"""Of the model, in one planning. Each is a call of the model, and counts in no other budget."""
FOUND = 10
"""Tools that a search brings into view."""
NEAR = 3
"""Names that are offered instead of one that is not there."""


async def ask_planner(
    state: State, turn: TurnRow, services: Services, used: set[str], *, offer: Offer, budget: Budget
) -> tuple[Submission | str, list[str]]:
    """A submission that holds, or what was wrong with the last try; and the ids of the tools that were looked for in this turn."""
    tools = presentable(offer.tools.values())
    others, accounts = await _others(state, turn, services), accounts_of(state)
    unlisted = _unlisted(state, tools, services)
    results = [*state["earlier"], *state["results"]]
    searched, words, outcomes = list(state["turn"].get("searched") or []), list[str](), list[str]()
    problem, complaint, faults = state.get("problem"), "", 0
    while True:
        offered, shown = await view_of(state, tools, others, services.finder, searched=searched, words=words)
        prompt = plan_prompt(
            offered=offered,
            conversation=state["messages"],
            turn=state["turn"],
            results=results,
            unfinished=state["unfinished"],
            declined=[*state["declined"], *unlisted],
            declined_because={**(state.get("declined_because") or {}), **unlisted},
            accounts=accounts,
            searches=outcomes,
            problem=" ".join(filter(None, [problem, complaint])) or None,
            next_step_id=next_step_id(used),
            max_steps=budget.most.max_steps,
            now=services.clock.now(),
        )
        arguments = await call_tool_of(services.model, prompt, SUBMIT_PLAN_SCHEMA, budget)
        read = Submission.read(arguments) if isinstance(arguments, dict) else arguments
        fault: Fault | None = None
        match read:
            case str():
                fault = Fault(read)
            case Submission(kind="search_tools") if len(words) < SEARCHES:
                found, outcome = await _searched(read, tools, others, services.finder)
                words.append(read.text)
                outcomes.append(outcome)
                searched += found
                continue
            case Submission(kind="search_tools"):
                fault = Fault(f"you have searched {SEARCHES} times; submit something else, with what is listed")
            case Submission(kind="integration"):
                fault = _integration_fault(read, others)
            case Submission(kind="account"):
                fault = _account_fault(read, accounts)
            case Submission(kind="plan"):
                known = {result["step"] for result in results if result["status"] == "succeeded"}
                fault = plan_fault(
                    read.steps,
                    tools,
                    shown=shown,
                    used=used,
                    known=known,
                    max_steps=budget.most.max_steps,
                )
        if fault is None:
            return read, searched
        near = await _near(fault.unknown, tools, services.finder)
        searched += [*near, *fault.unseen]
        text = f"{fault.text} Near that name are: {', '.join(near)}." if near else fault.text
        complaint, faults = refused(text), faults + 1
        if faults > REPAIRS:
            return text, searched


async def _others(state: State, turn: TurnRow, services: Services) -> list[IntegrationSummary]:
    """Integrations that the planner may still ask for."""
    wanted: list[str] = turn.settings.get("integrations") or []
    without = {*(state.get("connections") or {}), *state["declined"]}
    available = await visible(await integrations_for(services, turn.requester), turn, services)
    return [
        integration
        for integration in presentable_summaries(available)
        if integration.key not in without and (not wanted or integration.key in wanted)
    ]


def _unlisted(state: State, tools: Mapping[str, Tool], services: Services) -> dict[str, str]:
    """Integrations that are connected and have no tools because Nango can't list them just now, with the reason."""
    there = {tool.integration for tool in tools.values()}
    return {
        integration: "Nango can't list its tools just now; it may work later"
        for integration in sorted(state.get("connections") or {})
        if integration not in there and services.catalog.failed(integration) is not None
    }


async def _near(name: str, tools: Mapping[str, Tool], finder: ToolFinder) -> list[str]:
    """Ids of tools that may have been meant."""
    return [tool.id for tool in await finder.tools(name[:200], tools, limit=NEAR)] if name else []


async def _searched(
    submission: Submission, tools: Mapping[str, Tool], others: Sequence[IntegrationSummary], finder: ToolFinder
) -> tuple[list[str], str]:
    """Ids of what was found, and the line that says so."""
    words, where = json.dumps(submission.text[:200], ensure_ascii=False), submission.integration
    if where in {integration.key for integration in others}:
        return [], f"{words}: {where} is not in use yet; submit the kind integration to see its tools"
    within = where if where in {tool.integration for tool in tools.values()} else None
    found = [tool.id for tool in await finder.tools(submission.text, tools, limit=FOUND, integration=within)]
    return found, f"{words}: {', '.join(found) or 'nothing found'}"


def accounts_of(state: State) -> list[Account]:
    """The accounts of those integrations of this turn that have several, the one in use first."""
    said, listed = state.get("accounts") or {}, list[Account]()
    for integration, used in sorted((state.get("connections") or {}).items()):
        others = (state.get("others") or {}).get(integration, [])
        for connection in [used, *others] if others else []:
            in_use = connection is used
            listed.append(Account(f"A{len(listed) + 1}", connection, in_use, in_use and integration in said))
    return listed


def account_named(submission: Submission, accounts: Sequence[Account]) -> Connection | None:
    return next(
        (
            one.connection
            for one in accounts
            if one.key == submission.account and one.connection["integration"] == submission.integration
        ),
        None,
    )


def _integration_fault(submission: Submission, others: Sequence[IntegrationSummary]) -> Fault | None:
    keys = [integration.key for integration in others]
    if submission.integration in keys:
        return None
    return Fault(f"integration must be one of {', '.join(keys) or '(none left)'}")


def _account_fault(submission: Submission, accounts: Sequence[Account]) -> Fault | None:
    there = [one for one in accounts if one.connection["integration"] == submission.integration]
    if not there:
        several = sorted({one.connection["integration"] for one in accounts})
        return Fault(f"integration must be one with several accounts: {', '.join(several) or '(there is none)'}")
    if any(one.chosen for one in there):
        return Fault(f"the account for {submission.integration} is chosen already: go on with the request, or answer")
    if submission.account and account_named(submission, accounts) is None:
        return Fault(f"account must be one of {', '.join(one.key for one in there)}, or empty")
    return None
