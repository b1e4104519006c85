"""What runs beside the LangGraph server in its process (`http.app`): the pages behind our links, Nango's webhooks, the sweep."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from langgraph_sdk import get_client
from starlette.applications import Starlette
from starlette.middleware import Middleware

from nango_graph.services import ServicesSource
from nango_graph.waiting.served import ServerThreads, bringing_back
from nango_graph.waiting.sweep import sweeping
from nango_graph.waiting.threads import Threads
from nango_graph.web.app import web_routes
from nango_graph.web.opening import Opener

Sweeping = Callable[[ServicesSource, Threads], AbstractAsyncContextManager[object]]


def create_app(
    services: ServicesSource,
    guarded: Callable[[], AbstractAsyncContextManager[None]],
    *,
    opener: Opener | None = None,
    middleware: Sequence[Middleware] = (),
    sweeping: Sweeping = sweeping,
) -> Starlette:
    """`guarded` is entered before anything is served, and raises where that must not be.

    To be called while the server imports its `http.app`: it takes the routes that are there then, and puts its login before
    them. It also opens the way into its own process then, which passes by the login.
    """
    threads = ServerThreads(get_client(url=None, api_key=None))

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with guarded(), bringing_back(services, threads), sweeping(services, threads):
            yield

    return Starlette(routes=web_routes(services, threads, opener=opener), middleware=middleware, lifespan=lifespan)
