"""Our own routes as they see who calls them, beside `deploy/langgraph.json`."""

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from nango_graph.identity import Requester
from nango_graph.server.auth import logged_in
from nango_graph.server.deploy import app


async def _tell(request: Request) -> JSONResponse:
    requester = await logged_in(request)
    return JSONResponse(
        {"user": requester.user_id if isinstance(requester, Requester) else None, "path": request.url.path}
    )


app.router.routes[:0] = [
    Route("/connect/{token}", _tell, methods=["GET", "POST"]),
    Route("/webhooks/nango", _tell, methods=["POST"]),
    Route("/runs/ours", _tell, methods=["GET"]),
    Route("/unpublished", _tell, methods=["GET"]),
]
