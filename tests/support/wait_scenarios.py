"""A wait for an authorization as a person, Nango's webhooks and time treat it: the same on every host.

A `Host` runs the agent. `wait_and_authorize` lets time pass over threads that are paused at a missing connection, one for each
fate of the webhook, takes them to their ends, and tells what came of each.
"""

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from html import unescape
from typing import Any, Literal, Protocol
from urllib.parse import urljoin

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response

from nango_graph.connections.finding import WAIT_TAG
from nango_graph.records import Records
from nango_sandbox import Sandbox
from nango_sandbox.faults import WebhookDelayed, WebhookDoubled, WebhookForged, WebhookLost
from noting_model import NotingModel, request_to_list
from serving import free_port, served

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
PATIENCE = 30.0
_LOOK = 0.005


@dataclass(frozen=True)
class View:
    """A thread: what it asks now, or that it has come to an end with these words."""

    question: Mapping[str, Any] | None
    finished: bool
    words: str
    waits: Sequence[str]
    """Ids of the waits that the question is about."""

    @property
    def names(self) -> list[str]:
        return [request["name"] for request in self.question["action_requests"]] if self.question else []


class Host(Protocol):
    """Where the agent runs, with its pages and webhook route at `url`. Its clock and the sandbox's are moved together."""

    name: str
    url: str
    sandbox: Sandbox
    model: NotingModel

    @property
    def records(self) -> Records:
        """The test's own handle on the host's database."""

    def now(self) -> float: ...

    def cookies(self, user: str) -> Mapping[str, str]:
        """How a browser shows to the host's pages that it is this user's. Empty: nobody logs in there."""

    async def ask(self, thread: str, text: str, *, user: str) -> None:
        """A message of the user's; ends when the thread is paused or finished."""

    async def view(self, thread: str) -> View: ...

    async def look(self, thread: str) -> None:
        """A run without input, as when the thread is opened in a chat: a link that died is made anew."""

    async def decide(self, thread: str, decision: Mapping[str, Any], *, user: str) -> None: ...

    async def let_pass(self, seconds: float) -> None:
        """Time goes by, with the sweeps that there would have been."""

    async def sweep(self) -> None:
        """Time goes by until the next pass of the sweep, which is over then; the threads that it woke may still run."""


@dataclass(frozen=True)
class Delivery:
    """What the sandbox sent, and what it was answered."""

    body: bytes
    headers: Mapping[str, str]
    status: int
    answer: Any

    @property
    def woken(self) -> int:
        return int(self.answer.get("woken", 0)) if self.status == 200 else 0


class Post:
    """Stands between the sandbox and a host: hands deliveries on, keeps them, and sends them again."""

    def __init__(self, target: str, http: httpx.AsyncClient) -> None:
        self._target = target
        self._http = http
        self._handed_on: asyncio.Queue[Delivery] = asyncio.Queue()
        self.url = ""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        request = Request(scope, receive)
        headers = {name: value for name, value in request.headers.items() if name not in {"host", "content-length"}}
        delivery = await self._deliver(await request.body(), headers)
        self._handed_on.put_nowait(delivery)
        await Response(status_code=delivery.status)(scope, receive, send)

    async def next(self) -> Delivery:
        return await asyncio.wait_for(self._handed_on.get(), PATIENCE)

    async def again(self, delivery: Delivery) -> Delivery:
        """What somebody who has overheard a delivery can do."""
        return await self._deliver(delivery.body, delivery.headers)

    async def _deliver(self, body: bytes, headers: Mapping[str, str]) -> Delivery:
        answer = await self._http.post(self._target, content=body, headers=dict(headers))
        return Delivery(body, headers, answer.status_code, answer.json())


@contextlib.asynccontextmanager
async def post_between(sandbox: Sandbox, url: str) -> AsyncIterator[Post]:
    listener, address = free_port()
    async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE) as http:
        post = Post(f"{url}/webhooks/nango", http)
        post.url = f"{address}/"
        async with served(post, listener):
            sandbox.set_webhook_url(post.url)
            try:
                yield post
            finally:
                sandbox.set_webhook_url(None)


async def open_link(link: str, cookies: Mapping[str, str]) -> float:
    """What a person does with a link in a chat: opens it, goes on, authorizes at Nango's page. Returns when that was
    pressed (`time.perf_counter`). Raises `LinkIsDead` where the page says that it is too late.
    """
    async with httpx.AsyncClient(
        follow_redirects=True, trust_env=False, cookies=dict(cookies), timeout=PATIENCE
    ) as browser:
        page = await browser.get(link)
        if page.status_code == 410:
            raise LinkIsDead
        page.raise_for_status()
        if 'name="decision" value="continue"' in page.text:
            page = (await browser.post(str(page.url), data=_fields(page.text))).raise_for_status()
        action = re.search(r'<form[^>]*action="([^"]*)"', page.text)
        pressed = time.perf_counter()
        done = await browser.post(
            urljoin(str(page.url), unescape(action[1]) if action else ""), data=_fields(page.text)
        )
        done.raise_for_status()
    return pressed


class LinkIsDead(Exception):
    """The page behind our link answers 410."""


def _fields(page: str) -> dict[str, str]:
    """Of the first form: hidden fields, and its first button."""
    form = re.search(r"<form.*?</form>", page, re.DOTALL)
    assert form is not None, page
    fields: dict[str, str] = {}
    for tag in re.findall(r"<(?:input|button)[^>]*>", form[0]):
        name, value = re.search(r'name="([^"]*)"', tag), re.search(r'value="([^"]*)"', tag)
        if name and name[1] not in fields:
            fields[name[1]] = unescape(value[1]) if value else ""
    return fields


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


async def link_in(host: Host, thread: str) -> str:
    """That is shown in the thread now."""
    view = await host.view(thread)
    assert view.names == ["connect_account"], view
    assert view.question is not None
    return str(view.question["action_requests"][0]["args"]["connect_link"])


async def gone_on(host: Host, thread: str, wait_id: str) -> None:
    async with asyncio.timeout(PATIENCE):
        while True:
            view = await host.view(thread)
            if view.finished or (view.question is not None and wait_id not in view.waits):
                return
            await asyncio.sleep(_LOOK)


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


async def confirmed(host: Host, thread: str) -> None:
    """Where nobody logged in to open the link, the person says that the account is theirs."""
    view = await host.view(thread)
    if view.names == ["confirm_account"]:
        assert view.question is not None
        request = view.question["action_requests"][0]
        args = {**request["args"], "confirm": "yes"}
        edited = {"type": "edit", "edited_action": {"name": request["name"], "args": args}}
        await host.decide(thread, edited, user=thread)


async def at_rest(host: Host, thread: str) -> View:
    """The thread when it has come to its end."""
    async with asyncio.timeout(PATIENCE):
        while not (view := await host.view(thread)).finished:  # noqa: ASYNC110 - the host may be another process
            await asyncio.sleep(_LOOK)
    return view
