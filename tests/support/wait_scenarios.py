"""A wait for an authorization as a person, Nango's webhooks and time treat it: the same on every host.

A `Host` runs the agent. `wait_and_authorize` lets time pass over threads that are paused at a missing connection, one for each
fate of the webhook, takes them to their ends, and tells what came of each.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pytest

from nango_graph.connections.finding import WAIT_TAG
from nango_sandbox import Sandbox
from nango_sandbox.faults import WebhookDelayed, WebhookDoubled, WebhookForged, WebhookLost
from noting_model import request_to_list
from opened_links import LinkIsDead, open_link
from waiting_hosts import Host, at_rest, confirmed, gone_on, link_in
from webhook_post import Delivery, Post

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
WAITED: Mapping[str, float] = {"1 minute": MINUTE, "1 day": DAY, "30 days less an hour": 30 * DAY - HOUR}
TOO_LONG = 30 * DAY + MINUTE
"""A wait lives for 30 days."""

Fate = Literal["delivered", "lost", "doubled", "late", "forged", "replayed"]
FATES: Sequence[Fate] = ("delivered", "lost", "doubled", "forged", "replayed", "late")
"""The late one last: it makes an hour pass."""
TOLD: frozenset[Fate] = frozenset({"delivered", "doubled", "replayed"})
"""Of these the webhook tells in time; of the others the sweep finds it."""
_LATE = HOUR


@dataclass(frozen=True)
class Passage:
    """What became of one wait."""

    fate: Fate
    seconds: float
    """Real ones, from the press on the button until the thread had gone on; of a sweep, from the beginning of its pass."""
    until_swept: float
    """On the clock, from the authorization until the sweep looked. 0 by webhook."""
    words: str
    state: str
    """Of the wait."""
    plans: int
    reads: int
    """In Nango's own ledger."""
    woken: int
    """By deliveries."""
    forged_accepted: int

    @property
    def by(self) -> Literal["webhook", "sweep"]:
        return "sweep" if self.until_swept else "webhook"

    @property
    def resumed_once(self) -> bool:
        return (self.words, self.state, self.plans, self.reads) == ("Done.", "consumed", 1, 1)

    @property
    def went_on_without(self) -> bool:
        return (self.words, self.state, self.plans, self.reads) == ("I went on without GitHub.", "expired", 1, 0)


FAULTS: Mapping[Fate, Any] = {
    "lost": WebhookLost(),
    "doubled": WebhookDoubled(),
    "late": WebhookDelayed(seconds=_LATE),
    "forged": WebhookForged(),
}


async def wait_and_authorize(host: Host, post: Post, seconds: float) -> list[Passage]:
    """One thread for each fate; beyond `TOO_LONG` their deadlines have come."""
    await asyncio.gather(*(host.ask(fate, request_to_list(fate), user=fate) for fate in FATES))
    await host.let_pass(seconds)
    if seconds >= TOO_LONG:
        return await come_too_late(host, post, FATES)
    return [await go_through(host, post, fate) for fate in FATES]


async def go_through(host: Host, post: Post, fate: Fate) -> Passage:
    """The thread, the user and the case are called as the fate is. It is paused, and its user authorizes now."""
    sandbox, (wait_id,) = host.sandbox, (await host.view(fate)).waits
    connected = await _connections(sandbox)
    if fate in FAULTS:
        sandbox.faults.add(FAULTS[fate])
    began = await open_link(await link_in(host, fate), host.cookies(fate))
    (made,) = await _connections(sandbox) - connected
    deliveries, forged = await _deliveries(host, post, fate)
    until_swept = 0.0
    if fate in TOLD:
        await gone_on(host, fate, wait_id)
    else:
        await _not_gone_on(host, fate, wait_id)
        until_swept, began = await _swept(host, fate, wait_id)
    seconds = time.perf_counter() - began
    await confirmed(host, fate)
    await _once_more(host, post, fate, deliveries)
    return await _passage(host, fate, wait_id, made, deliveries, forged, seconds=seconds, until_swept=until_swept)


