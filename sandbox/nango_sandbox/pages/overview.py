"""The overview at `/`, and the same facts as JSON: what the apps hold, who is connected, what was executed."""

from jinja2 import Environment
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from nango_sandbox.api.auth import services_of
from nango_sandbox.pages.rendering import page
from nango_sandbox.store.documents import every_document

SHOWN = 50
"""Ledger entries on the page; /sandbox/api/ledger has all of them."""


async def get_ledger(request: Request) -> JSONResponse:
    """Every executed action, oldest first."""
    services = services_of(request)
    return JSONResponse({"entries": [each.to_wire() for each in await services.ledger.entries()]})


async def get_state(request: Request) -> JSONResponse:
    """The apps' data: `{app: {kind: [document, ...]}}`."""
    async with services_of(request).database.transaction() as rows:
        return JSONResponse(await every_document(rows))


def overview_routes(templates: Environment) -> list[Route]:
    async def show(request: Request) -> Response:
        services = services_of(request)
        async with services.database.transaction() as rows:
            state = await every_document(rows)
        entries = await services.ledger.entries()
        return page(
            templates,
            "overview.html",
            services=services,
            state=state,
            connections=await services.connections.newest_first(),
            entries=entries[::-1][:SHOWN],
            count=len(entries),
            now=services.clock.now(),
        )

    return [
        Route("/", show, methods=["GET"]),
        Route("/sandbox/api/ledger", get_ledger, methods=["GET"]),
        Route("/sandbox/api/state", get_state, methods=["GET"]),
    ]
