"""One call to Nango: a read is made and recorded; a write, or what else was asked for, is claimed, sent once, and recorded."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from nango_graph.execution.health import Health
from nango_graph.execution.judging import Judge
from nango_graph.execution.sending import Sender
from nango_graph.execution.slots import Slots
from nango_graph.identity import BY_RULE
from nango_graph.records import AUTHORIZATION, Call, CallKey, CallState, Cause, Decision, NotAllowed, TurnRow
from nango_graph.services import Services
from nango_tools import Access
from nango_tools.policy import Effect, Ruling

if TYPE_CHECKING:
    from nango_graph.execution.units import Unit

LEASE_MARGIN = 30.0
"""Seconds by which a claim outlives the client's time-out."""
_LOOK_AGAIN = 1.0


class Caller:
    """`sending` is told of each step whose call really leaves now; `notice` of waits that a person should know of."""

    def __init__(
        self,
        services: Services,
        turn: TurnRow,
        health: Health,
        judge: Judge,
        *,
        sending: Callable[["Unit"], None],
        notice: Callable[[str], None],
    ) -> None:
        self._services = services
        self._turn = turn
        self._health = health
        self._judge = judge
        self._notice = notice
        self._slots = Slots(services.settings)
        self._sender = Sender(services, sending=sending)

    async def make(self, unit: "Unit") -> Call:
        """The call as it ended, whoever made it. The policy is asked once more: a rule that was added meanwhile counts."""
        ruling = self._judge.of(
            unit.tool,
            unit.connection,
            unit.arguments,
            plan_id=unit.key.plan_id,
            step=unit.key.step,
            edited=unit.edited,
        )
        if ruling.effect is Effect.DENY:
            known = await self._services.records.calls.get(unit.key)
            return await self.stands(known) if known else self._call(unit, "failed", error=f"Not sent. {ruling.reason}")
        if unit.tool.access is Access.READ and ruling.effect is Effect.ALLOW:
            return await self._read(unit)
        return await self._claimed(unit, ruling)

    async def _read(self, unit: "Unit") -> Call:
        """One that the connection's state stopped is not recorded: it is made again."""
        records, clock = self._services.records, self._services.clock
        known = await records.calls.get(unit.key)
        if known is not None:
            return known
        async with self._slots.of(unit.connection["connection_id"]):
            if self._health.usable(unit.tool.integration) is None:
                return self._call(unit, "not_sent", cause=AUTHORIZATION)
            state, output, error = await self._sender.send(unit, writes=False)
        call = self._call(unit, state, output=output, error=str(error) if error else None)
        if error is not None and await self._health.broke(unit.tool.integration, error):
            return replace(call, cause=AUTHORIZATION)
        await records.calls.record(
            call, tenant=self._turn.requester.tenant, thread_id=self._turn.thread_id, now=clock.now()
        )
        return call

    async def _claimed(self, unit: "Unit", ruling: Ruling) -> Call:
        """`unknown` if nobody can say how it ended."""
        records, clock, tenant = self._services.records, self._services.clock, self._turn.requester.tenant
        lease = clock.now() + self._services.settings.nango.write_timeout + LEASE_MARGIN
        claim = self._call(unit, "claimed", lease_until=lease)
        try:
            existing = await records.claims.claim(
                claim,
                tenant=tenant,
                thread_id=self._turn.thread_id,
                now=clock.now(),
                by_rule=_decision(unit, ruling) if ruling.effect is Effect.ALLOW else None,
                fingerprint=unit.tool.fingerprint,
            )
        except NotAllowed as reason:
            return self._call(unit, "failed", error=f"Not sent: {reason}.")
        if existing is not None:
            return await ended(self._services, existing, notice=self._notice)
        async with self._slots.of(unit.connection["connection_id"]):
            try:
                state, output, error = await self._sender.send(unit, writes=True)
            except asyncio.CancelledError:
                stopped = "The run was stopped before the answer came."
                finish = records.claims.finish(unit.key, state="unknown", output=None, error=stopped, now=clock.now())
                await asyncio.shield(finish)
                raise
        told = str(error) if error else None
        await records.claims.finish(unit.key, state=state, output=output, error=told, now=clock.now())
        call = self._call(unit, state, output=output, error=told)
        if error is not None and await self._health.broke(unit.tool.integration, error):
            await records.claims.broke(unit.key)
            return replace(call, cause=AUTHORIZATION)
        return call

    async def stands(self, call: Call) -> Call:
        """A call that the records have, as it ended."""
        now = await self._services.records.calls.get(call.key)
        return await ended(self._services, now or call, notice=self._notice)

    def _call(
        self,
        unit: "Unit",
        state: CallState,
        *,
        lease_until: float = 0.0,
        output: Any = None,
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
            error=error,
            cause=cause,
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


async def ended(services: Services, call: Call, *, notice: Callable[[str], None]) -> Call:
    """Waits for a claim to end, or its lease to run out: then nobody knows what became of it."""
    records, clock = services.records, services.clock
    said = False
    while call.state == "claimed":
        left = call.lease_until - clock.now()
        if left < 0:
            await records.claims.give_up(call.key, now=clock.now())
        else:
            if not said:
                said = True
                notice(
                    f"{call.tool} was sent before, and its answer is not in yet. "
                    f"Waiting up to {left:.0f} s before asking what became of it."
                )
            await clock.sleep(min(left + 0.01, _LOOK_AGAIN))
        again = await records.calls.get(call.key)
        if again is None:
            break
        call = again
    return call
