"""An app's API that the proxy and the functions reach: it echoes, answers with any status, and counts."""

import json
import time
from collections import Counter
from email.utils import formatdate

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

ADDRESS = "http://10.99.0.1:4010"
NOBODY_LISTENS = "10.99.0.1:9"
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]


class Upstream:
    """`counts` says how often each key was counted, which no failing function undoes."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.app = Starlette(
            routes=[
                Route("/status/{status:int}", self._status, methods=METHODS),
                Route("/user", self._user, methods=METHODS),
                Route("/{path:path}", self._echo, methods=METHODS),
            ]
        )

    def count(self, key: str) -> int:
        self.counts[key] += 1
        return self.counts[key]

    @staticmethod
    def refusal(status: int) -> tuple[dict[str, str], dict[str, str]]:
        """The body and the headers with which it answers with an error status."""
        headers = {
            "content-type": "application/json",
            "x-ratelimit-limit": "60",
            "x-ratelimit-remaining": "0",
            "x-ratelimit-reset": str(int(time.time()) + 30),
            "x-request-id": "req-1",
        }
        if status == 429:
            headers["retry-after"] = "7"
        return {"message": f"upstream says {status}", "documentation_url": "x"}, headers

    async def _status(self, request: Request) -> Response:
        status = request.path_params["status"]
        body, headers = self.refusal(status)
        return _answer(body, status, headers)

    async def _user(self, _: Request) -> Response:
        return _answer({"login": "dummy"})

    async def _echo(self, request: Request) -> Response:
        query = f"?{request.url.query}" if request.url.query else ""
        return _answer(
            {
                "method": request.method,
                "path": request.url.path + query,
                "headers": dict(request.headers),
                "body": (await request.body()).decode(),
            }
        )


def _answer(body: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    of_the_server = {"server": "Upstream/1.0", "date": formatdate(usegmt=True), "content-type": "application/json"}
    return Response(json.dumps(body), status, headers={**of_the_server, **(headers or {})})
