"""What came of asynchronous actions: Nango is asked until it knows, or until nobody can know any more.

One that returns null never has a result to be fetched [actions-async]: only Nango's webhook tells that it is over.
"""

import math

from pydantic import JsonValue

from nango_graph.execution.patience import Patience
from nango_graph.services import Services
from nango_tools import (
    ActionNotFinished,
    AsyncAction,
    Call,
    MalformedResponse,
    NangoError,
    Outcome,
    ResponseTooLarge,
    TimedOut,
)
from nango_tools.polling import HICCUPS, growing

PATIENCE = 30 * 60.0
"""Seconds that one is waited for: it may run for 15 minutes, and another one, of somebody else, before it."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 10.0
AFTER_THE_WEBHOOK = 5.0
"""Seconds after which what is over, and still has no result, has none: the webhook may be quicker than the result."""


class Results:
    """Of one run. Nango runs the asynchronous actions of an environment one at a time: as long as some of ours end, the others
    are waited for.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._moved = -math.inf
        """When one ended last."""

    async def of(self, action: AsyncAction, patience: Patience, *, begun: float) -> JsonValue:
        """Its output, once it is there. Raises what it failed with, and where Nango can't be asked what hinders that (outcome
        unknown). TimedOut if it has no result by then, unknown too. `Stopped` when the run may not wait for it any more. `begun`: seconds since the epoch.
        """
        clock, seen_over = self._services.clock, math.inf
        for pause in growing(_FIRST_PAUSE, _LONGEST_PAUSE):
            if await self._services.records.async_actions.is_finished(action.id):
                seen_over = min(seen_over, clock.now())
            looked = clock.now()
            try:
                output = await self._services.nango.actions.result(action)
            except NangoError as error:
                if not _says_nothing(error):
                    self._moved = clock.now()
                    raise
                problem = error
            else:
                self._moved = clock.now()
                return output
            if isinstance(problem, ActionNotFinished) and looked - seen_over >= AFTER_THE_WEBHOOK:
                self._moved = clock.now()
                return None
            left = max(begun, self._moved) + PATIENCE - clock.now()
            if left <= 0:
                raise _given_up(action, problem)
            wanted = max(problem.retry_after or 0.0, pause if seen_over == math.inf else AFTER_THE_WEBHOOK)
            await patience.sleep(min(wanted, left))
        raise AssertionError("pauses never end")


def _says_nothing(error: NangoError) -> bool:
    """Did only the question fail, in a way that another one may not?"""
    if error.call is not None and error.call.action is not None:
        return False
    cut_off = isinstance(error, MalformedResponse) and not isinstance(error, ResponseTooLarge)
    return cut_off or isinstance(error, (ActionNotFinished, *HICCUPS))


def _given_up(action: AsyncAction, problem: NangoError) -> TimedOut:
    if isinstance(problem, ActionNotFinished):
        why = "it may still be in the queue, or it returned null, which only a webhook of Nango's tells, and none came"
    else:
        why = f"in the end Nango could not be asked: {problem.message}"
    return TimedOut(
        f"Nango had no result of the asynchronous action after {PATIENCE / 60:.0f} minutes; {why}",
        call=Call("trigger", action.connection_id, action.integration_id, action.action, action.writes),
        outcome=Outcome.UNKNOWN,
    )