async def come_too_late(host: Host, post: Post, fates: Sequence[Fate]) -> list[Passage]:
    """The deadlines have come, and nobody has noticed yet. The links are dead, and the connections are made past them."""
    sandbox, came = host.sandbox, {}
    for fate in fates:
        (wait_id,) = (await host.view(fate)).waits
        with pytest.raises(LinkIsDead):
            await open_link(await link_in(host, fate), host.cookies(fate))
        if fate in FAULTS:
            sandbox.faults.add(FAULTS[fate])
        made = await sandbox.connect("github", {"end_user_id": fate, WAIT_TAG: wait_id})
        came[fate] = (wait_id, made, *await _deliveries(host, post, fate))
        await _not_gone_on(host, fate, wait_id)
    passages = []
    for fate, (wait_id, made, deliveries, forged) in came.items():
        until_swept, began = await _swept(host, fate, wait_id)
        seconds = time.perf_counter() - began
        await _once_more(host, post, fate, deliveries)
        passage = _passage(host, fate, wait_id, made, deliveries, forged, seconds=seconds, until_swept=until_swept)
        passages.append(await passage)
    return passages


async def _passage(
    host: Host,
    fate: Fate,
    wait_id: str,
    made: str,
    deliveries: Sequence[Delivery],
    forged: Sequence[Delivery],
    **times: float,
) -> Passage:
    view, wait = await at_rest(host, fate), await host.records.waits.get(wait_id)
    assert wait is not None
    return Passage(
        fate=fate,
        words=view.words,
        state=wait.state,
        plans=host.model.planned(fate),
        reads=[entry.connection_id for entry in await host.sandbox.ledger()].count(made),
        woken=sum(delivery.woken for delivery in deliveries),
        forged_accepted=sum(delivery.status < 400 for delivery in forged),
        **times,
    )


async def _connections(sandbox: Sandbox) -> set[str]:
    return {one.connection_id for one in await sandbox.run(lambda services: services.connections.newest_first())}


async def _deliveries(host: Host, post: Post, fate: Fate) -> tuple[list[Delivery], list[Delivery]]:
    """Those that come at once, and the forged ones; all answered."""
    match fate:
        case "lost" | "late":
            return [], []
        case "doubled":
            return [await post.next(), await post.next()], []
        case "forged":
            # It was refused, and so it is sent again.
            forged = [await post.next()]
            while forged[-1].status >= 400 and len(forged) < 3:
                await asyncio.to_thread(host.sandbox.clock.advance_to_next)
                forged.append(await post.next())
            return [], forged
        case _:
            return [await post.next()], []


async def _once_more(host: Host, post: Post, fate: Fate, deliveries: list[Delivery]) -> None:
    """What comes when all is over."""
    if fate == "late":
        await host.let_pass(_LATE)
        deliveries.append(await post.next())
    if fate == "replayed":
        deliveries += [await post.again(deliveries[0]) for _ in range(3)]


async def _not_gone_on(host: Host, thread: str, wait_id: str) -> None:
    wait = await host.records.waits.get(wait_id)
    assert wait is not None
    assert wait.state == "open", "nobody has told, or nobody who may"
    assert wait_id in (await host.view(thread)).waits


async def _swept(host: Host, thread: str, wait_id: str) -> tuple[float, float]:
    """How much time went by on the clock, and when the last pass began (`time.perf_counter`)."""
    since = host.now()
    while host.now() - since < HOUR:
        began = time.perf_counter()
        await host.sweep()
        wait = await host.records.waits.get(wait_id)
        if wait is None or wait.state != "open" or not (await host.view(thread)).waits:
            swept = host.now() - since
            await gone_on(host, thread, wait_id)
            return swept, began
    raise AssertionError(f"An hour of sweeps did not find the connection of thread {thread}.")
