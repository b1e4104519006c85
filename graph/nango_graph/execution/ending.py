"""What a step came to, once its calls ended, or could not be made."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from nango_graph.execution.health import Health
from nango_graph.execution.scheduler import Status, StepState
from nango_graph.execution.standing import Standing, Standings
from nango_graph.execution.units import Ask, AskToSend, AskWhatHappened, Unit
from nango_graph.execution.words import (
    AUTHORIZE,
    AskOfStep,
    cause_of,
    headed,
    not_made,
    reasons,
    told_of,
    whether_it_ran,
    why_failed,
    why_withheld,
)
from nango_graph.planning.plan import Step
from nango_graph.records import AUTHORIZATION, Call
from nango_tools.policy import Ruling


@dataclass(frozen=True, slots=True)
class Prepared:
    """A step that can run."""

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


Made = Call | Ask | StepState | None
"""What came of one call. A question: what must be decided first. A state: why it was not made any more. None: its connection broke
before it was sent.
"""


class Ending:
    """Of the steps of one plan. `declined`: why the turn goes on without an integration, by integration."""

    def __init__(self, health: Health, standings: Standings, declined: Mapping[str, str]) -> None:
        self._health = health
        self._standings = standings
        self._declined = declined

    def of(self, prepared: Prepared, made: Sequence[Made]) -> StepState:
        state = self._of(prepared, made)
        if prepared.denied:
            state = replace(state, withheld=why_withheld(prepared.step, prepared.denied))
        if prepared.step.for_each is not None:
            done = sum(isinstance(call, Call) and call.state == "succeeded" for call in made)
            state = replace(state, done=done, of=len(made))
        return state

    def _of(self, prepared: Prepared, made: Sequence[Made]) -> StepState:
        step = prepared.step
        if any(isinstance(one, Ask) for one in made):
            return StepState("asking", asks=[*self._asks(prepared, made)])
        ended = [call for call in made if isinstance(call, Call)]
        succeeded = [call for call in ended if call.state == "succeeded"]
        outputs = [call.output for call in succeeded]
        output = outputs if step.for_each is not None else next(iter(outputs), None)
        artifacts = tuple(call.artifact for call in succeeded if call.artifact is not None)
        if prepared.hindrance is not None:
            return replace(prepared.hindrance, output=output)
        bad = [call for call in ended if call.state != "succeeded"]
        stopped = next((call for call in made if isinstance(call, StepState)), None)
        if stopped is not None:
            told = " ".join([stopped.error, *_so_far(step, ended)])
            head = headed(step.id, step.tool, self.account(step, prepared.calls))
            return replace(stopped, output=output, error=head + told)
        broke = any(call.cause == AUTHORIZATION and self._standings.after(call.key) is None for call in bad)
        if broke or len(ended) < len(made):
            return replace(self.without_connection(step, ended, prepared.calls), output=output)
        arguments = ended[0].arguments if step.for_each is None else [call.arguments for call in ended]
        if not bad:
            notes = [f"{prepared.left_out} left out by the user."] if prepared.left_out else []
            notes += [f"{len(prepared.denied)} not sent. {reasons(prepared.denied)}"] if prepared.denied else []
            return StepState(
                "succeeded", output=output, error=" ".join(notes), arguments=arguments, artifacts=artifacts
            )
        status: Status = "rejected" if self._let_go(bad) else "failed"
        if any(call.is_in_doubt for call in bad):
            status = "unknown"
        told = why_failed(step, self.account(step, prepared.calls), ended)
        return StepState(status, output=output, error=told, arguments=arguments)

    def without_connection(self, step: Step, made: Sequence[Call], calls: Sequence[Unit | Call] = ()) -> StepState:
        """Parked; or, if nobody waits for the connection any more, the end of the step. `calls`: of the step, as prepared."""
        name, failed = step.integration, [call for call in made if call.state != "succeeded" and call.error]
        done = sum(call.state == "succeeded" for call in made)
        told = " ".join(
            [
                *([f"{done} of its calls had succeeded before."] if done else []),
                *(f"{whether_it_ran(call)} Cause: {cause_of(call)}." for call in failed[:1]),
                *([] if done or failed else ["Nothing was sent."]),
            ]
        )
        head = headed(step.id, step.tool, self.account(step, calls))
        if name in self._declined:
            why = self._declined[name] or "the user declined to authorize it"
            return StepState(
                "declined", error=f"{head}Went on without {name}: {why}. {AUTHORIZE} {told}".strip(), unconnected=True
            )
        if not self._health.is_waited_for(name):
            return StepState(
                "failed",
                error=f"{head}The connection to {name} broke again after it had been authorized anew. {AUTHORIZE} {told}".strip(),
                unconnected=True,
            )
        return StepState(
            "parked", error=f"{head}The connection to {name} must be authorized first. {told}".strip(), unconnected=True
        )

    def account(self, step: Step, calls: Sequence[Unit | Call] = ()) -> str:
        """Whose the step uses, in words."""
        connection = next((call.connection for call in calls if isinstance(call, Unit)), None)
        connection = connection or self._health.usable(step.integration)
        return connection["label"] if connection is not None else f"the {step.integration} account"

    def _asks(self, prepared: Prepared, made: Sequence[Made]) -> Iterator[Ask]:
        account = self.account(prepared.step, prepared.calls)
        for one in made:
            if isinstance(one, AskWhatHappened):
                yield AskOfStep(one.call, prepared.step.purpose, account)
            elif isinstance(one, AskToSend):
                yield one

    def _let_go(self, failed: Sequence[Call]) -> bool:
        """Did the user say of every call that failed that it did not happen, and is not to be sent again?"""
        following = [self._standings.after(call.key) for call in failed]
        return all(decision is not None and decision.verdict == "rejected" for decision in following)


def rejected(step: Step, account: str, standings: Sequence[Standing], arguments: Any = None) -> StepState:
    """The user refused all of the step."""
    messages = [standing.decision.message for standing in standings if standing.decision is not None]
    why = next(filter(None, messages), "")
    told = not_made(step, account, "Rejected by the user.", why)
    return StepState("rejected", error=told, arguments=arguments)


def _so_far(step: Step, ended: Sequence[Call]) -> list[str]:
    """What had been done of a step before it was stopped."""
    done = sum(call.state == "succeeded" for call in ended)
    failed = [told_of(call) for call in ended if call.state != "succeeded" and call.error]
    if step.for_each is None:
        return failed[:1]
    return [f"{done} of its calls had succeeded before.", *failed[:1]]
