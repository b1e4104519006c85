"""Answers and requests with credentials in them, when something goes wrong: a traceback may show every local."""

import traceback
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from pydantic import SecretStr
from starlette.responses import JSONResponse, Response

from nango_tools import ApiKeyCredentials, InvalidInput, NangoClient, NangoError, OAuthClient

CANARY = "canary-c0ffee"

Attempt = Callable[[NangoClient], Awaitable[Any]]

ATTEMPTS: dict[str, tuple[Attempt, Any]] = {
    "a connection": (
        lambda nango: nango.connections.get("c", "github"),
        {"connection_id": 5, "credentials": {"access_token": CANARY}, "connection_config": {"password": CANARY}},
    ),
    "a connection with credentials": (
        lambda nango: nango.connections.get_with_credentials("c", "github"),
        {"connection_id": 5, "credentials": {"access_token": CANARY}},
    ),
    "a connect session": (
        lambda nango: nango.connect_sessions.create(tags={"a": "b"}, allowed_integrations=["github"]),
        {"data": {"token": CANARY, "connect_link": f"javascript:{CANARY}"}},
    ),
    "a reconnect session": (
        lambda nango: nango.connect_sessions.reconnect(connection_id="c", integration_id="i", tags={}),
        {"data": {"token": CANARY, "connect_link": f"javascript:{CANARY}"}},
    ),
    "a session's state": (lambda nango: nango.connect_sessions.get(SecretStr(CANARY)), {"data": []}),
    "a deleted session": (lambda nango: nango.connect_sessions.delete(SecretStr(CANARY)), None),
    "an integration": (
        lambda nango: nango.integrations.get("i", include=["credentials"]),
        {"data": {"unique_key": 5, "credentials": {"client_secret": CANARY}}},
    ),
    "environment variables": (
        lambda nango: nango.environment_variables.list(),
        [{"name": 5, "value": CANARY}],
    ),
    "an import": (
        lambda nango: nango.connections.import_connection("i", ApiKeyCredentials(api_key=SecretStr(CANARY)), tags={}),
        {"connection_id": 5, "credentials": {"apiKey": CANARY}},
    ),
    "an import of a mapping": (
        lambda nango: nango.connections.import_connection("i", {"type": "API_KEY", "apiKey": CANARY}, tags={}),
        {"connection_id": 5},
    ),
    "a new integration of a mapping": (
        lambda nango: nango.integrations.create(
            "i", "github", credentials={"type": "OAUTH2", "client_id": "i", "client_secret": CANARY}
        ),
        {"data": {"unique_key": 5}},
    ),
    "a changed integration of a mapping": (
        lambda nango: nango.integrations.update(
            "i", credentials={"type": "OAUTH2", "client_id": "i", "client_secret": CANARY}
        ),
        {"data": {"unique_key": 5}},
    ),
    "a new integration": (
        lambda nango: nango.integrations.create(
            "i", "github", credentials=OAuthClient(client_id="i", client_secret=SecretStr(CANARY))
        ),
        {"data": {"unique_key": 5}},
    ),
}


@pytest.mark.parametrize("attempt", ATTEMPTS)
@pytest.mark.parametrize("wrong", ["the shape of the answer", "the status"])
async def test_no_credential_stands_in_a_traceback(fake: Any, nango: NangoClient, attempt: str, wrong: str) -> None:
    call, body = ATTEMPTS[attempt]
    if wrong == "the status":
        payload = {"connection": {"credentials": {"access_token": CANARY}}}
        fake.answers(JSONResponse({"error": {"code": "invalid_body", "payload": payload}}, 400))
    elif body is None:
        fake.answers(Response(status_code=302, headers={"location": "https://x.example"}))
    else:
        fake.answers(JSONResponse(body))
    with pytest.raises(NangoError) as caught:
        await call(nango)
    assert_clean(caught.value)


@pytest.mark.parametrize("wrong", [{"misspelt": CANARY}, {"type": "UNKNOWN"}, {"client_id": 5}])
async def test_nor_does_one_that_is_refused_before_sending(fake: Any, nango: NangoClient, wrong: Any) -> None:
    client: Any = {"type": "OAUTH2", "client_id": "i", "client_secret": CANARY} | wrong
    token: Any = {"type": "API_KEY", "apiKey": CANARY} | wrong
    for attempt in (
        nango.connections.import_connection("i", token, tags={}),
        nango.integrations.create("i", "github", credentials=client),
        nango.integrations.update("i", credentials=client),
    ):
        with pytest.raises(InvalidInput) as caught:
            await attempt
        assert_clean(caught.value)
    assert fake.seen == []


def assert_clean(error: BaseException) -> None:
    shown = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    package = "".join(part for part in shown.split('  File "') if "nango_tools" in part.partition("\n")[0])
    assert "resources" in package
    assert CANARY not in package
    assert CANARY not in f"{error!r} {error} {error.__dict__}"
