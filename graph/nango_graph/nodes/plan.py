"""Has the model plan the request: steps, a question, an answer, an integration that is missing, another account."""

from typing import Any

from langgraph.runtime import Runtime

from nango_graph.asking_the_planner import account_named, accounts_of, ask_planner
from nango_graph.budgets import Budget
from nango_graph.connections.scopes import lacking_in_each
from nango_graph.context import Context
from nango_graph.digests import digest
from nango_graph.in_view import in_view
from nango_graph.offering import Offer, offer_of
from nango_graph.planning.plan import Submission
from nango_graph.records import PlanRow
from nango_graph.services import Services
from nango_graph.state import Reply, State
from nango_graph.turn import thread_of, turn_of


async def plan(state: State, runtime: Runtime[Context], services: Services) -> dict[str, Any]:
    thread_id, turn_state = thread_of(runtime), state["turn"]
    turn = await turn_of(state, runtime, services)
    offer, budget = await offer_of(state, turn, services), Budget(turn, services)
    plan_id = digest([thread_id, turn_state["message_id"], turn_state["planned"]])[:32]
    kept = await services.records.plans.get(plan_id, thread_id)
    if kept is not None:
        # Planned before a crash: that plan stands, another one could repeat what it has done.
        return await _begun(kept, state, runtime, services, offer)
    if len(await services.records.plans.of_turn(turn.id, thread_id)) > budget.most.max_replans:
        return {"reply": Reply(kind="problem", text=budget.said("max_replans"))}
    shown = await in_view(state, turn, services, offer)
    used = await _used_step_ids(services, thread_id)
    submission, searched = await ask_planner(shown, turn, services, used, offer=offer, budget=budget)
    if searched:
        turn_state = {**turn_state, "searched": searched}
        state = {**state, "turn": turn_state}
    match submission:
        case str():
            return {
                "reply": Reply(
                    kind="problem",
                    text=f"I could not make a plan that holds ({submission}). Nothing {'more ' if state['results'] else ''}was executed.",
                )
            }
        case Submission(kind="plan"):
            row = await services.records.plans.save(
                plan_id=plan_id,
                tenant=turn.requester.tenant,
                thread_id=thread_id,
                turn_id=turn.id,
                ordinal=turn_state["planned"],
                steps=[step.model_dump(mode="json", exclude_defaults=True) for step in submission.steps],
                seen={result["tool"].partition("/")[0] for result in [*state["earlier"], *state["results"]]},
                plan_again=submission.plan_again,
                now=services.clock.now(),
            )
            return await _begun(row, state, runtime, services, offer)
        case Submission(kind="account"):
            chosen = account_named(submission, accounts_of(state))
            if chosen is not None:
                await services.records.accounts.prefer(
                    turn.requester, submission.integration, chosen["connection_id"], now=services.clock.now()
                )
            return {
                "integrations": sorted({*state["integrations"], submission.integration}),
                "accounts": {
                    **(state.get("accounts") or {}),
                    submission.integration: chosen["connection_id"] if chosen else "",
                },
                "turn": {**turn_state, "planned": turn_state["planned"] + 1},
            }
        case Submission(kind="integration"):
            return {
                "integrations": sorted({*state["integrations"], submission.integration}),
                "turn": {**turn_state, "planned": turn_state["planned"] + 1},
            }
        case Submission(kind="question"):
            return {"reply": Reply(kind="question", text=submission.text)}
        case _:
            return {"reply": Reply(kind="answer", text=submission.text)}


async def _begun(
    row: PlanRow, state: State, runtime: Runtime[Context], services: Services, offer: Offer
) -> dict[str, Any]:
    """The plan to execute; or first the permissions that its tools need. Then the plan is found in the records again."""
    tools, asked = offer.tools, state.get("lacking") or {}
    wanted = [tools[step["tool"]] for step in row.steps if step["tool"] in tools]
    connections = (state.get("connections") or {}).values()
    lacking = await lacking_in_each(services, [one for one in connections if one["integration"] not in asked], wanted)
    if lacking:
        return {"lacking": {**asked, **{integration: sorted(scopes) for integration, scopes in lacking.items()}}}
    return _planned(row, state, runtime)


def _planned(row: PlanRow, state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    runtime.stream_writer(
        {
            "type": "plan",
            "steps": [
                {"id": step["id"], "tool": step["tool"], "purpose": step.get("purpose", "")} for step in row.steps
            ],
        }
    )
    return {
        "plan_id": row.id,
        "turn": {**state["turn"], "planned": row.ordinal + 1},
        "steps": {**state["steps"], **{step["id"]: "planned" for step in row.steps}},
        "problem": None,
        "unfinished": [],
    }


async def _used_step_ids(services: Services, thread_id: str) -> set[str]:
    return {step["id"] for row in await services.records.plans.of_thread(thread_id) for step in row.steps}
