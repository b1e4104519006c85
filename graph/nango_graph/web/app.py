"""Our routes as one ASGI app: to mount in a host's own app, or as `http.app` of a LangGraph server."""

from starlette.applications import Starlette
from starlette.routing import Route

from nango_graph.services import Services, ServicesSource
from nango_graph.waiting.threads import Threads
from nango_graph.web.connect_page import connect_route
from nango_graph.web.opening import Opener
from nango_graph.web.webhooks import webhook_route


def create_web_app(services: Services | ServicesSource, threads: Threads, *, opener: Opener | None = None) -> Starlette:
    """POST /webhooks/nango, and GET and POST /connect/{token}; below whatever path it is mounted at.

    `threads` is how a thread is woken. `opener` says who opens a connect link: nobody but the requester may go on. Without
    it whoever has the link may, and the agent asks before it uses the account that was connected.
    The app belongs to one event loop.
    """
    return Starlette(routes=web_routes(services, threads, opener=opener))


def web_routes(services: Services | ServicesSource, threads: Threads, *, opener: Opener | None = None) -> list[Route]:
    """The same as routes, for an app that has its own lifespan or middleware."""
    source = _given(services) if isinstance(services, Services) else services
    return [webhook_route(source, threads), connect_route(source, threads, opener)]


def _given(services: Services) -> ServicesSource:
    async def source() -> Services:
        return services

    return source
