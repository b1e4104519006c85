"""What is known of writes whose outcome is not: shown beside the question, never the answer to it.

Nothing of this changes anything, fails a turn, or takes longer than some seconds.
"""

import asyncio
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase

from nango_graph.connections.accounts import usable_accounts
from nango_graph.digests import digest
from nango_graph.execution.judging import Judge
from nango_graph.execution.looking_back import Lookup, lookup_for, told_by
from nango_graph.execution.nango_logs import told_by_logs
from nango_graph.execution.provenance import provenance_in
from nango_graph.execution.words import moment
from nango_graph.offering import offer_of
from nango_graph.records import Call, CallKey, TurnRow
from nango_graph.services import Services
from nango_graph.state import Connection, State
from nango_tools import NangoError
from nango_tools.policy import Effect

LONGEST_RUN = 900.0
"""Seconds after which Nango stops an action."""
_PATIENCE = 20.0
"""Seconds for all of it."""
_ONE = 10.0
"""And for one thing that is asked."""
_MOST = 10
"""Outcomes that are looked after."""

Evidence = dict[CallKey, tuple[str, ...]]


async def evidence_of(
    calls: Sequence[Call], turn: TurnRow, services: Services, *, drained: Callable[[], bool] = lambda: False
) -> Evidence:
    """Sentences by call: how long it may still run, what a read shows, what Nango's logs say. `drained`: asked before each of
    them is looked up; a run that is to stop looks up nothing.
    """
    if not calls:
        return {}
    sent_at = await services.records.claims.claimed_at([call.key for call in calls])
    now = services.clock.now()
    queues = services.settings.async_actions
    told = {call.key: [_still_running(call, sent_at.get(call.key, now), now, queues)] for call in calls}
    looking = _Looking(turn, services)
    try:
        async with asyncio.timeout(_PATIENCE):
            for call in calls[:_MOST]:
                if drained():
                    told[call.key].append("Nothing was looked up for this one: the run was being stopped.")
                    continue
                for found in await asyncio.gather(
                    looking.back(call), looking.into_logs(call, sent_at.get(call.key, now))
                ):
                    told[call.key] += filter(None, [found])
    except TimeoutError:
        # What was found until then is shown.
        pass
    for call in calls[_MOST:]:
        told[call.key].append("Nothing more was looked up for this one: too many are open at once.")
    return {key: tuple(lines) for key, lines in told.items()}


class _Looking:
    def __init__(self, turn: TurnRow, services: Services) -> None:
        self._turn = turn
        self._services = services
        self._seen: dict[str, object] = {}
        self._logs_are_there = services.settings.nango.management_mcp_url is not None

    async def back(self, call: Call) -> str:
        try:
            async with asyncio.timeout(_ONE):
                return await self._back(call)
        except (NangoError, TimeoutError):
            return ""

    async def into_logs(self, call: Call, sent_at: float) -> str:
        if not self._logs_are_there:
            return ""
        try:
            async with asyncio.timeout(_ONE):
                return await told_by_logs(self._services.nango, call, sent_at=sent_at)
        except (NangoError, TimeoutError):
            # They are switched off, or not for this key: no need to ask again.
            self._logs_are_there = False
            return ""

    async def _back(self, call: Call) -> str:
        integration = call.tool.partition("/")[0]
        connection = Connection(integration=integration, connection_id=call.connection_id, label="")
        usable = await usable_accounts(self._services, self._turn.requester, {integration: connection})
        if integration not in usable:
            return ""
        state = State(messages=[], connections=usable)
        offer = await offer_of(state, self._turn, self._services)
        lookup = lookup_for(call, offer.tools.values())
        if lookup is None:
            return ""
        judge = Judge(self._services, self._turn, await provenance_in(self._turn, self._services, offer.known))
        ruling = judge.of(
            lookup.tool, usable[integration], lookup.arguments, plan_id=call.key.plan_id, step=call.key.step
        )
        if ruling.effect is not Effect.ALLOW:
            return ""
        return told_by(lookup, await self._read(lookup, usable[integration]), call)

    async def _read(self, lookup: Lookup, connection: Connection) -> object:
        """Once for all that it can show."""
        identity = digest([lookup.tool.id, connection["connection_id"], lookup.arguments])
        if identity not in self._seen:
            output = await self._services.nango.runner.trigger(
                connection_id=connection["connection_id"],
                integration_id=lookup.tool.integration,
                action=lookup.tool.name,
                input=lookup.tool.input_of(lookup.arguments),
                writes=False,
            )
            self._seen[identity] = output
        return self._seen[identity]


def _still_running(call: Call, sent_at: float, now: float, queues: Sequence[str]) -> str:
    """`queues`: globs of the tools that run asynchronously."""
    if call.async_id is not None or any(fnmatchcase(call.tool, glob) for glob in queues):
        # One at a time for each environment: nobody is told how many are before it.
        return (
            f"It was sent at {moment(sent_at)} to be run asynchronously. It may still be waiting in Nango's queue, for however long, "
            "and may run for 15 minutes once it has begun: it may happen after you have looked."
        )
    until = sent_at + LONGEST_RUN
    if now < until:
        return (
            f"It was sent at {moment(sent_at)} and may still be running, until {moment(until)} at the latest: it may happen after "
            "you have looked."
        )
    return f"It was sent at {moment(sent_at)} and can't be running any more: Nango stops actions after 15 minutes."
