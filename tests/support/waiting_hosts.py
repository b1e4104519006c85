"""A host of the agent with threads that wait, as the outside sees it: what a thread shows, and what can be done on it."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from nango_graph.records import Records
from nango_sandbox import Sandbox
from noting_model import NotingModel

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


async def at_rest(host: Host, thread: str) -> View:
    """The thread when it has come to its end."""
    async with asyncio.timeout(PATIENCE):
        while not (view := await host.view(thread)).finished:  # noqa: ASYNC110 - the host may be another process
            await asyncio.sleep(_LOOK)
    return view


async def confirmed(host: Host, thread: str) -> None:
    """Where nobody logged in to open the link, the person says that the account is theirs."""
    view = await host.view(thread)
    if view.names == ["confirm_account"]:
        assert view.question is not None
        request = view.question["action_requests"][0]
        args = {**request["args"], "confirm": "yes"}
        edited = {"type": "edit", "edited_action": {"name": request["name"], "args": args}}
        await host.decide(thread, edited, user=thread)
