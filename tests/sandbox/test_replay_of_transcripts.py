"""The sandbox against recorded exchanges with a real Nango server: same requests, same answers.

The transcripts are not part of this repository; without them beside it, nothing here runs. What a recording cannot fix
(ids, times, tokens, addresses) is compared by its shape.
"""

import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from nango_sandbox import Sandbox
from nango_sandbox.functions.action import Integration

TRANSCRIPTS = Path(__file__).parents[3] / "shared" / "nango-wire"
pytestmark = pytest.mark.skipif(not TRANSCRIPTS.is_dir(), reason="the transcripts are not here")

INTEGRATIONS = (
    Integration("github", "github", "GitHub"),
    Integration("hubspot", "hubspot", "HubSpot"),
    Integration("slack", "slack", "Slack"),
    Integration("salesforce", "salesforce", "Salesforce"),
    Integration("private-api-bearer", "private-api-bearer", "Private API (Bearer Auth)", "API_KEY"),
    Integration("private-api-basic", "private-api-basic", "Private API (Basic Auth)", "BASIC"),
    Integration("no-auth", "unauthenticated", "Unauthenticated", "NONE"),
)

LEFT_OUT = {
    "credentials are not verified": (
        "import: API_KEY provider whose credentials are verified (github-pat, no network)",
    ),
    "the recording does not say which session's token it sent": (
        "GET /connect/session with the session token",
        "GET /connect/session with an unknown token",
        "GET /integrations with the session token",
        "GET /providers/:p with the session token",
    ),
    "the recorded server had actions of its own": ("tools/list without initialize first (stateless)",),
    "a refresh at the provider is not played": (
        "get expired OAUTH2 with refresh token (token endpoint unreachable): refresh fails",
        "get expired OAUTH2 again",
        "get expired OAUTH2 force_refresh",
        "list after failed refresh: errors field",
    ),
}
NOT_PLAYED = {name for names in LEFT_OUT.values() for name in names}

SHAPES = (
    (r"[0-9a-f]{64}", "<token>"),
    (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "<uuid>"),
    (r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+(Z|\+00:00)", r"<time \1>"),
    (r"http://(localhost|127\.0\.0\.1):\d+/(connect)?", "<address>"),
)


def shape(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: shape(each) for key, each in value.items() if key not in ("id", "log_id")}
    if isinstance(value, list):
        return [shape(each) for each in value]
    if isinstance(value, str):
        for pattern, name in SHAPES:
            value = re.sub(pattern, name, value)
    return value


def body_of(response: httpx.Response) -> Any:
    kind = response.headers.get("content-type", "")
    if kind.startswith("text/html"):
        return "<HTML page, omitted>"
    return response.json() if kind.startswith("application/json") else response.text


def exchanges(topic: str) -> list[dict[str, Any]]:
    recorded = json.loads((TRANSCRIPTS / f"{topic}.json").read_text())["exchanges"]
    return [each for each in recorded if "path" in each.get("request", {}) and "response" in each]


class Player:
    def __init__(self, http: httpx.AsyncClient, api_key: str) -> None:
        self.http = http
        self.api_key = api_key
        self.token = ""
        self.ids: dict[str, str] = {}

    def ours(self, text: str) -> str:
        for recorded, made in self.ids.items():
            text = text.replace(recorded, made)
        return text.replace("<api-key>", self.api_key).replace("<connect-session-token>", self.token)

    async def play(self, recorded: dict[str, Any]) -> httpx.Response:
        request = recorded["request"]
        content = json.dumps(request["body"]) if "body" in request else request.get("body_text")
        path = re.sub(r"nango_connect_session_[1-9a-f][0-9a-f]{63}", self.token, self.ours(request["path"]))
        answer = await self.http.request(
            request["method"],
            path,
            headers={name: self.ours(value) for name, value in request.get("headers", {}).items()},
            content=None if content is None else self.ours(content),
        )
        made, real = body_of(answer), recorded["response"].get("body")
        if isinstance(made, dict) and isinstance(made.get("data"), dict) and "token" in made["data"]:
            self.token = made["data"]["token"]
        if isinstance(real, dict) and "connectionId" in real and isinstance(made, dict) and "connectionId" in made:
            self.ids[real["connectionId"]] = made["connectionId"]
        return answer


@pytest.mark.parametrize(
    ("topic", "at_least"),
    [("connections", 60), ("tags-and-end-user", 20), ("connect-sessions", 20), ("mcp-initialize", 20)],
)
async def test_recorded_requests_get_the_recorded_answers(topic: str, at_least: int) -> None:
    async with (
        Sandbox(integrations=INTEGRATIONS) as sandbox,
        httpx.AsyncClient(base_url=sandbox.base_url, trust_env=False) as http,
    ):
        player = Player(http, sandbox.api_key.get_secret_value())
        if topic != "connections":  # the others were recorded after it, on the same server
            for recorded in exchanges("connections"):
                await player.play(recorded)
        played = 0
        for recorded in exchanges(topic):
            answer = await player.play(recorded)
            if recorded["name"] in NOT_PLAYED:
                continue
            real = recorded["response"]
            expected = real.get("body", real.get("body_text", ""))
            found = body_of(answer)
            assert (answer.status_code, shape(found)) == (real["status"], shape(expected)), recorded["name"]
            played += 1
        assert played >= at_least
