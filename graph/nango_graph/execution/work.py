"""One step's work: bind its arguments, look up what rules and humans decided, make its calls, and commit what came of them."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from nango_graph.execution.binding import bound_calls
from nango_graph.execution.calling import Caller
from nango_graph.execution.health import Health
from nango_graph.execution.judging import Judge
from nango_graph.execution.permission import Permission
from nango_graph.execution.scheduler import Status, StepState
from nango_graph.execution.standing import Standing, Standings
from nango_graph.execution.units import AskToSend, AskWhatHappened, Unit, unit_of
from nango_graph.execution.words import (
    done_before,
    reasons,
    why_withheld,
)
from nango_graph.offering import Offer
from nango_graph.planning.arguments import argument_problem
from nango_graph.planning.plan import Step
from nango_graph.planning.references import ReferenceProblem
from nango_graph.records import AUTHORIZATION, Call, CallKey, PlanRow, Records
from nango_tools import Access
from nango_tools.policy import Ruling


@dataclass(frozen=True, slots=True)
class Prepared:
    step: Step
    calls: Sequence[Unit | Call]
    """Those to make, and those that stand in the records, in the order of the items."""
    at_once: bool = False
    left_out: int = 0
    """Items that the user did not approve."""
    denied: Sequence[Ruling] = ()
    """For each item that a rule denies: the ruling."""
    hindrance: StepState | None = None
    """Why what is missing can't be done now."""


