"""Which of the server's routes exist for the world. All others answer 404, also those that later versions add.

`langgraph dev` has some that ask for no login: `/internal/debug/thread/…` shows any thread, `/internal/truncate`
deletes all, `/deploy` starts a program.
"""

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

FIRST_SEGMENTS = frozenset({"", "ok", "info", "metrics", "assistants", "threads", "runs", "connect", "webhooks"})


class OnlyPublished:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in {"http", "websocket"}:
            path = scope["path"].removeprefix(scope.get("root_path", ""))
            if path.lstrip("/").partition("/")[0] not in FIRST_SEGMENTS or path.startswith("//"):
                await JSONResponse({"detail": "Not Found"}, 404)(scope, receive, send)
                return
        await self._app(scope, receive, send)
