"""One call to Nango: a read is made and recorded; a write, or what else was asked for, is claimed, sent once, and recorded."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import DBAPIError

from nango_graph.execution.freshness import Freshness, Outdated
from nango_graph.execution.health import Health
from nango_graph.execution.judging import Judge
from nango_graph.execution.patience import Patience, Stopped
from nango_graph.execution.sending import Sender
from nango_graph.execution.settling import ended, kept, to_the_end
from nango_graph.execution.slots import Place
from nango_graph.execution.words import MAY_STILL_HAPPEN
from nango_graph.identity import BY_RULE
from nango_graph.records import AUTHORIZATION, Call, CallKey, CallState, Cause, Decision, NotAllowed, TurnRow
from nango_graph.records.claims import Overtaken
from nango_graph.run_lease import LOST, ThreadBusy, lease_of_run
from nango_graph.services import Services
from nango_tools import Access
from nango_tools.policy import Effect, Ruling

if TYPE_CHECKING:
    from nango_graph.execution.units import Unit

LEASE_MARGIN = 30.0
"""Seconds by which a claim outlives the client's time-out. What was claimed may wait for Nango's own request limit before it leaves,
and for a connection to be made, for 10 s each. For a provider's it has waited before it was claimed.
"""
_SAVING_AGAIN = (0.2, 1.0, 4.0)
"""Seconds between attempts to save how a write ended."""


class Caller:
    """Of one run. `sending` is told of each step whose call really leaves now; `notice` of waits that a person should know of."""

    def __init__(
        self,
        services: Services,
        turn: TurnRow,
        health: Health,
        judge: Judge,
        *,
        sending: Callable[["Unit"], None],
        notice: Callable[[str], None],
        patience: Patience | None = None,
    ) -> None:
        self._services = services
        self._patience = patience or Patience(services.clock)
        self._turn = turn
        self._health = health
        self._judge = judge
        self._notice = notice
        self._sender = Sender(services, sending=sending, notice=notice)
        self._freshness = Freshness(services, health)
        self._lease = lease_of_run()

    async def make(self, unit: "Unit", place: Place) -> Call:
        """The call as it ended, whoever made it. It leaves its place to others while it waits. Raises `ThreadBusy` if another run
        has taken over the thread, and `Stopped` if this one may not wait any more for what keeps the call from leaving, or from ending.
        """
        patience = self._patience.leaving(place)
        if unit.tool.access is Access.READ and self._ruling(unit).effect is Effect.ALLOW:
            return await self._read(unit, patience)
        return await self._write(unit, patience)

    async def _read(self, unit: "Unit", patience: Patience) -> Call:
        """One that the connection's state stopped is not recorded: it is made again."""
        if self._health.usable(unit.tool.integration) is None:
            return self._call(unit, "not_sent", cause=AUTHORIZATION)
        state, output, error = await self._sender.send(unit, patience, writes=False)
        if error is not None and await self._health.broke(unit.tool.integration, error):
            return self._call(unit, state, error=str(error), cause=AUTHORIZATION)
        output, artifact = await self._kept(output)
        call = self._call(unit, state, output=output, artifact=artifact, error=str(error) if error else None)
        await self._services.records.calls.record(
            call, tenant=self._turn.requester.tenant, thread_id=self._turn.thread_id, now=self._services.clock.now()
        )
        return call

    async def _write(self, unit: "Unit", patience: Patience) -> Call:
        """The rules, the tool and the connection are looked at once more: what changed meanwhile counts."""
        if (limited := await self._sender.clear(unit, patience)) is not None:
            return self._call(unit, "not_sent", error=str(limited))
        try:
            fresh = await self._freshness.of(unit)
        except Outdated as reason:
            return await self._not_sent(unit, f"Not sent: {reason}.", patience)
        if fresh is None:
            return self._call(unit, "not_sent", cause=AUTHORIZATION)
        ruling = self._ruling(fresh)
        if ruling.effect is Effect.DENY:
            return await self._not_sent(unit, f"Not sent. {ruling.reason}", patience)
        try:
            existing = await self._claimed(fresh, ruling)
        except Overtaken:
            # Whatever this run would make of it: the thread is another one's by now, and so are its steps.
            raise ThreadBusy(LOST) from None
        except NotAllowed as reason:
            return self._call(unit, "failed", error=f"Not sent: {reason}.")
        return await self._stands(existing, patience) if existing is not None else await self._sent(fresh, patience)

    async def _not_sent(self, unit: "Unit", why: str, patience: Patience) -> Call:
        """What was sent before stays what it was."""
        known = await self._services.records.calls.get(unit.key)
        return await self._stands(known, patience) if known is not None else self._call(unit, "failed", error=why)

    async def _claimed(self, unit: "Unit", ruling: Ruling) -> Call | None:
        """None: it is to be sent now. A run that is stopped meanwhile takes its claim back: nothing has left."""
        records, now = self._services.records, self._services.clock.now()
        if self._lease is None:
            raise NotAllowed("this run has no lease on its thread")
        claim = self._call(
            unit, "claimed", lease_until=now + self._services.settings.nango.write_timeout + LEASE_MARGIN
        )
        claiming = asyncio.ensure_future(
            records.claims.claim(
                claim,
                tenant=self._turn.requester.tenant,
                thread_id=self._turn.thread_id,
                now=now,
                by_rule=_decision(unit, ruling) if ruling.effect is Effect.ALLOW else None,
                fingerprint=unit.tool.fingerprint,
                lease=self._lease,
            )
        )
        try:
            return await asyncio.shield(claiming)
        except asyncio.CancelledError:
            await asyncio.wait([claiming])
            if not claiming.cancelled() and claiming.exception() is None and claiming.result() is None:
                await records.claims.withdraw(claim)
            raise

    async def _sent(self, unit: "Unit", patience: Patience) -> Call:
        """`unknown` if nobody can say how it ended."""
        records = self._services.records
        runs_on = False

        async def started(async_id: str) -> None:
            nonlocal runs_on
            await to_the_end(records.async_actions.started(unit.key, async_id))
            runs_on = True

        try:
            state, output, error = await self._sender.send(unit, patience, writes=True, started=started)
        except asyncio.CancelledError:
            # What Nango has an id for stays claimed: whoever goes on asks Nango what came of it.
            if not runs_on:
                await to_the_end(self._cut_off(unit))
            raise
        except Stopped as stopped:
            raise _left(stopped, unit.tool.access.value) from None
        call = await to_the_end(self._finished(unit, state, output, str(error) if error else None))
        if error is not None and await self._health.broke(unit.tool.integration, error):
            await records.claims.broke(unit.key)
            return replace(call, cause=AUTHORIZATION)
        return call

    async def _cut_off(self, unit: "Unit") -> None:
        claims = self._services.records.claims
        if unit.tool.access is Access.READ:
            # It took no effect: it is made again, under the same decision.
            await claims.withdraw(self._call(unit, "claimed"))
            return
        told = "The run was stopped before the answer came."
        await claims.finish(unit.key, state="unknown", output=None, error=told, now=self._services.clock.now())

    async def _finished(self, unit: "Unit", state: CallState, output: Any, error: str | None) -> Call:
        clock, pauses = self._services.clock, list(_SAVING_AGAIN)
        while True:
            try:
                kept_output, artifact = await self._kept(output)
                await self._services.records.claims.finish(
                    unit.key, state=state, output=kept_output, artifact=artifact, error=error, now=clock.now()
                )
            except (DBAPIError, OSError):
                # Nobody else knows how it ended: unsaved, somebody would have to look in the account.
                if not pauses:
                    raise
                await clock.sleep(pauses.pop(0))
            else:
                return self._call(unit, state, output=kept_output, artifact=artifact, error=error)

    async def _kept(self, output: Any) -> tuple[Any, str | None]:
        return await kept(self._services, self._turn, output)

    async def stands(self, call: Call, place: Place) -> Call:
        """A call that the records have, as it ended. Raises `Stopped`, and leaves its place, as `make` does."""
        return await self._stands(call, self._patience.leaving(place))

    async def _stands(self, call: Call, patience: Patience) -> Call:
        now = await self._services.records.calls.get(call.key)
        try:
            return await ended(self._services, self._turn, now or call, notice=self._notice, patience=patience)
        except Stopped as stopped:
            raise _left(stopped, call.access) from None

    def _ruling(self, unit: "Unit") -> Ruling:
        return self._judge.of(
            unit.tool,
            unit.connection,
            unit.arguments,
            plan_id=unit.key.plan_id,
            step=unit.key.step,
            edited=unit.edited,
        )

    def _call(
        self,
        unit: "Unit",
        state: CallState,
        *,
        lease_until: float = 0.0,
        output: Any = None,
        artifact: str | None = None,
        error: str | None = None,
        cause: Cause | None = None,
    ) -> Call:
        return Call(
            key=CallKey(unit.key.plan_id, unit.key.step, unit.key.item, unit.key.attempt),
            tool=unit.tool.id,
            connection_id=unit.connection["connection_id"],
            access=unit.tool.access.value,
            digest=unit.digest,
            arguments=unit.arguments,
            state=state,
            worker=self._services.records.worker,
            lease_until=lease_until,
            output=output,
            artifact=artifact,
            error=error,
            cause=cause,
            position=unit.position,
        )


def _decision(unit: "Unit", ruling: Ruling) -> Decision:
    return Decision(
        key=unit.key,
        verdict="approved",
        digest=unit.digest,
        arguments=unit.arguments,
        asked_id="",
        actor=f"{BY_RULE}{ruling.rule or 'no rule'}"[:255],
        message=" ".join(filter(None, [ruling.reason, f"({ruling.where})" if ruling.where else ""])),
    )


def _left(stopped: Stopped, access: str) -> Stopped:
    """Of a call that had left before. It stays claimed: whoever goes on finds out what came of it."""
    state = stopped.state
    if state.status == "stopped" or access == Access.READ.value:
        return stopped
    return Stopped(replace(state, error=f"{state.error} {MAY_STILL_HAPPEN}"))
