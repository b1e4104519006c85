"""One call on its way to Nango and back: by REST or the hosted MCP, whichever the key allows; asynchronously where that is set."""

import random
from collections.abc import Awaitable, Callable
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from langchain_core.runnables import RunnableLambda
from pydantic import JsonValue

from nango_graph.execution.awaiting import Results
from nango_graph.records import Call, CallState
from nango_graph.services import Services
from nango_tools import Access, AsyncAction, NangoError, Outcome, RateLimited
from nango_tools.errors import Call as CallOfAction
from nango_tools.provider_limits import LONGEST_FOR_WRITES, Pause

if TYPE_CHECKING:
    from nango_graph.execution.units import Unit

Sent = tuple[CallState, Any, NangoError | None]
"""How it ended, what it brought, and what went wrong."""
Started = Callable[[str], Awaitable[None]]
Held = Callable[[bool], None]

_SPREAD = 1.0
"""Seconds over which those spread who wait for the same moment."""


class _Limited(Exception):
    """What was about to leave has to wait first."""

    def __init__(self, pause: Pause) -> None:
        self.pause = pause


class Sender:
    """`sending` is told of each step whose call really leaves now; `notice` of what is waited for."""

    def __init__(
        self,
        services: Services,
        *,
        sending: Callable[["Unit"], None] = lambda _: None,
        notice: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._services = services
        self._sending = sending
        self._notice = notice
        self._results = Results(services)
        self._said: dict[str, float] = {}
        """What was told of, and until when that holds."""

    async def send(
        self, unit: "Unit", *, writes: bool, started: Started | None = None, held: Held | None = None
    ) -> Sent:
        """One that Nango runs asynchronously is waited for. `started` gets the id that Nango gave it, before anything else.
        `held` is told when what writes has to wait before it leaves (True), and when that is over (False).
        """
        asynchronous = any(fnmatchcase(unit.tool.id, glob) for glob in self._services.settings.async_actions)

        async def wait(action: AsyncAction) -> JsonValue:
            if started is not None:
                await started(action.id)
            self._say(unit.step.id, f"{unit.tool.id} runs in the background. Waiting for what it brings.")
            return await self._results.of(action, begun=self._services.clock.now())

        def pausing(pause: Pause) -> None:
            self._pausing(unit.tool.integration, pause)
            if writes:
                # Of a write the runner tells before it leaves, and only then: what is raised here keeps it from leaving.
                raise _Limited(pause)

        async def send(arguments: Any) -> Any:
            runner = self._services.nango.runner
            call: dict[str, Any] = {
                "connection_id": unit.connection["connection_id"],
                "integration_id": unit.tool.integration,
                "action": unit.tool.name,
                "input": unit.tool.input_of(arguments),
                "writes": writes,
                "pausing": pausing,
            }
            waited = 0.0
            while True:
                try:
                    return await (runner.trigger_async(**call, wait=wait) if asynchronous else runner.trigger(**call))
                except _Limited as limited:
                    seconds = limited.pause.seconds
                if waited + seconds > LONGEST_FOR_WRITES:
                    raise _lasting(unit, seconds)
                waited += await self._hold(seconds, held)

        self._sending(unit)
        try:
            # A runnable of its own, so that each call is a named run in a trace.
            output = await RunnableLambda(send).with_config(run_name=unit.tool.id).ainvoke(unit.arguments)
        except NangoError as error:
            return _failed(error, reads=unit.tool.access is Access.READ)
        return "succeeded", output, None

    async def outcome(self, call: Call) -> Sent:
        """What became of a call that has an `async_id`, whoever sent it. Two that ask find the same."""
        integration, _, action = call.tool.partition("/")
        writes = call.access != Access.READ.value
        begun = AsyncAction(call.async_id or "", "", call.connection_id, integration, action, writes)
        self._say(call.key.step, f"{call.tool} was begun before, in the background. Waiting for what it brings.")
        try:
            # A claim's lease ends later than it began: nobody gives up too early.
            return "succeeded", await self._results.of(begun, begun=call.lease_until), None
        except NangoError as error:
            return _failed(error, reads=not writes)

    async def _hold(self, seconds: float, held: Held | None) -> float:
        """For how many seconds it waited."""
        tell = held or (lambda _: None)
        seconds += random.uniform(0, _SPREAD)  # noqa: S311 spreads load, guards nothing
        tell(True)
        # Whoever is stopped in here has sent nothing.
        await self._services.clock.sleep(seconds)
        tell(False)
        return seconds

    def _pausing(self, integration: str, pause: Pause) -> None:
        whose = "Nango's" if pause.whose == "nango" else f"{integration}'s"
        text = f"{whose} request limit is used up. Going on in {pause.seconds:.0f} s."
        self._say(whose, text, holds=pause.seconds)

    def _say(self, subject: str, text: str, *, holds: float = float("inf")) -> None:
        """Once for all calls that wait for the same."""
        now = self._services.clock.now()
        if self._said.get(subject, 0.0) <= now:
            self._said[subject] = now + holds
            self._notice(text)


def _failed(error: NangoError, *, reads: bool) -> Sent:
    """The states of a call are the outcomes, and "claimed". A read took no effect, so that there is nothing to find out."""
    unknown = error.outcome is Outcome.UNKNOWN
    return ("failed" if unknown and reads else error.outcome.value), None, error


def _lasting(unit: "Unit", seconds: float) -> RateLimited:
    return RateLimited(
        "the provider's request limit, which earlier calls on this connection ran into, is still not over",
        call=CallOfAction(
            "trigger", unit.connection["connection_id"], unit.tool.integration, unit.tool.name, writes=True
        ),
        outcome=Outcome.NOT_SENT,
        retry_after=float(round(seconds)),
    )
