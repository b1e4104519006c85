"""One call on its way to Nango and back: by REST or the hosted MCP, whichever the key allows; asynchronously where that is set."""

from collections.abc import Awaitable, Callable
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from langchain_core.runnables import RunnableLambda
from pydantic import JsonValue

from nango_graph.execution.awaiting import Results
from nango_graph.execution.patience import Patience
from nango_graph.records import Call, CallState
from nango_graph.services import Services
from nango_tools import Access, AsyncAction, NangoError, Outcome
from nango_tools.provider_limits import Pause

if TYPE_CHECKING:
    from nango_graph.execution.units import Unit

Sent = tuple[CallState, Any, NangoError | None]
"""How it ended, what it brought, and what went wrong."""
Started = Callable[[str], Awaitable[None]]


class Sender:
    """`sending` is told of each step whose call really leaves now; `notice` of what is waited for.

    All that waits here raises `Stopped` when the `patience` of the call is over. What has left by then stays as it is.
    """

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

    async def clear(self, unit: "Unit", patience: Patience) -> NangoError | None:
        """Waits until the provider's request limit lets a write leave. What hinders it if that would take too long."""
        try:
            await self._services.nango.runner.clear(**_where(unit), writes=True, **self._pauses(unit, patience))
        except NangoError as error:
            return error
        return None

    async def send(self, unit: "Unit", patience: Patience, *, writes: bool, started: Started | None = None) -> Sent:
        """A read waits for request limits. What writes does not: it is claimed by now, so it leaves at once or not at all.

        One that Nango runs asynchronously is waited for. `started` gets the id that Nango gave it, before anything else.
        """
        asynchronous = any(fnmatchcase(unit.tool.id, glob) for glob in self._services.settings.async_actions)

        async def wait(action: AsyncAction) -> JsonValue:
            if started is not None:
                await started(action.id)
            self._say(unit.step.id, f"{unit.tool.id} runs in the background. Waiting for what it brings.")
            return await self._results.of(action, patience, begun=self._services.clock.now())

        async def send(arguments: Any) -> Any:
            runner = self._services.nango.runner
            call: dict[str, Any] = {
                **_where(unit),
                **self._pauses(unit, patience),
                "input": unit.tool.input_of(arguments),
                "writes": writes,
                "at_once": writes,
            }
            return await (runner.trigger_async(**call, wait=wait) if asynchronous else runner.trigger(**call))

        self._sending(unit)
        try:
            # A runnable of its own, so that each call is a named run in a trace.
            output = await RunnableLambda(send).with_config(run_name=unit.tool.id).ainvoke(unit.arguments)
        except NangoError as error:
            return _failed(error, reads=unit.tool.access is Access.READ)
        return "succeeded", output, None

    async def outcome(self, call: Call, patience: Patience | None = None) -> Sent:
        """What became of a call that has an `async_id`, whoever sent it. Two that ask find the same."""
        integration, _, action = call.tool.partition("/")
        writes = call.access != Access.READ.value
        begun = AsyncAction(call.async_id or "", "", call.connection_id, integration, action, writes)
        self._say(call.key.step, f"{call.tool} was begun before, in the background. Waiting for what it brings.")
        try:
            # A claim's lease ends later than it began: nobody gives up too early.
            return (
                "succeeded",
                await self._results.of(begun, patience or Patience(self._services.clock), begun=call.lease_until),
                None,
            )
        except NangoError as error:
            return _failed(error, reads=not writes)

    def _pauses(self, unit: "Unit", patience: Patience) -> dict[str, Any]:
        def pausing(pause: Pause) -> None:
            whose = "Nango's" if pause.whose == "nango" else f"{unit.tool.integration}'s"
            limit = f"{whose} request limit is used up"
            # A read may have left before, and been refused.
            unsent = "" if unit.tool.access is Access.READ else "Nothing was sent. "
            patience.spare(pause.seconds, f"{unsent}{limit} for {pause.seconds:.0f} s more")
            self._say(whose, f"{limit}. Going on in {pause.seconds:.0f} s.", holds=pause.seconds)

        return {"pausing": pausing, "sleep": patience.sleep}

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


def _where(unit: "Unit") -> dict[str, Any]:
    return {
        "connection_id": unit.connection["connection_id"],
        "integration_id": unit.tool.integration,
        "action": unit.tool.name,
    }
