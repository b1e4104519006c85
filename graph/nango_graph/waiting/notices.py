"""What a webhook about a connection means for the waits. A delivery proves nothing and may come again: Nango is asked.

authorized (any operation with `success: true`)
    The waits that it may end: the one in its tags, those for this connection to be mended, and all others of the person in
    its tags for this integration. The open ones are looked at; all that are satisfied then, now or since before, have their
    threads woken. (A shared connection, whose tags name no person, wakes others of its organization by the sweep only.)
`refresh` that failed
    Nango marks the connection itself: from then on its list has an `errors` entry of type auth, which every look reads, so
    that the next run asks for it to be authorized again. Here, a wait that this connection had satisfied and that no
    thread has passed yet is open again, if Nango says so too.
any other failure
    Nothing: the person may still try again.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal
from weakref import WeakValueDictionary

from nango_graph.connections.finding import find_connections, wait_id_of
from nango_graph.identity import Requester
from nango_graph.limits import Limit
from nango_graph.records import Wait
from nango_graph.services import Services
from nango_graph.waiting.looking import satisfied_now
from nango_tools import AuthWebhook

MOST_WAITS = 20
"""Looked at for one delivery; a sweep takes the others."""
LOOKS_A_MINUTE = 10
"""For one person and integration: a captured delivery may be sent again and again, and Nango's quota is for all."""

Because = Literal[
    "satisfied",
    "not_usable_yet",
    "nobody_waits",
    "wait_is_over",
    "another_tenant",
    "not_authorized",
    "opened_again",
    "refresh_failed",
]


@dataclass(frozen=True, slots=True)
class Notice:
    because: Because
    waits: Sequence[Wait] = field(default=())
    """Satisfied: their threads can go on."""
    later: int = 0
    """Waits that were left to a sweep."""


class TooOften(Exception):
    """Nango was asked about this often enough just now."""


class Notices:
    """Takes deliveries, for one person and integration one after the other. Belongs to one event loop."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._looks = Limit(LOOKS_A_MINUTE)

    async def take(self, services: Services, webhook: AuthWebhook) -> Notice:
        """Raises `TooOften`, and `NangoError` if Nango can't be asked; what was committed till then stays."""
        integration, connection_id = webhook.integration_id, webhook.connection_id
        if integration is None or connection_id is None:
            return Notice("nobody_waits")
        if "\0" in "".join((integration, connection_id, *webhook.tags.values())):
            # JSON may hold it and databases can't: no row of ours has it.
            return Notice("nobody_waits")
        if not webhook.success and webhook.operation != "refresh":
            return Notice("not_authorized")
        about = await _waits_about(services, webhook.tags, integration, connection_id)
        if not about.waits:
            return Notice(about.because if webhook.success else "refresh_failed")
        key = f"{integration}/{about.waits[0].requester.key}"
        lock = self._locks.setdefault(key, asyncio.Lock())
        async with lock:
            # Whoever came first may have done it all.
            waits = await _again(services, about.waits)
            if not webhook.success:
                return await self._refresh_failed(services, waits, integration, connection_id, key)
            still_open = [wait for wait in waits if wait.state == "open"]
            if still_open:
                self._count_look(key, services)
                await satisfied_now(services, still_open)
                waits = await _again(services, waits)
        satisfied = [wait for wait in waits if wait.state == "satisfied"]
        if satisfied:
            return Notice("satisfied", satisfied, about.later)
        return Notice("not_usable_yet" if still_open else "wait_is_over", later=about.later)

    async def _refresh_failed(
        self, services: Services, waits: Sequence[Wait], integration: str, connection_id: str, key: str
    ) -> Notice:
        opened = False
        for wait in waits:
            if wait.state == "satisfied" and wait.found_id == connection_id:
                self._count_look(key, services)
                found = (await find_connections(services, wait.requester, {integration}))[integration]
                works = [*found.usable, *(one.connection for one in found.unconfirmed)]
                if connection_id not in {one.connection_id for one in works}:
                    opened |= await services.records.waits.change(
                        wait.id, "open", only_from=("satisfied",), now=services.clock.now()
                    )
        return Notice("opened_again" if opened else "refresh_failed")

    def _count_look(self, key: str, services: Services) -> None:
        if not self._looks.take(key, services.clock.now()):
            raise TooOften


@dataclass(frozen=True, slots=True)
class _About:
    waits: Sequence[Wait]
    because: Because = "nobody_waits"
    """Why there are none."""
    later: int = 0


async def _waits_about(services: Services, tags: Mapping[str, str], integration: str, connection_id: str) -> _About:
    """Live waits that the delivery may end, the one it names first."""
    records, now = services.records.waits, services.clock.now()
    named = await records.get(wait_id_of(tags))
    because: Because = "nobody_waits"
    if named is not None and (not _fits(tags, named.requester) or named.integration != integration):
        named, because = None, "another_tenant"
    elif named is not None and (named.state not in {"open", "satisfied"} or named.deadline <= now):
        because = "wait_is_over"
    candidates = [named] if named is not None else []
    # Authorized over without tags, a connection has lost them; Nango's list will not show it as anybody's then.
    to_mend = await records.live_for_connection(integration, connection_id)
    candidates += [wait for wait in to_mend if not tags or _fits(tags, wait.requester)]
    if tags.get("end_user_id"):
        requester = Requester(tags["end_user_id"], tags.get("organization_id", ""))
        candidates += await records.live_of(requester, integration)
    live = {
        wait.id: wait
        for wait in candidates
        if wait.state == "satisfied" or (wait.state == "open" and wait.deadline > now)
    }
    waits = list(live.values())
    return _About(waits[:MOST_WAITS], because, later=max(0, len(waits) - MOST_WAITS))


def _fits(tags: Mapping[str, str], requester: Requester) -> bool:
    """Are these the tags of a connection of the requester's, or of one that the requester's organization shares?"""
    return tags.get("organization_id", "") == requester.organization_id and tags.get("end_user_id") in {
        requester.user_id,
        None if requester.organization_id else requester.user_id,
    }


async def _again(services: Services, waits: Sequence[Wait]) -> list[Wait]:
    rows = await services.records.waits.get_all([wait.id for wait in waits])
    return [rows[wait.id] for wait in waits if wait.id in rows]
