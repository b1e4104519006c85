"""Nango's own rate limit, which counts every request of an environment (NANGO.md 24)."""

from collections.abc import Callable
from typing import Any

from wire_cases import Case, error, on, unauthorized
from wire_upstream import ADDRESS

LIMIT = 20
SERVER = {"rate_limit": LIMIT}
WITHIN = {"x-ratelimit-limit": str(LIMIT), "x-ratelimit-remaining": "<text>", "x-ratelimit-reset": "<epoch>"}
OVER = {**WITHIN, "retry-after": "<text>"}
# The connections that every table begins with were requests too.
FREE = LIMIT - 6


def refused(name: str, request: str, sends: Any = None, **headers: str) -> Case:
    method, path = request.split(" ")
    return Case(
        name, request, 429, error("too_many_request", method=method, path=path), sends, headers, answered_headers=OVER
    )


TABLE = (
    *(Case(f"request {n} is within the limit", "GET /integrations/github", 200, answered_headers=WITHIN) for n in range(FREE)),
    refused("the next is not", "GET /integrations/github"),
    refused("nor is an action", "POST /action/trigger", {"action_name": "whoami"}, **on("gh-alice", "github")),
    refused("nor MCP", "POST /mcp", {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}, accept="application/json, text/event-stream", **on("gh-alice", "github")),
    refused("nor the proxy", "GET /proxy/a", **on("pab-alice", "private-api-bearer"), **{"base-url-override": ADDRESS}),
    Case("who is nobody is told so first", "GET /integrations", 401, unauthorized("missing_auth_header", "The request is missing the Authorization header."), key=""),
    Case("a minute later all is well again", "GET /integrations/github", 200, waits=True),
)  # fmt: skip


def test_the_limit_is_that_of_a_real_server(case: Case, told: Callable[[Case], list[str]]) -> None:
    assert not told(case)
