"""HTTP connections that can be dropped in the middle: what uvicorn serves, and one thing more."""

import socket
import struct
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from nango_sandbox.faults.middleware import DROP

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
"""SO_LINGER, on and of no seconds: closing throws away what was not sent, and tells the other side by RST."""


class DroppableConnection(H11Protocol):
    """Offers the ASGI extension `nango_sandbox.drop`."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.app = _with_drop(self.app, self)

    def drop(self, *, reset: bool) -> None:
        if not reset:
            self.transport.close()
            return
        connection: socket.socket = self.transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self.transport.abort()


def _with_drop(app: ASGIApp, connection: DroppableConnection) -> ASGIApp:
    async def droppable(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope["extensions"] = {**scope.get("extensions", {}), DROP: connection.drop}
        await app(scope, receive, send)

    return droppable
