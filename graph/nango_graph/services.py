"""What the nodes work with: made once per process and event loop, handed to the graph, never global."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from langchain_core.language_models.chat_models import BaseChatModel

from nango_graph.clock import Clock, SystemClock
from nango_graph.connections.looks import Looks
from nango_graph.finding_tools import ToolFinder
from nango_graph.models import make_model, open_embeddings
from nango_graph.pinning import Pins, environment_of
from nango_graph.records import Records
from nango_graph.settings import AgentSettings
from nango_tools import Catalog, NangoClient, NangoSettings, Policy

if TYPE_CHECKING:
    from nango_graph.connections.finding import Found


@dataclass(frozen=True, slots=True)
class Services:
    settings: AgentSettings
    nango: NangoClient
    catalog: Catalog
    model: BaseChatModel
    records: Records
    clock: Clock
    policy: Policy
    finder: ToolFinder
    looks: "Looks[Found]"


ServicesSource = Callable[[], Awaitable[Services]]
"""How a node gets its services: asked at every node, so that each event loop can have its own."""


@asynccontextmanager
async def open_services(
    settings: AgentSettings,
    *,
    records: Records | None = None,
    model: BaseChatModel | None = None,
    clock: Clock | None = None,
) -> AsyncIterator[Services]:
    """The services of one process; closes what it opened. `records` default to the URL of the settings, or SQLite."""
    async with AsyncExitStack() as stack:
        policy = Policy.load(settings.policy_file) if settings.policy_file else Policy()
        nango = await stack.enter_async_context(_client(settings.nango, clock))
        if records is None:
            records = await Records.open(settings.database_url or settings.data_dir / "records.db")
            stack.push_async_callback(records.close)
        clock = clock or SystemClock()
        environment = environment_of(settings)
        pins = Pins(records.definitions, environment=environment, clock=clock, mode=policy.definitions)
        embeddings = await stack.enter_async_context(open_embeddings(settings))
        yield Services(
            settings=settings,
            nango=nango,
            catalog=Catalog(nango, guard=pins, access_rule=policy.access_rule),
            model=model or make_model(settings.model),
            records=records,
            clock=clock,
            policy=policy,
            finder=ToolFinder(embeddings),
            looks=Looks(clock),
        )


def _client(settings: NangoSettings, clock: Clock | None) -> NangoClient:
    """Waits with the clock that was handed in. The system's clock may be set back, so that the client keeps its own beside it."""
    if clock is None or isinstance(clock, SystemClock):
        return NangoClient(settings)
    return NangoClient(settings, sleep=clock.sleep, clock=clock.now)


_LONG = 3600.0


class ServicesPerLoop:
    """Services made at first use, one set for each running event loop: clients and engines belong to one loop.

    For hosts that own the loop and never tell us of its end, such as the LangGraph server. A task of the loop keeps them
    open; they are closed when the loop cancels its tasks, as `asyncio.run` does in the end.
    """

    def __init__(self, opened: Callable[[], AbstractAsyncContextManager[Services]]) -> None:
        self._opened = opened
        self._made: dict[asyncio.AbstractEventLoop, asyncio.Future[Services]] = {}

    async def __call__(self) -> Services:
        """Raises what opening raises; the next call tries again."""
        loop = asyncio.get_running_loop()
        for other in list(self._made):
            if other.is_closed():
                self._made.pop(other, None)
        made = self._made.get(loop)
        if made is None or (made.done() and (made.cancelled() or made.exception() is not None)):
            made = self._made[loop] = loop.create_future()
            holder = loop.create_task(self._hold(made))
            made.add_done_callback(partial(_keep, holder))
        return await asyncio.shield(made)

    async def _hold(self, made: asyncio.Future[Services]) -> None:
        try:
            async with self._opened() as services:
                made.set_result(services)
                while True:  # noqa: ASYNC110 - the loop's timer holds this task, which nothing else does
                    await asyncio.sleep(_LONG)
        except BaseException as error:
            if made.done():
                raise
            if isinstance(error, asyncio.CancelledError):
                made.cancel()
                raise
            made.set_exception(error)


def _keep(_holder: asyncio.Task[None], _made: asyncio.Future[Services]) -> None:
    """Nothing to do: being a callback of `_made` holds the task until it is ready."""
