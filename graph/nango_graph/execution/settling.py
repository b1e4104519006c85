"""How calls that were begun come to their end, whoever began them: waited for, asked about, and saved."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from nango_graph.execution.patience import Patience
from nango_graph.execution.sending import Sender
from nango_graph.records import Call, TurnRow
from nango_graph.services import Services
from nango_tools import NangoError

T = TypeVar("T")

_LOOK_AGAIN = 1.0
"""Seconds between two looks at a claim that somebody else holds."""


async def to_the_end(saving: Coroutine[Any, Any, T]) -> T:
    """Saves what is known even if the run is stopped meanwhile, and only then stops."""
    task = asyncio.ensure_future(saving)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


async def kept(services: Services, turn: TurnRow, output: Any) -> tuple[Any, str | None]:
    """An output as the records take it: itself, or the id of the artifact that it is kept as."""
    return await services.records.artifacts.kept(
        output, tenant=turn.requester.tenant, thread_id=turn.thread_id, now=services.clock.now()
    )


async def ended(
    services: Services, turn: TurnRow, call: Call, *, notice: Callable[[str], None], patience: Patience | None = None
) -> Call:
    """Waits for a claim to end: until Nango says what came of it, where it runs asynchronously, else until its lease has run
    out. Then nobody knows what became of it. Raises `Stopped` when `patience` is over before that.
    """
    records, clock = services.records, services.clock
    patience = patience or Patience(clock)
    said = False
    if call.state == "unknown" and call.async_id is not None:
        call = await _come_late(services, turn, call)
    while call.state == "claimed":
        left = call.lease_until - clock.now()
        if call.async_id is not None:
            state, output, error = await Sender(services, notice=notice).outcome(call, patience)
            output, artifact = await kept(services, turn, output)
            told = str(error) if error else None
            await records.claims.finish(
                call.key, state=state, output=output, artifact=artifact, error=told, now=clock.now()
            )
        elif left < 0:
            await records.claims.give_up(call.key, now=clock.now())
        else:
            if not said:
                said = True
                notice(
                    f"{call.tool} was sent before, and its answer is not in yet. "
                    f"Waiting up to {left:.0f} s before asking what became of it."
                )
            await patience.sleep(min(left + 0.01, _LOOK_AGAIN))
        again = await records.calls.get(call.key)
        if again is None:
            break
        call = again
    return call


async def _come_late(services: Services, turn: TurnRow, call: Call) -> Call:
    """With the result that Nango has by now, after it was given up."""
    try:
        output = await services.nango.actions.result(call.async_id or "")
    except NangoError:
        return call
    output, artifact = await kept(services, turn, output)
    await services.records.claims.finish(
        call.key, state="succeeded", output=output, artifact=artifact, error=None, now=services.clock.now()
    )
    return await services.records.calls.get(call.key) or call
