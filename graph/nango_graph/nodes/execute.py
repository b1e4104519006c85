"""Carries the plan out as far as it goes: what is ready runs at once; writes that nobody decided on are asked for."""

import asyncio
from collections.abc import Mapping
from typing import Any

from langgraph.runtime import Runtime

from nango_graph.approval import ask
from nango_graph.budgets import Budget
from nango_graph.connections.accounts import usable_accounts
from nango_graph.context import Context
from nango_graph.execution.calling import Caller
from nango_graph.execution.ending import Ending
from nango_graph.execution.evidence import evidence_of
from nango_graph.execution.health import Health
from nango_graph.execution.judging import Judge
from nango_graph.execution.outputs import Outputs
from nango_graph.execution.patience import Patience
from nango_graph.execution.permission import Permission
from nango_graph.execution.progress import Progress
from nango_graph.execution.provenance import provenance_in
from nango_graph.execution.replanning import planning_again
from nango_graph.execution.results import merged, result_of_step
from nango_graph.execution.scheduler import Planned, StepState, carry_out
from nango_graph.execution.slots import Slots
from nango_graph.execution.standing import Standings
from nango_graph.execution.units import Ask, AskWhatHappened
from nango_graph.execution.work import StepWork
from nango_graph.offering import Offer, offer_of
from nango_graph.planning.plan import Step
from nango_graph.questions import approval_message, approval_requests
from nango_graph.services import Services
from nango_graph.state import Connection, Reply, Result, State
from nango_graph.turn import thread_of, turn_of
from nango_tools import Access, Tool


async def execute(state: State, runtime: Runtime[Context], services: Services) -> dict[str, Any]:
    records, thread_id = services.records, thread_of(runtime)
    turn = await turn_of(state, runtime, services)
    tenant, budget = turn.requester.tenant, Budget(turn, services)
    row = await records.plans.get(state.get("plan_id") or "", thread_id)
    if row is None:
        return {
            "reply": Reply(kind="problem", text="The plan is not in the records, so nothing was executed. Ask again.")
        }
    if row.turn_id != turn.id:
        return {
            "reply": Reply(
                kind="problem", text="The plan is of an earlier request, so nothing was executed. Ask again."
            )
        }
    steps = [Step.model_validate(step) for step in row.steps]
    chosen = state.get("connections") or {}
    usable = await usable_accounts(services, turn.requester, chosen, lately=True)
    offer = await offer_of({**state, "connections": usable}, turn, services)
    tools = await _known(steps, usable, offer, services)
    judge = Judge(services, turn, await provenance_in(turn, services, tools))
    health = Health(
        services,
        turn.requester,
        chosen=chosen,
        usable=usable,
        parkings=state["turn"].get("parkings", {}),
    )
    because = state.get("declined_because") or {}
    standings = Standings(await records.decisions.of_plan(row.id, tenant), await records.calls.of_plan(row.id, tenant))
    progress = Progress(runtime, before=state["steps"])
    outputs = Outputs(records, thread_id, tenant)
    patience = Patience(
        services.clock,
        stop=lambda: _stopped(runtime, budget),
        left=lambda: budget.seconds_left,
        too_long=budget.too_long,
    )
    work = StepWork(
        plan_id=row.id,
        writes_allowed=records.writes_allowed,
        offer=offer,
        health=health,
        permission=Permission(row, records, tenant, judge),
        standings=standings,
        caller=Caller(
            services, turn, health, judge, sending=progress.sending, notice=progress.notice, patience=patience
        ),
        ending=Ending(
            health, standings, {integration: because.get(integration, "") for integration in state["declined"]}
        ),
        slots=Slots(services.settings),
        progress=progress,
        max_items=budget.most.max_items,
        whole=outputs.whole,
        stop=lambda: _stopped(runtime, budget),
    )
    planned = [
        Planned(
            step,
            # What asks is not thereby a write: the order of a plan hangs on what its steps do.
            writes=step.tool in tools and tools[step.tool].access is not Access.READ,
            connection_id=health.chosen_id(step.integration) or step.integration,
        )
        for step in steps
    ]
    async with budget.at_work():
        states = await carry_out(planned, work, outputs.of)
    for step in steps:
        progress.ended(step, states[step.id])
    update: dict[str, Any] = {
        "steps": {
            # What an earlier plan left behind is not gone on with: only this one is.
            **{step_id: status for step_id, status in state["steps"].items() if status != "stopped"},
            **{step_id: step.status for step_id, step in states.items()},
        },
        "results": merged(state["results"], [await _result(step, states[step.id]) for step in steps]),
    }
    asks: list[Ask] = [one for step in states.values() for one in step.asks]
    if asks:
        evidence = await evidence_of(
            [one.call for one in asks if isinstance(one, AskWhatHappened)],
            turn,
            services,
            drained=lambda: runtime.drain_requested,
        )
        update["asked"] = {**ask("approval", approval_requests(asks, evidence)), "at": services.clock.now()}
        update["messages"] = [approval_message(update["asked"])]
        return update
    if parked := {step.integration for step in steps if states[step.id].status == "parked"}:
        return {**update, **_parked(parked, health, state)}
    if any(step.status == "stopped" for step in states.values()):
        return update
    return {**update, **await planning_again(row, states, update["results"], records, budget)}


async def _result(step: Step, state: StepState) -> Result:
    """What may take long to be looked through is so beside the loop, where the run's lease is renewed."""
    if step.select is None and step.for_each is None and not state.artifacts:
        return result_of_step(step, state)
    return await asyncio.to_thread(result_of_step, step, state)


def _stopped(runtime: Runtime[Context], budget: Budget) -> StepState | None:
    """What comes of a step whose call may not leave any more."""
    if runtime.drain_requested:
        return StepState("stopped", error="The run was stopped before this was done. The next one goes on with it.")
    told = budget.deadline_reached()
    return StepState("blocked", error=told) if told else None


async def _known(
    steps: list[Step], usable: Mapping[str, Connection], offer: Offer, services: Services
) -> dict[str, Tool]:
    """Also of integrations whose connection is gone, and what a rule denies: what a step would do is known without it."""
    tools = dict(offer.known)
    for integration in {step.integration for step in steps} - set(usable):
        tools |= {tool.id: tool for tool in await services.catalog.tools(integration)}
    return tools


def _parked(integrations: set[str], health: Health, state: State) -> dict[str, Any]:
    """The plan stays as it is, and goes on when these are connected, or the user goes on without them."""
    parked = {integration: health.chosen_id(integration) for integration in sorted(integrations)}
    before = state["turn"].get("parkings", {})
    counted = {connection_id: before.get(connection_id, 0) + 1 for connection_id in parked.values()}
    return {
        "parked": parked,
        "integrations": sorted({*state["integrations"], *parked}),
        "turn": {**state["turn"], "parkings": {**before, **counted}},
    }
