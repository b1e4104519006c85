"""A path with a slash at its end is the path without, as on a real server: some clients send `GET /records/`."""

from starlette.types import ASGIApp, Receive, Scope, Send

PASSED_ON = "/proxy/"
"""What comes after it is the provider's, slash and all."""


class TrailingSlash:
    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if path.endswith("/") and not path.startswith(PASSED_ON):
            scope = {**scope, "path": path.rstrip("/") or "/"}
        await self._app(scope, receive, send)
