"""What a request declares to be JSON is looked at before who sent it is: a real server parses bodies before all else."""

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nango_sandbox.api.validation import declares_json, parse_json
from nango_sandbox.errors import NangoError
from nango_sandbox.serving.own_pages import is_connect_page

READ = (
    *("connections", "connect", "integrations", "providers", "scripts", "action", "v1", "sync", "records", "mcp"),
    *("environment-variables", "environment", "auth", "api-auth"),
)
"""First steps of the paths whose bodies are JSON; the proxy passes on whatever comes."""


class JsonBodies:
    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not _is_read(scope["path"]):
            await self._app(scope, receive, send)
            return
        try:
            if declares_json(Headers(scope=scope)):
                body, receive = await _read(receive)
                parse_json(body)
        except NangoError as error:
            await JSONResponse(error.body, error.status)(scope, receive, send)
            return
        await self._app(scope, receive, send)


def _is_read(path: str) -> bool:
    return path.strip("/").split("/")[0] in READ and not is_connect_page(path)


async def _read(receive: Receive) -> tuple[bytes, Receive]:
    """The body, and what gives its messages once more."""
    messages: list[Message] = []
    while not messages or messages[-1].get("more_body", False):
        messages.append(await receive())
    body = b"".join(each.get("body", b"") for each in messages)

    async def again() -> Message:
        return messages.pop(0) if messages else await receive()

    return body, again
