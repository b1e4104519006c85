"""Has the model plan the request: steps, a question, an answer, an integration that is missing, another account."""

from collections.abc import Mapping, Sequence
from typing import Any

from langgraph.runtime import Runtime

from nango_graph.connections.scopes import lacking_in_each
from nango_graph.context import Context
from nango_graph.digests import digest
from nango_graph.models import call_tool_of
from nango_graph.offering import offer_of
from nango_graph.planning.arguments import argument_problem
from nango_graph.planning.plan import SUBMIT_PLAN_SCHEMA, Step, Submission, structure_problem
from nango_graph.prompts import Account, plan_prompt
from nango_graph.records import PlanRow, TurnRow
from nango_graph.services import Services
from nango_graph.state import Connection, Reply, State
from nango_graph.turn import thread_of, turn_of
from nango_tools import Tool

REPAIRS = 2
MAX_PLANNED = 8
"""Plans and wishes for further integrations in one turn, all together."""


async def plan(state: State, runtime: Runtime[Context], services: Services) -> dict[str, Any]:
    thread_id, turn_state = thread_of(runtime), state["turn"]
    turn = await turn_of(state, runtime, services)
    plan_id = digest([thread_id, turn_state["message_id"], turn_state["planned"]])[:32]
    kept = await services.records.plans.get(plan_id, thread_id)
    if kept is not None:
        # Planned before a crash: that plan stands, another one could repeat what it has done.
        return await _begun(kept, state, runtime, services)
    if turn_state["planned"] >= MAX_PLANNED:
        return {
            "reply": Reply(kind="problem", text="I planned this several times over without getting on, so I stopped.")
        }
    submission = await _submission(state, turn, services, await _used_step_ids(services, thread_id))
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
                now=services.clock.now(),
            )
            return await _begun(row, state, runtime, services)
        case Submission(kind="account"):
            chosen = _account(submission, accounts_of(state))
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


async def _begun(row: PlanRow, state: State, runtime: Runtime[Context], services: Services) -> dict[str, Any]:
    """The plan to execute; or first the permissions that its tools need. Then the plan is found in the records again."""
    turn = await turn_of(state, runtime, services)
    tools, asked = (await offer_of(state, turn, services)).tools, state.get("lacking") or {}
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


async def _submission(state: State, turn: TurnRow, services: Services, used: set[str]) -> Submission | str:
    """A submission that holds, or what was wrong with the last try."""
    tools = (await offer_of(state, turn, services)).tools
    settings = state["turn"]["settings"]
    in_use, declined = set(state.get("connections") or {}), set(state["declined"])
    others = [
        integration
        for integration in await services.catalog.integrations()
        if integration.key not in in_use | declined
        and (not settings["integrations"] or integration.key in settings["integrations"])
    ]
    known = {result["step"] for result in [*state["earlier"], *state["results"]] if result["status"] == "succeeded"}
    accounts = accounts_of(state)
    problem, complaint = state.get("problem"), ""
    for _ in range(1 + REPAIRS):
        prompt = plan_prompt(
            tools=tools.values(),
            others=others,
            conversation=state["messages"],
            turn=state["turn"],
            results=[*state["earlier"], *state["results"]],
            unfinished=state["unfinished"],
            declined=state["declined"],
            declined_because=state.get("declined_because") or {},
            accounts=accounts,
            problem=" ".join(filter(None, [problem, complaint])) or None,
            next_step_id=next_step_id(used),
        )
        arguments = await call_tool_of(services.model, prompt, SUBMIT_PLAN_SCHEMA)
        read = Submission.read(arguments) if isinstance(arguments, dict) else arguments
        if isinstance(read, str):
            fault: str | None = read
        elif read.kind == "integration":
            keys = [integration.key for integration in others]
            fault = (
                None if read.integration in keys else f"integration must be one of {', '.join(keys) or '(none left)'}"
            )
        elif read.kind == "account":
            fault = _account_fault(read, accounts)
        elif read.kind == "plan":
            fault = _plan_fault(read.steps, tools, used=used, known=known, max_steps=settings["max_steps"])
        else:
            fault = None
        if fault is None and isinstance(read, Submission):
            return read
        complaint = f"Your last submission was refused: {fault}"
    return fault or "no plan"


def accounts_of(state: State) -> list[Account]:
    """The accounts of those integrations of this turn that have several, the one in use first."""
    said, listed = state.get("accounts") or {}, list[Account]()
    for integration, used in sorted((state.get("connections") or {}).items()):
        others = (state.get("others") or {}).get(integration, [])
        for connection in [used, *others] if others else []:
            in_use = connection is used
            listed.append(Account(f"A{len(listed) + 1}", connection, in_use, in_use and integration in said))
    return listed


def _account(submission: Submission, accounts: Sequence[Account]) -> Connection | None:
    return next(
        (
            one.connection
            for one in accounts
            if one.key == submission.account and one.connection["integration"] == submission.integration
        ),
        None,
    )


def _account_fault(submission: Submission, accounts: Sequence[Account]) -> str | None:
    there = [one for one in accounts if one.connection["integration"] == submission.integration]
    if not there:
        several = sorted({one.connection["integration"] for one in accounts})
        return f"integration must be one with several accounts: {', '.join(several) or '(there is none)'}"
    if any(one.chosen for one in there):
        return f"the account for {submission.integration} is chosen already: go on with the request, or answer"
    if submission.account and _account(submission, accounts) is None:
        return f"account must be one of {', '.join(one.key for one in there)}, or empty"
    return None


def _plan_fault(
    steps: list[Step], tools: Mapping[str, Tool], *, used: set[str], known: set[str], max_steps: int
) -> str | None:
    for step in steps:
        if step.id in used:
            return f"Step id {step.id} was used before; begin with {next_step_id(used)}."
        if step.tool not in tools:
            return f"Step {step.id}: there is no tool {step.tool!r}; use one of those listed, by its full name."
    if fault := structure_problem(steps, known=known, max_steps=max_steps):
        return fault
    for step in steps:
        if problem := argument_problem(tools[step.tool].input_schema, step.arguments, bound=False):
            return f"Step {step.id}: the arguments don't fit {step.tool}: {problem}."
    return None


def next_step_id(used: set[str]) -> str:
    numbers = [int(step[1:]) for step in used if step[:1] == "s" and step[1:].isdecimal()]
    return f"s{max(numbers, default=0) + 1}"


async def _used_step_ids(services: Services, thread_id: str) -> set[str]:
    return {step["id"] for row in await services.records.plans.of_thread(thread_id) for step in row.steps}
