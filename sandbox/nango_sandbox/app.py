"""The sandbox as an ASGI application."""

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from nango_sandbox.api import (
    actions,
    admin,
    connect_sessions,
    connections,
    end_user_auth,
    environment_variables,
    functions,
    integrations,
    management_mcp,
    mcp,
    oauth,
    providers,
    proxy,
    records,
    scripts,
    syncs,
)
from nango_sandbox.errors import NangoError
from nango_sandbox.faults.middleware import FaultsMiddleware
from nango_sandbox.pages.authorize import authorize_routes
from nango_sandbox.pages.connect import connect_routes, refused
from nango_sandbox.pages.overview import overview_routes
from nango_sandbox.pages.rendering import environment, page
from nango_sandbox.services import Services
from nango_sandbox.serving.cross_origin import CrossOrigin
from nango_sandbox.serving.json_bodies import JsonBodies
from nango_sandbox.serving.rate_limits import RateLimitHeaders
from nango_sandbox.serving.request_log import RequestLogMiddleware
from nango_sandbox.serving.trailing_slash import TrailingSlash

HOSTS = ("127.0.0.1", "localhost", "[::1]", "::1", management_mcp.HOST)
"""Whom a request may address. A page on the web that points its own name at 127.0.0.1 is refused."""


def create_app(services: Services) -> Starlette:
    """The application over open services (see `open_services`), to be served or called in-process."""
    templates = environment()

    async def not_found(request: Request, _: Exception) -> Response:
        """An unknown path, or a method that a path does not take, is a page, as on a real server."""
        return page(templates, "not_found.html", 404, method=request.method, path=request.url.path)

    async def refused_by_framework(_: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - Starlette gives what it was registered for
        return refused(templates, NangoError(error.status_code, "invalid_request", error.detail))

    async def nango_error(_: Request, error: Exception) -> Response:
        assert isinstance(error, NangoError)  # noqa: S101 - Starlette gives what it was registered for
        return JSONResponse(error.body, error.status)

    app = Starlette(
        routes=[
            *management_mcp.routes,  # first: they go by the host
            *connections.routes,
            *connect_sessions.routes,
            *end_user_auth.routes,
            *oauth.oauth_routes(templates),
            *functions.routes,
            *integrations.routes,
            *providers.routes,
            *scripts.routes,
            *actions.routes,
            *syncs.routes,
            *records.routes,
            *environment_variables.routes,
            *proxy.routes,
            *mcp.routes,
            *admin.routes,
            *connect_routes(templates),
            *authorize_routes(templates),
            *overview_routes(templates),
        ],
        middleware=[
            Middleware(TrustedHostMiddleware, allowed_hosts=list(HOSTS), www_redirect=False),
            Middleware(RequestLogMiddleware, services.request_log, services.clock),
            Middleware(CrossOrigin),
            Middleware(FaultsMiddleware, services.faults, services.clock),
            Middleware(RateLimitHeaders),
            Middleware(TrailingSlash),
            Middleware(JsonBodies),
        ],
        exception_handlers={
            NangoError: nango_error,
            404: not_found,
            405: not_found,
            HTTPException: refused_by_framework,
        },
    )
    app.state.services = services
    return app
