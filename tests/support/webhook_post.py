"""What stands between the sandbox and a host: the deliveries of webhooks, handed on, kept and repeated."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
from starlette.requests import Request
from starlette.responses import Response

from nango_sandbox import Sandbox
from serving import free_port, served
from waiting_hosts import PATIENCE


@dataclass(frozen=True)
class Delivery:
    """What the sandbox sent, and what it was answered."""

    body: bytes
    headers: Mapping[str, str]
    status: int
    answer: Any

    @property
    def woken(self) -> int:
        return int(self.answer.get("woken", 0)) if self.status == 200 else 0


class Post:
    """Stands between the sandbox and a host: hands deliveries on, keeps them, and sends them again."""

    def __init__(self, target: str, http: httpx.AsyncClient) -> None:
        self._target = target
        self._http = http
        self._handed_on: asyncio.Queue[Delivery] = asyncio.Queue()
        self.url = ""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        request = Request(scope, receive)
        headers = {name: value for name, value in request.headers.items() if name not in {"host", "content-length"}}
        delivery = await self._deliver(await request.body(), headers)
        self._handed_on.put_nowait(delivery)
        await Response(status_code=delivery.status)(scope, receive, send)

    async def next(self) -> Delivery:
        return await asyncio.wait_for(self._handed_on.get(), PATIENCE)

    async def again(self, delivery: Delivery) -> Delivery:
        """What somebody who has overheard a delivery can do."""
        return await self._deliver(delivery.body, delivery.headers)

    async def _deliver(self, body: bytes, headers: Mapping[str, str]) -> Delivery:
        answer = await self._http.post(self._target, content=body, headers=dict(headers))
        return Delivery(body, headers, answer.status_code, answer.json())


@contextlib.asynccontextmanager
async def post_between(sandbox: Sandbox, url: str) -> AsyncIterator[Post]:
    listener, address = free_port()
    async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE) as http:
        post = Post(f"{url}/webhooks/nango", http)
        post.url = f"{address}/"
        async with served(post, listener):
            sandbox.set_webhook_url(post.url)
            try:
                yield post
            finally:
                sandbox.set_webhook_url(None)
