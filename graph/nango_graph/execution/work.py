"""One step's work: bind its arguments, look up what rules and humans decided, and have its calls made. What came of them: ending.py."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from nango_graph.execution.binding import FoundNothing, bound_calls_beside, condition_holds_beside, found_nothing
from nango_graph.execution.calling import Caller
from nango_graph.execution.ending import Ending, Made, Prepared, rejected
from nango_graph.execution.health import Health
from nango_graph.execution.patience import Stopped
from nango_graph.execution.permission import Permission
from nango_graph.execution.progress import Progress
from nango_graph.execution.scheduler import StepState
from nango_graph.execution.slots import Place, Slots
from nango_graph.execution.standing import Standing, Standings
from nango_graph.execution.units import Ask, AskToSend, AskWhatHappened, Unit, unit_of
from nango_graph.execution.words import (
    ASK_FOR_RECORDS,
    ASK_FOR_THE_RULE,
    ASK_OTHERWISE,
    ASK_WHETHER_IT_IS_THERE,
    CHECK_IT_IS_THERE,
    done_before,
    headed,
    not_made,
    reasons,
    why_withheld,
)
from nango_graph.offering import Offer
from nango_graph.planning.arguments import argument_problem
from nango_graph.planning.plan import Step
from nango_graph.planning.references import ReferenceProblem
from nango_graph.records import Call, CallKey
from nango_graph.records.calls import ENDED
from nango_tools import Access, Tool
from nango_tools.policy import Ruling

_AT_A_STRETCH = 100
"""Calls that are checked before others, and the renewal of the run's lease, have their turn."""


