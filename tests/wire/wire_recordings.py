"""The recorded exchanges, where they are: in which order they were made, on what, and what was not recorded between."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[3] / "shared" / "nango-wire"


@dataclass(frozen=True)
class Topic:
    """How one file of exchanges is played.

    after: topics that had been played on the same server, and left it in the state that this one needs
    empty: the server had no integrations yet
    second: the functions were those of the second deployment
    without: the action that was disabled
    rate_limit: requests a minute; what was recorded in hours is played in seconds, so it is high by default
    at_once: no time passed since the topic before
    """

    name: str
    after: tuple[str, ...] = ()
    empty: bool = False
    second: bool = False
    without: str = ""
    rate_limit: int = 100_000
    at_once: bool = False

    def exchanges(self) -> list[dict[str, Any]]:
        recorded: list[dict[str, Any]] = json.loads((FOLDER / f"{self.name}.json").read_text())["exchanges"]
        return recorded


_CONNECTED = ("connections",)
_AS_END_USER = ("connections", "connect-as-end-user")

TOPICS = {
    each.name: each
    for each in (
        Topic("integrations", empty=True),
        Topic("connections"),
        Topic("actions", after=_CONNECTED),
        Topic("mcp-initialize", after=_CONNECTED),
        Topic("mcp-tools-list", after=_CONNECTED),
        Topic("mcp-tools-call", after=_CONNECTED),
        Topic("mcp-auth-and-headers", after=_CONNECTED),
        Topic("connect-sessions", after=_CONNECTED),
        Topic("connect-as-end-user", after=_CONNECTED),
        Topic("mcp-management", after=_AS_END_USER),
        Topic("actions-async", after=_CONNECTED),
        Topic("environment-variables"),
        Topic("providers"),
        Topic("scripts-config", after=_CONNECTED),
        Topic("syncs-and-records", after=_CONNECTED),
        Topic("proxy", after=_AS_END_USER),
        Topic("reauthorization", after=(*_AS_END_USER, "proxy"), second=True, rate_limit=200, at_once=True),
        Topic("rate-limit", after=_AS_END_USER, rate_limit=200),
        Topic("client-timeouts", after=_CONNECTED, second=True),
        Topic("name-collisions", after=_CONNECTED, second=True),
        Topic("tags-and-end-user", after=_CONNECTED, second=True),
        Topic("disabled-action-and-concurrency", after=_CONNECTED, second=True, without="delete-issue"),
    )
}

_FRANK = {"end_user_id": "frank", "team": "red"}
_GINA = {"end_user_id": "gina"}
SESSIONS: Mapping[str, tuple[str, dict[str, Any]]] = {
    "unauthenticated": ("/connect/sessions", {"tags": _FRANK}),
    "api key": ("/connect/sessions", {"tags": _FRANK}),
    "api key with empty key": (
        "/connect/sessions",
        {"tags": _FRANK, "allowed_integrations": ["private-api-bearer"]},
    ),
    "basic": ("/connect/sessions", {"tags": _GINA}),
    "unauthenticated with webhook_url_override": ("/connect/sessions", {"tags": _GINA}),
    "unauthenticated with deprecated end_user": (
        "/connect/sessions",
        {"end_user": {"id": "hank", "email": "hank@example.com", "tags": {"a": "b"}}, "organization": {"id": "acme"}},
    ),
    "reconnect: new api key on an existing connection": (
        "/connect/sessions/reconnect",
        {"connection_id": "pab-alice", "integration_id": "private-api-bearer"},
    ),
    "credential verification fails (github-pat)": ("/connect/sessions", {"tags": _GINA}),
    "OAuth start: redirect to the provider": ("/connect/sessions", {"tags": _GINA}),
}
"""Requests for sessions that were not recorded, by the first exchange that uses the token (connect-as-end-user).

No webhook address: the recorded one is another machine, and the sandbox would call it.
"""

UNKNOWN_TOKEN = f"nango_connect_session_{'0' * 64}"
SESSION_OF: Mapping[str, str] = {
    "GET /connect/session with the session token": "create with tags",
    "GET /connect/session with an unknown token": UNKNOWN_TOKEN,
    "GET /integrations with the session token": "create with tags",
    "GET /providers/:p with the session token": "create with tags",
    "GET /connections with the session token": "create with tags",
    "GET /integrations/:key with the session token": "create with tags",
    "reconnect: session says isReconnecting": "reconnect",
    "DELETE /connect/session": "reconnect",
    "GET /connect/session after delete": "reconnect",
}
"""Which exchange made the session whose token was masked (connect-sessions)."""

NO_UUID, UNKNOWN_KEY = "not-a-uuid", "5c1f1a7e-3f0b-4f7e-9a55-0d9a3f7c2b11"
OTHER_KEYS: Mapping[tuple[str, str], str | tuple[str, ...]] = {
    ("integrations", "key is not a UUID"): NO_UUID,
    ("integrations", "well-formed but unknown key"): UNKNOWN_KEY,
    ("proxy", "unknown key"): UNKNOWN_KEY,
    ("mcp-auth-and-headers", "key not a UUID"): NO_UUID,
    ("mcp-auth-and-headers", "unknown key"): UNKNOWN_KEY,
    ("mcp-auth-and-headers", "key with only environment:mcp"): ("environment:mcp",),
    ("mcp-auth-and-headers", "key without environment:mcp (only connections:read)"): ("environment:connections:read",),
    (
        "mcp-auth-and-headers",
        "tools/call with a key that has environment:mcp but not environment:actions:execute",
    ): ("environment:mcp",),
    ("mcp-auth-and-headers", "POST /action/trigger with that same key"): ("environment:mcp",),
    ("mcp-auth-and-headers", "GET /connections/:id with connections:read only: no credentials"): (
        "environment:connections:read",
    ),
    ("mcp-auth-and-headers", "same, force_refresh"): ("environment:connections:read",),
    ("mcp-auth-and-headers", "GET /connections (list) with connections:read only"): ("environment:connections:read",),
    ("mcp-auth-and-headers", "GET /integrations/:k?include=credentials with integrations:read only"): (
        "environment:integrations:read",
    ),
    ("mcp-auth-and-headers", "POST /connect/sessions with connect_sessions:write only"): (
        "environment:connect_sessions:write",
    ),
    ("mcp-management", "tools/list with a key that has only environment:mcp"): ("environment:mcp",),
    ("mcp-management", "tools/list with a key that has only environment:connections:read"): (
        "environment:connections:read",
    ),
    ("mcp-management", "tools/list with a key that has only environment:connect_sessions:write"): (
        "environment:connect_sessions:write",
    ),
    ("mcp-management", "tool without the needed scope"): ("environment:mcp",),
}
"""The key that was masked as another one: what was sent, or the scopes that it had."""

REPEATED: Mapping[tuple[str, str], int] = {
    ("mcp-tools-call", "failing action with side effect: how often did it run?"): 2,
    ("rate-limit", "GET over the limit"): 199,
}
"""How often a request had been sent before it was recorded: repetitions after the race, requests until the limit."""
