"""What the nodes work with: made once per process and event loop, handed to the graph, never global."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from langchain_core.language_models.chat_models import BaseChatModel

from nango_graph.clock import Clock, SystemClock
from nango_graph.models import make_model
from nango_graph.records import Records
from nango_graph.settings import AgentSettings
from nango_tools import Catalog, NangoClient


@dataclass(frozen=True, slots=True)
class Services:
    settings: AgentSettings
    nango: NangoClient
    catalog: Catalog
    model: BaseChatModel
    records: Records
    clock: Clock


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
        nango = await stack.enter_async_context(NangoClient(settings.nango))
        if records is None:
            records = await Records.open(settings.records_url or settings.data_dir / "records.db")
            stack.push_async_callback(records.close)
        yield Services(
            settings=settings,
            nango=nango,
            catalog=Catalog(nango),
            model=model or make_model(settings.model),
            records=records,
            clock=clock or SystemClock(),
        )


_Open = tuple[Services, AsyncExitStack]
"""With what keeps them open: a generator that nobody holds is closed, and the services with it."""


class ServicesPerLoop:
    """Services made at first use, one set for each running event loop: clients and engines belong to one loop.

    For hosts that own the loop and never tell us of its end, such as the LangGraph server. They are closed when the
    loop shuts its asynchronous generators down, as `asyncio.run` does; `open_services` is one of them.
    """

    def __init__(self, settings: Callable[[], AgentSettings]) -> None:
        self._settings = settings
        self._opening: dict[asyncio.AbstractEventLoop, asyncio.Task[_Open]] = {}

    async def __call__(self) -> Services:
        """Raises what `settings` raises; the next call tries again."""
        loop = asyncio.get_running_loop()
        for other in list(self._opening):
            if other.is_closed():
                self._opening.pop(other, None)
        task = self._opening.get(loop)
        if task is None or (task.done() and (task.cancelled() or task.exception() is not None)):
            task = self._opening[loop] = loop.create_task(self._open())
        services, _ = await asyncio.shield(task)
        return services

    async def _open(self) -> _Open:
        stack = AsyncExitStack()
        return await stack.enter_async_context(open_services(self._settings())), stack
