"""Lets the writes of other agents through, under the same policy and ledger: `nango_tools.session(writes=LedgerGate(records))`.

A tool call may be run many times: a node that paused is run again from its top, and so is one whose process was killed. What is
decided, claimed and sent is therefore bound to the thread and the id of the model's tool call, and is looked up in the
records first. An answer is for one question: of the calls of one node run, one pauses, the others are to be made again. It
counts only where this very run of the node has shown the question before.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from langgraph.config import get_config
from langgraph.errors import GraphInterrupt
from langgraph.types import interrupt
from pydantic import JsonValue

from nango_graph.approval import BadAnswer, again, ask
from nango_graph.clock import Clock, SystemClock
from nango_graph.digests import digest
from nango_graph.execution.calling import LEASE_MARGIN
from nango_graph.gate_questions import LONGEST_ID, decided_by_person, decided_by_rule, digest_of, request_for
from nango_graph.identity import Requester
from nango_graph.records import Call, CallKey, Decision, NotAllowed, Records
from nango_graph.state import Asked
from nango_tools import NangoError, Refused, Write
from nango_tools.agent_session.gating import Earlier, NeverSent, Send
from nango_tools.policy import Effect
from nango_tools.provider_limits import LONGEST_FOR_WRITES

Approve = Callable[[dict[str, Any]], Awaitable[Any]]
"""Asks a person, with a question in the form of `nango_graph.approval`, and returns the answer in its form."""

_STEP = "s1"
_MOST_ANSWERS = 20
_LOOK_AGAIN = 1.0
_SENT_BEFORE = "The same action was sent before in this thread, and may have taken effect: look in the account first."


@dataclass(frozen=True, slots=True)
class _Entry:
    """Where a tool call stands in the records."""

    key: CallKey
    tenant: str
    thread_id: str


class LedgerGate:
    """A `nango_tools.WriteGate`. What the policy allows is noted as its decision; what it asks about, a person decides.

    records: of all processes that may run the agent's threads
    approve: how a person is asked. By default the run pauses with LangGraph's `interrupt`, in the form that chat interfaces
        render: the agent needs a checkpointer, and is gone on with by `Command(resume={"decisions": [...]})`.
    actor: who answers, noted beside each decision; the session's user if not given
    """

    def __init__(
        self,
        records: Records,
        *,
        clock: Clock | None = None,
        approve: Approve | None = None,
        actor: str = "",
    ) -> None:
        self._records = records
        self._clock = clock or SystemClock()
        self._approve = approve
        self._actor = actor

    async def run(self, write: Write, send: Send) -> JsonValue | Earlier:
        """See `WriteGate.run`. Refused without a thread id and a tool call's id: nothing would keep it from being sent twice."""
        entry = _entry(write)
        known = await self._records.calls.get(entry.key)
        if known is not None:
            output = await self._outcome(known)
            return Earlier(output) if await self._is_of_another_run(entry) else output
        if not self._records.writes_allowed:
            raise Refused("Writes are switched off: the records are in memory. Nothing was sent.")
        decision = await self._decided(entry) or await self._decision(entry, write)
        if decision.verdict == "rejected":
            said = f": {decision.message}" if decision.message else ""
            raise Refused(f"The user decided against it{said}. Nothing was sent.")
        return await self._sent(entry, write, decision, send)

    async def _decision(self, entry: _Entry, write: Write) -> Decision:
        """By a rule, or else by a person, which is recorded here. A rule's is recorded with the claim: it holds for the moment."""
        ruling, in_doubt = write.judge(write.arguments), await self._in_doubt(entry, write)
        # Somebody who was asked is heard, even if the rules would not ask any more.
        before = await self._records.plans.get(entry.key.plan_id, entry.thread_id)
        was_asked = before is not None and before.steps[0]["asks"]
        if ruling.effect is Effect.ALLOW and not in_doubt and not was_asked:
            await self._plan(entry, entry.key.plan_id, _step(write, asks=False))
            return decided_by_rule(write, entry.key, ruling.rule)
        made = await self._asked(entry, write, _SENT_BEFORE if in_doubt else "")
        await self._records.decisions.record(
            [made], tenant=entry.tenant, thread_id=entry.thread_id, now=self._clock.now()
        )
        return await self._decided(entry) or made

    async def _decided(self, entry: _Entry) -> Decision | None:
        return (await self._records.decisions.of_plan(entry.key.plan_id, entry.tenant)).get(entry.key)

    async def _in_doubt(self, entry: _Entry, write: Write) -> bool:
        """Models call again what failed. What may have happened already is not for a policy to allow once more."""
        action = digest_of(write, write.arguments)
        before = await self._records.claims.sent_before(action, entry.tenant, entry.thread_id)
        return any(one.state == "claimed" or one.may_have_happened for one in before)

    async def _asked(self, entry: _Entry, write: Write, note: str) -> Decision:
        asked = ask("approval", [request_for(write, entry.key.plan_id, note)])
        if self._approve is None:
            await self._take_the_pause(entry)
        else:
            await self._plan(entry, entry.key.plan_id, _step(write, asks=True))
        for _ in range(_MOST_ANSWERS):
            if self._approve is None:
                raw = await self._answer(entry, write, asked)
            else:
                raw = await self._approve(asked["payload"])
            try:
                return decided_by_person(asked, raw, write, entry.key, self._actor or write.user_id)
            except BadAnswer as problem:
                asked = again(asked, str(problem))
        raise Refused("Nobody gave an answer that could be taken. Nothing was sent.")

    async def _answer(self, entry: _Entry, write: Write, asked: Asked) -> Any:
        """What the run is gone on with, if it paused here with this question before. Anything else is the answer to another
        one: somebody has changed the messages in between, or what was sent came too late.
        """
        shown_id = digest(["shown", entry.tenant, entry.thread_id, _place(), asked["id"]])
        was_shown = await self._records.plans.get(shown_id, entry.thread_id) is not None
        try:
            raw = interrupt(asked["payload"])
        except GraphInterrupt:
            await self._plan(entry, entry.key.plan_id, _step(write, asks=True))
            await self._plan(entry, shown_id, {"asks": entry.key.plan_id})
            raise
        if not was_shown:
            raise Refused(
                "The answer that came was for another question, so nobody has decided about this. Nothing was sent. Call this tool "
                "again now, and the user is asked."
            )
        return raw

    async def _take_the_pause(self, entry: _Entry) -> None:
        """LangGraph hands answers to the questions of one node run in the order in which they are asked, which is another
        one when it is run again. So only one call of a run asks, the same one every time.
        """
        place = _place()
        if not place:
            raise Refused(
                "A person must be asked about this, and nobody can be asked here: the tool was called outside of a graph that can "
                "pause. Nothing was sent."
            )
        pause_id = digest(["pause", entry.tenant, entry.thread_id, place])
        if await self._plan(entry, pause_id, {"asks": entry.key.plan_id}) != {"asks": entry.key.plan_id}:
            raise Refused(
                "Another call of the same message had to be decided first. Nothing was sent. Call this tool again now, by itself."
            )

    async def _is_of_another_run(self, entry: _Entry) -> bool:
        """Was the call made by an earlier run of the node, and not by this one before it was run again?"""
        plan = await self._records.plans.get(entry.key.plan_id, entry.thread_id)
        return plan is not None and plan.steps[0].get("at", "") != _place()

    async def _plan(self, entry: _Entry, plan_id: str, step: dict[str, Any]) -> dict[str, Any]:
        """The one step of the plan with this id: the first that was saved."""
        kept = await self._records.plans.save(
            plan_id=plan_id,
            tenant=entry.tenant,
            thread_id=entry.thread_id,
            turn_id=plan_id,
            ordinal=1,
            steps=[step],
            seen=(),
            now=self._clock.now(),
        )
        return kept.steps[0]

    async def _sent(self, entry: _Entry, write: Write, decision: Decision, send: Send) -> JsonValue:
        claims, clock = self._records.claims, self._clock
        claim = Call(
            key=entry.key,
            tool=write.tool.id,
            connection_id=write.connection_id,
            access=write.tool.access.value,
            digest=digest_of(write, decision.arguments),
            arguments=decision.arguments,
            state="claimed",
            worker=self._records.worker,
            lease_until=clock.now() + write.timeout + LONGEST_FOR_WRITES + LEASE_MARGIN,
        )
        write.judge(decision.arguments)
        by_rule = decision if decision.is_by_rule else None
        try:
            existing = await claims.claim(
                claim,
                tenant=entry.tenant,
                thread_id=entry.thread_id,
                now=clock.now(),
                by_rule=by_rule,
                fingerprint=write.tool.fingerprint,
            )
        except NotAllowed as reason:
            raise Refused(f"Not sent: {reason}.") from reason
        if existing is not None:
            return await self._outcome(existing)
        try:
            output = await send(decision.arguments)
        except NangoError as error:
            # The states of a call are the outcomes, and "claimed".
            await claims.finish(entry.key, state=error.outcome.value, output=None, error=str(error), now=clock.now())
            raise
        except Refused as refused:
            await claims.finish(entry.key, state="not_sent", output=None, error=str(refused), now=clock.now())
            raise
        except NeverSent:
            stopped = "The run was stopped before it left."
            await asyncio.shield(
                claims.finish(entry.key, state="not_sent", output=None, error=stopped, now=clock.now())
            )
            raise
        except asyncio.CancelledError:
            stopped = "The run was stopped before the answer came."
            await asyncio.shield(claims.finish(entry.key, state="unknown", output=None, error=stopped, now=clock.now()))
            raise
        await claims.finish(entry.key, state="succeeded", output=output, error=None, now=clock.now())
        return output

    async def _outcome(self, call: Call) -> JsonValue:
        """Of a call that was sent before. Waits for one that is under way, until nobody can be waiting for its answer."""
        claims, clock = self._records.claims, self._clock
        while call.state == "claimed":
            left = call.lease_until - clock.now()
            if left < 0:
                await claims.give_up(call.key, now=clock.now())
            else:
                await clock.sleep(min(left + 0.01, _LOOK_AGAIN))
            call = await self._records.calls.get(call.key) or call
        if call.state == "succeeded":
            output: JsonValue = call.output
            return output
        if call.state == "unknown":
            raise Refused(
                f"{call.tool} may have been sent before, and nobody knows whether it took effect. It is not sent again. Tell the "
                "user to look in the account."
            )
        if call.state == "not_sent":
            raise Refused(f"{call.tool} was tried before and was not sent: {call.error}")
        raise Refused(f"{call.tool} was sent before and did not succeed: {call.error}")


def _entry(write: Write) -> _Entry:
    if not write.thread_id or not write.call_id:
        raise Refused(
            "Writes need an agent with a checkpointer and a thread (configurable.thread_id), whose model calls the tool: without "
            "a thread's and a call's id nothing keeps a write from being sent twice. Nothing was sent."
        )
    tenant = Requester(write.user_id, write.organization_id).tenant
    # Not the thread's own id: a thread of the agent's workflow may have the same one, and closes the plans of its older turns.
    thread_id = f"tools:{write.thread_id}"
    # Some models count their calls anew in each message, so the id alone may be another call's.
    plan_id = digest([tenant, write.user_id, thread_id, write.call_id, digest_of(write, write.arguments)])
    return _Entry(CallKey(plan_id, _STEP), tenant, thread_id if len(thread_id) <= LONGEST_ID else digest(thread_id))


def _step(write: Write, *, asks: bool) -> dict[str, Any]:
    return {"id": _STEP, "tool": write.tool.id, "arguments": write.arguments, "asks": asks, "at": _place()}


def _place() -> str:
    """The task that this runs in, the same when it is run again; "" outside of a graph."""
    try:
        return str(get_config().get("configurable", {}).get("checkpoint_ns") or "")
    except RuntimeError:
        return ""