class StepWork:
    """Of the steps of one plan."""

    def __init__(
        self,
        *,
        plan_id: str,
        writes_allowed: bool,
        offer: Offer,
        health: Health,
        permission: Permission,
        standings: Standings,
        caller: Caller,
        ending: Ending,
        slots: Slots,
        progress: Progress,
        max_items: int,
        whole: Callable[[Sequence[Call]], Awaitable[list[Call]]],
        stop: Callable[[], StepState | None],
    ) -> None:
        """`whole`: calls with their outputs, where these are kept elsewhere. `stop`: asked before each call leaves; what comes of
        the step if none may leave any more.
        """
        self._plan_id = plan_id
        self._writes_allowed = writes_allowed
        self._offer = offer
        self._health = health
        self._permission = permission
        self._standings = standings
        self._caller = caller
        self._ending = ending
        self._slots = slots
        self._progress = progress
        self._max_items = max_items
        self._whole = whole
        self._stop = stop

    async def condition(self, step: Step, outputs: Mapping[str, Any]) -> StepState | None:
        if step.when is None:
            return None
        try:
            if await condition_holds_beside(step.when, outputs):
                return None
            state = StepState("skipped", error=f"Not needed: {step.when} does not hold.")
        except ReferenceProblem as problem:
            why = f"Its condition can't be worked out: {problem} Nothing was sent."
            state = self._not_made(step, why, ASK_OTHERWISE)
        self._progress.ended(step, state)
        return state

    async def prepare(self, step: Step, outputs: Mapping[str, Any]) -> Prepared | StepState:
        found = await self._found(step, outputs)
        if isinstance(found, StepState):
            self._progress.ended(step, found)
        return found

    async def _found(self, step: Step, outputs: Mapping[str, Any]) -> Prepared | StepState:
        try:
            bound = await bound_calls_beside(step, self._plan_id, outputs)
        except ReferenceProblem as problem:
            nothing = isinstance(problem, FoundNothing)
            move = CHECK_IT_IS_THERE if nothing else ASK_OTHERWISE
            return replace(self._not_made(step, f"{problem} Nothing was sent.", move), found_nothing=nothing)
        if not bound:
            nothing_to_do = f"Nothing to do: {step.for_each} was empty."
            return StepState("succeeded", output=[], error=nothing_to_do, found_nothing=True)
        connection = self._health.usable(step.integration)
        if connection is None:
            return self._as_it_stands(
                [self._standings.of(key) for key in bound],
                step,
                lambda made: self._ending.without_connection(step, made),
            )
        tool = self._offer.tools.get(step.tool)
        if tool is None:
            # What a rule denies, or the guard holds back, does not exist for a planner. People are told.
            gone = f"There is no tool {step.tool} any more."
            withheld = self._offer.why_not(step.tool)
            return self._as_it_stands(
                [self._standings.of(key) for key in bound],
                step,
                lambda made: replace(
                    self._not_made(step, f"{gone} {done_before(made)}", ASK_WHETHER_IT_IS_THERE), withheld=withheld
                ),
            )
        for number, arguments in enumerate(bound.values(), 1):
            if number % _AT_A_STRETCH == 0:
                await asyncio.sleep(0)
            if misfit := self._misfit(step, tool, arguments):
                return misfit
        return await self._decided(
            step, [unit_of(key, step, tool, connection, arguments) for key, arguments in bound.items()]
        )

    def held_up(self, step: Step, state: StepState) -> StepState:
        return replace(state, error=headed(step.id, step.tool, self._ending.account(step)) + state.error)

    def sends(self, prepared: Prepared) -> bool:
        return any(isinstance(call, Unit) for call in prepared.calls)

    async def run(self, prepared: Prepared) -> StepState:
        made = await self._all(prepared)
        try:
            known = iter(await self._whole([call for call in made if isinstance(call, Call)]))
        except LookupError as gone:
            state = self._not_made(prepared.step, str(gone), "")
        else:
            state = self._ending.of(prepared, [next(known) if isinstance(call, Call) else call for call in made])
        self._progress.ended(prepared.step, state)
        return state

    async def _all(self, prepared: Prepared) -> list[Made]:
        """As many at once as may leave at once, or one after the other."""
        made: list[Made] = [None] * len(prepared.calls)
        left = iter(enumerate(prepared.calls))
        tally = self._progress.tally(prepared.step, of=len(prepared.calls))

        async def work_off() -> None:
            for position, call in left:
                made[position] = one = await self._one(call)
                tally.add(one)
                if isinstance(one, Ask) and not prepared.at_once:
                    # As between steps: what comes after it waits until that is decided.
                    return

        at_once = min(self._slots.each, len(prepared.calls)) if prepared.at_once else 1
        if at_once == 1:
            await work_off()
            return made
        async with asyncio.TaskGroup() as group:
            for _ in range(at_once):
                group.create_task(work_off())
        return made

    async def _one(self, call: Unit | Call) -> Made:
        try:
            return await self._ended(call)
        except Stopped as stopped:
            return stopped.state

    async def _ended(self, call: Unit | Call) -> Made:
        if isinstance(call, Call):
            if call.state in ENDED:
                return call
            async with self._slots.of(call.connection_id) as place:
                return self._or_question(await self._caller.stands(call, place), of=call.key)
        async with self._slots.of(call.connection["connection_id"]) as place:
            # Here, and not before: one that waited for its turn must not leave after all.
            if (stopped := self._stop()) is not None:
                return stopped
            if self._health.usable(call.tool.integration) is None:
                return None
            return await self._made(call, place)

    async def _made(self, unit: Unit, place: Place) -> Made:
        """Where another plan of the turn has made the same, and it is known how that ended: does it stand for this one?"""
        standing = self._standings.of(unit.key)
        undecided = standing.decision is None and unit.tool.access is not Access.READ
        while True:
            # Once more, and now: the other one may have ended while this one waited for its turn.
            found = await self._permission.of(unit, standing) if undecided else unit
            if isinstance(found, Call | AskToSend):
                return found
            made = await self._caller.make(unit, place)
            is_other = made.key.plan_id != unit.key.plan_id
            if not (is_other and made.state in (ENDED if undecided else ("succeeded",))):
                return self._or_question(made, of=unit.key)

    def _as_it_stands(
        self, standings: Sequence[Standing], step: Step, hindered: Callable[[Sequence[Call]], StepState]
    ) -> Prepared | StepState:
        """The step where no call can be made any more: what was done stays done."""
        made = [standing.call for standing in standings if standing.call is not None]
        settled = all(standing.is_settled for standing in standings)
        if not made:
            return rejected(step, self._ending.account(step), standings) if settled else hindered([])
        return Prepared(step, made, left_out=len(standings) - len(made), hindrance=None if settled else hindered(made))

    async def _decided(self, step: Step, units: Sequence[Unit]) -> Prepared | StepState:
        """The calls as rules allow or humans approved them. Asks for those that must be asked for, and first: until a human has
        decided on these, the step does nothing. What a rule denies is left out.
        """
        reads = units[0].tool.access is Access.READ
        if not reads and not self._writes_allowed:
            off = "Writes are switched off: the records are in memory. Nothing was sent."
            return self._not_made(step, off, ASK_FOR_RECORDS)
        many = ""
        if len(units) > self._max_items:
            many = f"It would run {len(units):,} times. More than {self._max_items:,} are asked about first."
        standings = [self._standings.of(unit.key) for unit in units]
        calls: list[Unit | Call] = []
        asks: list[AskToSend] = []
        denied: list[Ruling] = []
        for position, (unit, standing) in enumerate(zip(units, standings, strict=True)):
            placed = replace(unit, position=position)
            found = standing.call if standing.is_settled else await self._permission.of(placed, standing, note=many)
            match found:
                case Ruling():
                    denied.append(found)
                case AskToSend():
                    asks.append(found)
                case Unit():
                    calls.append(replace(found, position=position))
                case Call():
                    calls.append(found)
        if asks:
            unasked = sum(isinstance(call, Unit) for call in calls)
            beside = [f"{unasked} more of this step are allowed, or were approved before."] if unasked else []
            beside += [f"{len(denied)} more of this step are left out. {reasons(denied)}"] if denied else []
            return StepState("asking", asks=[replace(ask, notes=(*ask.notes, *beside)) for ask in asks])
        if not calls and denied:
            state = self._not_made(step, f"Not sent. {reasons(denied)}", ASK_FOR_THE_RULE)
            return replace(state, arguments=units[0].arguments, withheld=why_withheld(step, denied))
        if not calls:
            return rejected(step, self._ending.account(step), standings, units[0].arguments)
        left_out = len(units) - len(calls) - len(denied)
        return Prepared(step, calls, at_once=reads or step.independent, left_out=left_out, denied=denied)

    def _or_question(self, call: Call, *, of: CallKey) -> Call | AskWhatHappened:
        """The unknown outcome of a write is a human's to settle, and it is never sent again by itself."""
        decided = call.key == of and self._standings.after(of) is not None
        return AskWhatHappened(call) if call.is_in_doubt and not decided else call

    def _misfit(self, step: Step, tool: Tool, arguments: Any) -> StepState | None:
        problem = argument_problem(tool.input_schema, arguments, bound=True)
        if problem is None:
            return None
        # To be told of an argument that is null, or an empty list, helps nobody: what was looked for was not there.
        if nothing := found_nothing(step, arguments, tool.input_schema):
            told = f"{nothing}, and {tool.id} can't be called without it. Nothing was sent."
            state = replace(self._not_made(step, told, CHECK_IT_IS_THERE), found_nothing=True)
        else:
            told = f"The arguments don't fit {tool.id}: {problem}. Nothing was sent."
            state = self._not_made(step, told, ASK_OTHERWISE)
        return replace(state, arguments=arguments)

    def _not_made(self, step: Step, why: str, move: str) -> StepState:
        return StepState("failed", error=not_made(step, self._ending.account(step), why, move))
