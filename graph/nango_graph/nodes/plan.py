"""Has the model plan the request: steps, or a question, or an answer, or an integration that is missing."""

from typing import Any

from langgraph.runtime import Runtime

from nango_graph.context import Context
from nango_graph.digests import digest
from nango_graph.models import call_tool_of
from nango_graph.nodes.discover_tools import tools_of
from nango_graph.planning.arguments import argument_problem
from nango_graph.planning.plan import SUBMIT_PLAN_SCHEMA, Step, Submission, structure_problem
from nango_graph.prompts import plan_prompt
from nango_graph.records import PlanRow
from nango_graph.services import Services
from nango_graph.state import Reply, State
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
        return _planned(kept, state, runtime)
    if turn_state["planned"] >= MAX_PLANNED:
        return {
            "reply": Reply(kind="problem", text="I planned this several times over without getting on, so I stopped.")
        }
    submission = await _submission(state, services, await _used_step_ids(services, thread_id))
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
                now=services.clock.now(),
            )
            return _planned(row, state, runtime)
        case Submission(kind="integration"):
            return {
                "integrations": sorted({*state["integrations"], submission.integration}),
                "turn": {**turn_state, "planned": turn_state["planned"] + 1},
            }
        case Submission(kind="question"):
            return {"reply": Reply(kind="question", text=submission.text)}
        case _:
            return {"reply": Reply(kind="answer", text=submission.text)}


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


async def _submission(state: State, services: Services, used: set[str]) -> Submission | str:
    """A submission that holds, or what was wrong with the last try."""
    tools = await tools_of(state, services)
    settings = state["turn"]["settings"]
    in_use, declined = set(state.get("connections") or {}), set(state["declined"])
    others = [
        integration
        for integration in await services.catalog.integrations()
        if integration.key not in in_use | declined
        and (not settings["integrations"] or integration.key in settings["integrations"])
    ]
    known = {result["step"] for result in [*state["earlier"], *state["results"]] if result["status"] == "succeeded"}
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
        elif read.kind == "plan":
            fault = _plan_fault(read.steps, tools, used=used, known=known, max_steps=settings["max_steps"])
        else:
            fault = None
        if fault is None and isinstance(read, Submission):
            return read
        complaint = f"Your last submission was refused: {fault}"
    return fault or "no plan"


def _plan_fault(
    steps: list[Step], tools: dict[str, Tool], *, used: set[str], known: set[str], max_steps: int
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
