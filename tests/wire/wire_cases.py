"""Tables of cases: a request and what a real server answers to it. They need no recordings.

Each table is played in its order on a sandbox of its own, which holds the integrations and functions of the recorded
server and the connections of CONNECTIONS.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
from wire_functions import integrations
from wire_player import Answer, answer
from wire_shapes import differences, shape
from wire_upstream import ADDRESS, NOBODY_LISTENS, Upstream

from nango_sandbox import Sandbox
from nango_sandbox.options import Options
from nango_sandbox.providers.upstreams import refusing

TOKEN = {"type": "OAUTH2", "access_token": "token-of-alice"}
EXPIRED = {"type": "OAUTH2", "access_token": "old", "refresh_token": "ended", "expires_at": "2020-01-01T00:00:00Z"}
CONNECTIONS: Sequence[dict[str, Any]] = (
    {"provider_config_key": "github", "connection_id": "gh-alice", "credentials": TOKEN, "tags": {"end_user_id": "alice", "Team": "Blue"}, "metadata": {"owner": "octo"}},
    {"provider_config_key": "github", "connection_id": "gh-bob", "credentials": TOKEN, "end_user": {"id": "bob", "email": "bob@example.com"}},
    {"provider_config_key": "hubspot", "connection_id": "hs-alice", "credentials": EXPIRED, "tags": {"end_user_id": "alice"}},
    {"provider_config_key": "private-api-bearer", "connection_id": "pab-alice", "credentials": {"type": "API_KEY", "apiKey": "key-of-alice"}, "tags": {"end_user_id": "alice", "env": "test"}},
    {"provider_config_key": "private-api-basic", "connection_id": "basic-bob", "credentials": {"type": "BASIC", "username": "bob", "password": "pw"}, "tags": {"end_user_id": "bob"}},
    {"provider_config_key": "no-auth", "connection_id": "na-alice", "credentials": {"type": "NONE"}, "tags": {"end_user_id": "alice", "env": "test"}},
)  # fmt: skip
PATIENCE = 3
STEP = 2
"""Seconds of the sandbox's clock between two requests that wait."""
ANY = "<any>"


@dataclass(frozen=True)
class Case:
    """name: a sentence, for the test
    request: method and path; `{name}` is what an earlier case kept
    body: the answer in the form that `wire_shapes.shape` gives it, `<text>` and the like for what may be anything
    sends: the JSON body; a str goes as it is
    key: None for the environment's own key, "" for none, other text as it is, scopes for a key that has them
    keeps: names, and where in the answer (`data.token`) their values are
    waits: asked again until it answers so, while the sandbox's clock is moved
    """

    name: str
    request: str
    status: int
    body: Any = ANY
    sends: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    key: str | tuple[str, ...] | None = None
    keeps: Mapping[str, str] = field(default_factory=dict)
    waits: bool = False
    answered_headers: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.name

    def differences(self, found: Answer) -> list[str]:
        if found.status != self.status:
            return [f"status: expected {self.status}, found {found.status} {found.body}"[:1000]]
        lines = differences(self.body, shape(found.body))
        for name, value in self.answered_headers.items():
            lines += differences(value, shape(found.headers.get(name)), f"header {name}")
        return lines


def error(code: str, message: str | None = None, /, **more: Any) -> dict[str, Any]:
    """The body of a refusal."""
    return {"error": {"code": code, **({} if message is None else {"message": message}), **more}}


def unauthorized(code: str, reason: str) -> dict[str, Any]:
    return error(code, f"Authentication failed. {reason}", payload={})


def invalid(what: str, *findings: tuple[str, str, str]) -> dict[str, Any]:
    """The body of a refusal by the validator of `what` (body, query_params, headers): code, message, dotted path."""
    return error(
        f"invalid_{what}",
        errors=[{"code": code, "message": text, "path": path.split(".") if path else []} for code, text, path in findings],
    )  # fmt: skip


def missing(path: str, kind: str = "string") -> tuple[str, str, str]:
    return ("invalid_type", f"Invalid input: expected {kind}, received undefined", path)


def unknown(*names: str, path: str = "") -> tuple[str, str, str]:
    quoted = ", ".join(f'"{name}"' for name in names)
    return ("unrecognized_keys", f"Unrecognized key{'s' if len(names) > 1 else ''}: {quoted}", path)


def on(connection: str, integration: str) -> dict[str, str]:
    return {"connection-id": connection, "provider-config-key": integration}


async def play(table: Sequence[Case], *, upstream: Upstream, **server: Any) -> dict[str, Answer | Exception]:
    """The answers by the name of the case. `server` are the arguments of `integrations` and `rate_limit`."""
    options = Options(
        rate_limit=server.pop("rate_limit", 100_000),
        environment_variables={"FOO": "bar", "Empty": ""},
        upstreams={ADDRESS: upstream.app, f"http://{NOBODY_LISTENS}": refusing},
    )
    async with (
        Sandbox(integrations=integrations(upstream, **server), options=options) as sandbox,
        httpx.AsyncClient(base_url=sandbox.base_url, trust_env=False, timeout=10) as http,
    ):
        for each in CONNECTIONS:
            made = await http.post("/connections", json=each, headers=_bearer(sandbox.api_key.get_secret_value()))
            assert made.status_code == 201, made.text
        kept: dict[str, str] = {}
        found: dict[str, Answer | Exception] = {}
        for case in table:
            assert case.name not in found, case.name
            try:
                found[case.name] = await _answered(sandbox, http, case, kept)
            except Exception as failure:  # noqa: BLE001 - told by the test of this case
                found[case.name] = failure
        return found


async def _answered(sandbox: Sandbox, http: httpx.AsyncClient, case: Case, kept: dict[str, str]) -> Answer:
    found = await _send(sandbox, http, case, kept)
    end = asyncio.get_running_loop().time() + PATIENCE
    while case.waits and case.differences(found) and asyncio.get_running_loop().time() < end:
        sandbox.clock.advance(STEP)
        await asyncio.sleep(0.02)
        found = await _send(sandbox, http, case, kept)
    for name, path in case.keeps.items():
        value = found.body
        for step in path.split("."):
            value = value[int(step) if isinstance(value, list) else step]
        kept[name] = str(value)
    return found


async def _send(sandbox: Sandbox, http: httpx.AsyncClient, case: Case, kept: Mapping[str, str]) -> Answer:
    method, path = (_filled(case.request, kept)).split(" ", 1)
    headers = {name: _filled(value, kept) for name, value in case.headers.items()}
    key = case.key
    if isinstance(key, tuple):
        key = (await sandbox.create_api_key("of a case", key)).get_secret_value()
    if key != "":
        headers |= _bearer(sandbox.api_key.get_secret_value() if key is None else _filled(key, kept))
    content = case.sends
    if content is not None:
        headers = {"content-type": "application/json", **headers}
        content = _filled(content if isinstance(content, str) else json.dumps(content), kept)
    if "host" in headers:
        headers["host"] += f":{sandbox.base_url.rpartition(':')[2]}"
    return answer(await http.request(method, path, headers=headers, content=content))


def _bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


def _filled(text: str, kept: Mapping[str, str]) -> str:
    for name, value in kept.items():
        text = text.replace(f"{{{name}}}", value)
    return text
