"""Whom a server without login answers: this machine, and the web pages that its configuration names.

A browser on this machine can reach it for any website. So a request must name a host that is ours (a website may have its
own name resolve to 127.0.0.1), and its `Origin`, if it has one, must be ours or allowed (the CORS settings only hide
answers; what was sent is done all the same).
"""

import json
import re
from collections.abc import Mapping
from typing import Self

from pydantic import BaseModel, ConfigDict
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from nango_graph.server.addresses import host_of, is_loopback

SIGNED = "/webhooks/"
"""Nango may know this machine by another name, and signs what it sends."""
PAGES = "/connect/"
"""Their forms are sent with `Origin: null`, and are checked there."""
_IN_PROCESS = "/noauth"
"""The `root_path` of requests of `langgraph_sdk.get_client(url=None)`. No request from outside has one."""


class AllowedVisitors(BaseModel):
    model_config = ConfigDict(frozen=True)

    hosts: frozenset[str] = frozenset()
    """Names of this server besides those of loopback."""
    allow_origins: tuple[str, ...] = ()
    allow_origin_regex: str | None = None

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Self:
        """Origins as in `http.cors` of the LangGraph configuration, which the server hands on in LANGGRAPH_HTTP."""
        urls = (environ.get(name, "") for name in ("LANGGRAPH_API_URL", "NANGO_AGENT_PUBLIC_URL"))
        cors = (json.loads(environ.get("LANGGRAPH_HTTP") or "null") or {}).get("cors") or {}
        origins = {name: cors[name] for name in ("allow_origins", "allow_origin_regex") if name in cors}
        return cls(hosts=frozenset(filter(None, map(host_of, urls))), **origins)

    def knows_host(self, host: str) -> bool:
        name = host_of(f"//{host}")
        return is_loopback(name) or name in self.hosts

    def allows_origin(self, origin: str, *, host: str) -> bool:
        """`host` is one that is ours."""
        if origin in {f"http://{host}", f"https://{host}"} or {origin, "*"} & {*self.allow_origins}:
            return True
        return self.allow_origin_regex is not None and re.fullmatch(self.allow_origin_regex, origin) is not None


class OnlyAllowed:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp, visitors: AllowedVisitors) -> None:
        self._app = app
        self._visitors = visitors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in {"http", "websocket"} and scope.get("root_path") != _IN_PROCESS:
            refusal = self._refusal(scope["path"], Headers(scope=scope))
            if refusal is not None:
                await refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _refusal(self, path: str, headers: Headers) -> JSONResponse | None:
        if path.startswith(SIGNED):
            return None
        host = headers.get("host", "")
        if not self._visitors.knows_host(host):
            return JSONResponse(
                {
                    "detail": "This server is not known by that host name. Open it as 127.0.0.1 or localhost, "
                    "or name its address in NANGO_AGENT_PUBLIC_URL."
                },
                421,
            )
        origin = headers.get("origin")
        if origin is None or path.startswith(PAGES) or self._visitors.allows_origin(origin, host=host):
            return None
        return JSONResponse(
            {
                "detail": "Web pages of other origins may not use this server. "
                "Allow one in http.cors.allow_origins of langgraph.json."
            },
            403,
        )