class StepWork:
    def __init__(
        self,
        *,
        plan: PlanRow,
        records: Records,
        tenant: str,
        offer: Offer,
        health: Health,
        judge: Judge,
        declined: Mapping[str, str],
        standings: Standings,
        caller: Caller,
        max_items: int,
        ended: Callable[[Step, StepState], None],
    ) -> None:
        """`declined`: why the turn goes on without an integration, by integration."""
        self._plan = plan
        self._records = records
        self._tenant = tenant
        self._offer = offer
        self._health = health
        self._permission = Permission(plan, records, tenant, judge)
        self._declined = declined
        self._standings = standings
        self._caller = caller
        self._max_items = max_items
        self._ended = ended

    async def prepare(self, step: Step, outputs: Mapping[str, Any]) -> Prepared | StepState:
        try:
            bound = bound_calls(step, self._plan.id, outputs, most=self._max_items)
        except ReferenceProblem as problem:
            return StepState("failed", error=f"{problem} Nothing was sent.")
        connection = self._health.usable(step.integration)
        if connection is None:
            return self._as_it_stands(
                [self._standings.of(key) for key in bound], step, lambda made: self._without_connection(step, made)
            )
        tool = self._offer.tools.get(step.tool)
        if tool is None:
            # What a rule denies, or the guard holds back, does not exist for a planner. People are told.
            gone = f"There is no tool {step.tool} any more."
            withheld = self._offer.why_not(step.tool)
            return self._as_it_stands(
                [self._standings.of(key) for key in bound],
                step,
                lambda made: StepState("failed", error=f"{gone} {done_before(made)}".strip(), withheld=withheld),
            )
        for arguments in bound.values():
            misfit = argument_problem(tool.input_schema, arguments, bound=True)
            if misfit is not None:
                return StepState(
                    "failed",
                    error=f"The arguments don't fit {tool.id}: {misfit}. Nothing was sent.",
                    arguments=arguments,
                )
        units = [unit_of(key, step, tool, connection, arguments) for key, arguments in bound.items()]
        if not units:
            return StepState("succeeded", output=[])
        return await self._decided(step, units)

    def sends(self, prepared: Prepared) -> bool:
        return any(isinstance(call, Unit) for call in prepared.calls)

    async def run(self, prepared: Prepared) -> StepState:
        if prepared.at_once:
            calls = await asyncio.gather(*map(self._one, prepared.calls))
        else:
            calls = [await self._one(call) for call in prepared.calls]
        state = self._state_of(prepared, [call for call in calls if call is not None])
        if prepared.denied:
            state = replace(state, withheld=why_withheld(prepared.step, prepared.denied))
        self._ended(prepared.step, state)
        return state

    async def _one(self, call: Unit | Call) -> Call | AskWhatHappened | None:
        """None: its connection broke before it was sent."""
        if isinstance(call, Call):
            return self._or_question(await self._caller.stands(call), of=call.key)
        if self._health.usable(call.tool.integration) is None:
            return None
        return self._or_question(await self._caller.make(call), of=call.key)

    def _without_connection(self, step: Step, made: Sequence[Call]) -> StepState:
        """Parked; or, if nobody waits for the connection any more, the end of the step."""
        name, failed = step.integration, [call.error for call in made if call.state != "succeeded" and call.error]
        done = sum(call.state == "succeeded" for call in made)
        told = " ".join([*([f"{done} of its calls had succeeded before."] if done else []), *failed[:1]])
        if name in self._declined:
            why = self._declined[name] or "the user declined to authorize it"
            return StepState("declined", error=f"Went on without {name}: {why}. {told}".strip(), unconnected=True)
        if not self._health.is_waited_for(name):
            return StepState(
                "failed",
                error=f"The connection to {name} broke again after it had been authorized anew. {told}".strip(),
                unconnected=True,
            )
        return StepState(
            "parked", error=f"The connection to {name} must be authorized first. {told}".strip(), unconnected=True
        )

    def _as_it_stands(
        self, standings: Sequence[Standing], step: Step, hindered: Callable[[Sequence[Call]], StepState]
    ) -> Prepared | StepState:
        """The step where no call can be made any more: what was done stays done."""
        made = [standing.call for standing in standings if standing.call is not None]
        settled = all(standing.is_settled for standing in standings)
        if not made:
            if not settled:
                return hindered([])
            if not standings:
                return StepState("succeeded", output=[])
            return _rejected(standings)
        return Prepared(step, made, left_out=len(standings) - len(made), hindrance=None if settled else hindered(made))

    async def _decided(self, step: Step, units: Sequence[Unit]) -> Prepared | StepState:
        """The calls as rules allow or humans approved them. Asks for those that must be asked for, and first: until a human has
        decided on these, the step does nothing. What a rule denies is left out.
        """
        reads = units[0].tool.access is Access.READ
        if not reads and not self._records.writes_allowed:
            return StepState("failed", error="Writes are switched off: the records are in memory. Nothing was sent.")
        standings = [self._standings.of(unit.key) for unit in units]
        calls: list[Unit | Call] = []
        asks: list[AskToSend] = []
        denied: list[Ruling] = []
        for unit, standing in zip(units, standings, strict=True):
            found = standing.call if standing.is_settled else await self._permission.of(unit, standing)
            match found:
                case Ruling():
                    denied.append(found)
                case AskToSend():
                    asks.append(found)
                case Unit() | Call():
                    calls.append(found)
        if asks:
            unasked = sum(isinstance(call, Unit) for call in calls)
            beside = [f"{unasked} more of this step are allowed, or were approved before."] if unasked else []
            beside += [f"{len(denied)} more of this step are left out. {reasons(denied)}"] if denied else []
            return StepState("asking", asks=[replace(ask, notes=(*ask.notes, *beside)) for ask in asks])
        if not calls and denied:
            return StepState(
                "failed",
                error=f"Not sent. {reasons(denied)}",
                arguments=units[0].arguments,
                withheld=why_withheld(step, denied),
            )
        if not calls:
            return _rejected(standings, units[0].arguments)
        left_out = len(units) - len(calls) - len(denied)
        return Prepared(step, calls, at_once=reads, left_out=left_out, denied=denied)

    def _or_question(self, call: Call, *, of: CallKey) -> Call | AskWhatHappened:
        """The unknown outcome of a write is a human's to settle, and it is never sent again by itself."""
        decided = call.key == of and self._standings.after(of) is not None
        settled = call.state != "unknown" or call.access == Access.READ.value
        return call if settled or decided else AskWhatHappened(call)

    def _state_of(self, prepared: Prepared, calls: Sequence[Call | AskWhatHappened]) -> StepState:
        step = prepared.step
        asks = [call for call in calls if isinstance(call, AskWhatHappened)]
        if asks:
            return StepState("asking", asks=asks)
        ended = [call for call in calls if isinstance(call, Call)]
        succeeded = [call for call in ended if call.state == "succeeded"]
        outputs = [call.output for call in succeeded]
        output = outputs if step.for_each is not None else next(iter(outputs), None)
        bad = [call for call in ended if call.state != "succeeded"]
        if prepared.hindrance is not None:
            return replace(prepared.hindrance, output=output)
        broke = any(call.cause == AUTHORIZATION and self._standings.after(call.key) is None for call in bad)
        if broke or len(calls) < len(prepared.calls):
            return replace(self._without_connection(step, ended), output=output)
        arguments = ended[0].arguments if step.for_each is None else [call.arguments for call in ended]
        if not bad:
            notes = [f"{prepared.left_out} left out by the user."] if prepared.left_out else []
            notes += [f"{len(prepared.denied)} not sent. {reasons(prepared.denied)}"] if prepared.denied else []
            return StepState("succeeded", output=output, error=" ".join(notes), arguments=arguments)
        status: Status = "rejected" if self._let_go(bad) else "failed"
        if any(call.state == "unknown" for call in bad):
            status = "unknown"
        count = f"{len(bad)} of {len(ended)} failed; the others succeeded. " if len(ended) > 1 else ""
        return StepState(
            status, output=output, error=count + (bad[0].error or "no reason was given"), arguments=arguments
        )

    def _let_go(self, failed: Sequence[Call]) -> bool:
        """Did the user say of every call that failed that it did not happen, and is not to be sent again?"""
        following = [self._standings.after(call.key) for call in failed]
        return all(decision is not None and decision.verdict == "rejected" for decision in following)


def _rejected(standings: Sequence[Standing], arguments: Any = None) -> StepState:
    messages = [standing.decision.message for standing in standings if standing.decision is not None]
    why = next(filter(None, messages), "")
    return StepState("rejected", error=f"Rejected by the user. {why}".strip(), arguments=arguments)
