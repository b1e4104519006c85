"""One step's work: bind its arguments, look up what was decided, make its calls, and commit what came of them."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from nango_graph.digests import action_digest, digest
from nango_graph.execution.calling import Caller
from nango_graph.execution.scheduler import Status, StepState
from nango_graph.planning.arguments import argument_problem
from nango_graph.planning.plan import Step
from nango_graph.planning.references import ReferenceProblem, bind
from nango_graph.records import Call, CallKey, Decision, PlanRow, Records
from nango_graph.state import Connection
from nango_tools import Access, Tool


@dataclass(frozen=True, slots=True)
class Unit:
    """One call that a step makes."""

    key: CallKey
    step: Step
    tool: Tool
    connection: Connection
    arguments: Any
    digest: str


@dataclass(frozen=True, slots=True)
class AskToSend:
    """A write that a human must allow or refuse."""

    unit: Unit


@dataclass(frozen=True, slots=True)
class AskWhatHappened:
    """A write that left and whose outcome nobody knows."""

    call: Call


Ask = AskToSend | AskWhatHappened


@dataclass(frozen=True, slots=True)
class Prepared:
    step: Step
    units: list[Unit]
    writes: bool
    left_out: int = 0
    """Items that the user did not approve."""


class StepWork:
    def __init__(
        self,
        *,
        plan: PlanRow,
        records: Records,
        tenant: str,
        tools: Mapping[str, Tool],
        connections: Mapping[str, Connection],
        decisions: Mapping[CallKey, Decision],
        caller: Caller,
        max_items: int,
        ended: Callable[[Step, StepState], None],
    ) -> None:
        self._plan = plan
        self._records = records
        self._tenant = tenant
        self._tools = tools
        self._connections = connections
        self._decisions = decisions
        self._caller = caller
        self._max_items = max_items
        self._ended = ended

    async def prepare(self, step: Step, outputs: Mapping[str, Any]) -> Prepared | StepState:
        tool = self._tools.get(step.tool)
        connection = self._connections.get(step.integration)
        if tool is None:
            return StepState("failed", error=f"There is no tool {step.tool} any more. Nothing was sent.")
        if connection is None:
            return StepState("failed", error=f"There is no connection to {step.integration}. Nothing was sent.")
        try:
            units = self._units(step, tool, connection, outputs)
        except ReferenceProblem as problem:
            return StepState("failed", error=f"{problem} Nothing was sent.")
        for unit in units:
            misfit = argument_problem(tool.input_schema, unit.arguments, bound=True)
            if misfit is not None:
                return StepState(
                    "failed",
                    error=f"The arguments don't fit {tool.id}: {misfit}. Nothing was sent.",
                    arguments=unit.arguments,
                )
        if not units:
            return StepState("succeeded", output=[])
        if tool.access is Access.READ:
            return Prepared(step, units, writes=False)
        return await self._decided(step, units)

    async def run(self, prepared: Prepared) -> StepState:
        if prepared.writes:
            calls: list[Call | AskWhatHappened] = [await self._write(unit) for unit in prepared.units]
        else:
            calls = list(await asyncio.gather(*map(self._caller.read, prepared.units)))
        state = _state_of(prepared, calls, self._let_go(calls))
        self._ended(prepared.step, state)
        return state

    def _units(self, step: Step, tool: Tool, connection: Connection, outputs: Mapping[str, Any]) -> list[Unit]:
        if step.for_each is None:
            return [self._unit(step, tool, connection, bind(step.arguments, outputs), item="")]
        items = bind(step.for_each, outputs)
        if not isinstance(items, list):
            raise ReferenceProblem(f"{step.for_each} is not a list.")
        if len(items) > self._max_items:
            raise ReferenceProblem(f"It would run {len(items)} times; at most {self._max_items} are allowed.")
        occurrences: Counter[str] = Counter()
        units = []
        for item in items:
            content = digest(item)[:24]
            occurrences[content] += 1
            arguments = bind(step.arguments, {**outputs, "item": item})
            units.append(self._unit(step, tool, connection, arguments, item=f"{content}-{occurrences[content]}"))
        return units

    def _unit(self, step: Step, tool: Tool, connection: Connection, arguments: Any, *, item: str) -> Unit:
        key = CallKey(self._plan.id, step.id, item)
        return Unit(
            key, step, tool, connection, arguments, action_digest(tool.id, connection["connection_id"], arguments)
        )

    async def _decided(self, step: Step, units: Sequence[Unit]) -> Prepared | StepState:
        """The units as approved. Asks for those that nobody has decided on."""
        if not self._records.writes_allowed:
            return StepState("failed", error="Writes are switched off: the records are in memory. Nothing was sent.")
        approved: list[Unit] = []
        undecided: list[Unit] = []
        for unit in units:
            decision = self._decisions.get(unit.key)
            if decision is None:
                twin = await self._records.calls.done_before(
                    self._plan.id, self._plan.turn_id, unit.digest, self._tenant
                )
                (undecided if twin is None else approved).append(unit)
            elif decision.verdict == "approved":
                # Worked out anew: the tool or the account may not be the one that was shown.
                exactly = action_digest(unit.tool.id, unit.connection["connection_id"], decision.arguments)
                if exactly != decision.digest:
                    return StepState(
                        "failed", error="Another tool or account was approved than this one. Nothing was sent."
                    )
                approved.append(replace(unit, arguments=decision.arguments, digest=exactly))
        if undecided:
            return StepState("asking", asks=[AskToSend(unit) for unit in undecided])
        if not approved:
            refused = [self._decisions[unit.key].message for unit in units if self._decisions[unit.key].message]
            return StepState(
                "rejected",
                error=f"Rejected by the user. {refused[0] if refused else ''}".strip(),
                arguments=units[0].arguments,
            )
        return Prepared(step, approved, writes=True, left_out=len(units) - len(approved))

    def _let_go(self, calls: Sequence[Call | AskWhatHappened]) -> bool:
        """Did the user say of every call that failed that it did not happen, and is not to be sent again?"""
        failed = [call for call in calls if isinstance(call, Call) and call.state != "succeeded"]
        following = [self._decisions.get(replace(call.key, attempt=call.key.attempt + 1)) for call in failed]
        return all(decision is not None and decision.verdict == "rejected" for decision in following)

    async def _write(self, unit: Unit) -> Call | AskWhatHappened:
        """Sends it, unless it was sent. An unknown outcome is a human's to settle, never sent again by itself."""
        while True:
            call = await self._caller.write(unit)
            following = replace(unit.key, attempt=unit.key.attempt + 1)
            decision = self._decisions.get(following) if call.key == unit.key else None
            if decision is not None and decision.verdict == "approved":
                unit = replace(unit, key=following)
            elif call.state != "unknown" or decision is not None:
                return call
            else:
                return AskWhatHappened(call)


def _state_of(prepared: Prepared, calls: Sequence[Call | AskWhatHappened], let_go: bool) -> StepState:
    step = prepared.step
    asks = [call for call in calls if isinstance(call, AskWhatHappened)]
    if asks:
        return StepState("asking", asks=asks)
    ended = [call for call in calls if isinstance(call, Call)]
    succeeded = [call for call in ended if call.state == "succeeded"]
    arguments = ended[0].arguments if step.for_each is None else [call.arguments for call in ended]
    output = (
        [call.output for call in succeeded] if step.for_each is not None else next((c.output for c in succeeded), None)
    )
    bad = [call for call in ended if call.state != "succeeded"]
    if not bad:
        note = f"{prepared.left_out} left out by the user." if prepared.left_out else ""
        return StepState("succeeded", output=output, error=note, arguments=arguments)
    status: Status = "rejected" if let_go else "failed"
    if any(call.state == "unknown" for call in bad):
        status = "unknown"
    count = f"{len(bad)} of {len(ended)} failed; the others succeeded. " if len(ended) > 1 else ""
    return StepState(status, output=output, error=count + (bad[0].error or "no reason was given"), arguments=arguments)
