"""Any web page may call Nango's API from its user's browser, if it has a key or a token to show.

The sandbox's own pages and forms are for nobody else's pages.
"""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nango_sandbox.serving.own_pages import is_connect_page, is_own_page

ANYBODY = {
    "access-control-allow-origin": "*",
    "access-control-expose-headers": (
        "Authorization, Etag, Content-Type, Content-Length, X-Nango-Signature, X-RateLimit-Limit, "
        "X-RateLimit-Remaining, X-RateLimit-Reset"
    ),
}
PREFLIGHT = {
    **ANYBODY,
    "access-control-allow-methods": "GET,HEAD,PUT,PATCH,POST,DELETE",
    "access-control-allow-headers": (
        "Authorization, Content-Type, Accept, Origin, X-Requested-With, Nango-Activity-Log-Id, Nango-Is-Dry-Run, "
        "Nango-Is-Sync, Provider-Config-Key, Connection-Id, Sentry-Trace, Baggage"
    ),
    "access-control-max-age": "600",
    "content-length": "0",
}


class CrossOrigin:
    """Answers every OPTIONS itself, and tells browsers that they may hand out the other answers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or is_own_page(scope["path"]) or is_connect_page(scope["path"]):
            await self._app(scope, receive, send)
            return
        if scope["method"] == "OPTIONS":
            headers = [(name.encode(), value.encode()) for name, value in PREFLIGHT.items()]
            await send({"type": "http.response.start", "status": 204, "headers": headers})
            await send({"type": "http.response.body"})
            return

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(ANYBODY)
            await send(message)

        await self._app(scope, receive, told)
