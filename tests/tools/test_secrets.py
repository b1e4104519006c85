"""A canary: keys, credentials and session tokens stand nowhere but in what was sent and what was asked for."""

import asyncio
import copy
import io
import json
import logging
import pickle
import traceback
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from pydantic import SecretStr
from starlette.responses import JSONResponse, Response

from nango_tools import ApiKeyCredentials, NangoClient, NangoError, NangoSettings
from nango_tools.http import Call, Http

KEY = "5f0c1a52-8a39-4c55-9d2f-6d1a2b7c9e01"
SIGNING_KEY = "canary-signing-key-77aa"
TOKEN = "nango_connect_session_canary77bb"
CREDENTIAL = "canary-access-token-77cc"
SECRETS = (KEY, SIGNING_KEY, TOKEN, CREDENTIAL)
WHERE = {"connection_id": "c", "integration_id": "g"}


async def no_wait(_: float) -> None:
    """In place of fake.pause, whose repr shows all that was sent."""


def assert_clean(*texts: str) -> None:
    for text in texts:
        for secret in SECRETS:
            assert secret not in text, text[max(0, text.index(secret) - 300) :][:600]


def shown(error: BaseException) -> Iterator[str]:
    """All that a log, a debugger or an error tracker could show of it, and of what led to it."""
    seen: list[BaseException] = []
    while error is not None and error not in seen:
        seen.append(error)
        yield from (str(error), repr(error), repr(vars(error)), f"{error}")
        ours = error.__traceback__
        while ours is not None and "/tests/" in ours.tb_frame.f_code.co_filename:
            ours = ours.tb_next  # the test's own frames know the secrets
        with_locals = traceback.TracebackException(type(error), error, ours, capture_locals=True)
        yield "".join(with_locals.format())
        yield pickle.dumps(error).decode("latin-1")
        yield repr(vars(copy.deepcopy(error)))
        error = error.__cause__ or error.__context__  # type: ignore[assignment]


@pytest.fixture
def logs() -> Iterator[io.StringIO]:
    """Everything that anybody logs, at DEBUG."""
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    root, before = logging.getLogger(), logging.getLogger().level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield text
    root.removeHandler(handler)
    root.setLevel(before)


def settings(fake: Any) -> NangoSettings:
    changes = {"webhook_signing_key": SecretStr(SIGNING_KEY), "management_mcp_url": f"{fake.url}/mcp"}
    found: NangoSettings = fake.settings(**changes)
    return found


CONNECTION = {
    "connection_id": "c",
    "provider_config_key": "g",
    "provider": "github",
    "errors": [],
    "tags": {},
    "metadata": {},
    "created_at": "2026-11-20T20:54:32.656Z",
    "credentials": {"type": "OAUTH2", "access_token": CREDENTIAL, "raw": {"access_token": CREDENTIAL}},
}
SESSION = {"data": {"token": TOKEN, "connect_link": f"http://x.example/?session_token={TOKEN}",
                    "expires_at": "2026-11-20T21:24:33.000Z"}}  # fmt: skip
Do = Callable[[NangoClient], Awaitable[Any]]
CALLS: dict[str, tuple[Any, Do]] = {
    "get a connection": (CONNECTION, lambda n: n.connections.get("c", "g")),
    "create a session": (SESSION, lambda n: n.connect_sessions.create(tags={"a": "b"}, allowed_integrations=["g"])),
    "list integrations": ({"data": []}, lambda n: n.integrations.list()),
    "trigger": ({"ok": 1}, lambda n: n.actions.trigger(**WHERE, action="a", input={"x": 1}, writes=True)),
    "list MCP tools": ({}, lambda n: n.mcp.list_tools(**WHERE)),
    "call an MCP tool": ({}, lambda n: n.mcp.call_tool(**WHERE, tool="a", arguments={"x": 1}, writes=True)),
    "call a management tool": (
        {},
        lambda n: n.management.call_tool("connections_import", {"token": SecretStr(CREDENTIAL)}, writes=True),
    ),
}
FAILURES: dict[str, Callable[[Any], Response]] = {
    "the answer echoes all that was sent": lambda seen: JSONResponse(
        {"error": {"code": "script_http_error", "payload": {"sent": seen.headers},
                   "upstream": {"status": 422, "body": {"message": seen.headers["authorization"]}}}},
        424,
    ),
    "the answer holds a connection": lambda _: JSONResponse(
        {"error": {"code": "invalid_credentials", "message": "no", "payload": {"connection": CONNECTION}}}, 400
    ),
    "the answer is cut off after the credentials": lambda _: Response(
        json.dumps(CONNECTION | SESSION)[:-2], media_type="application/json"
    ),
    "the answer has another shape": lambda _: JSONResponse(CONNECTION | SESSION | {"provider": 7, "data": {"token": TOKEN}}),
    "the answer has another shape over MCP": lambda seen: JSONResponse(
        {"jsonrpc": "2.0", "id": (seen.body or {}).get("id"),
         "result": {"content": [], "structuredContent": [CREDENTIAL]} if "tools/call" in str(seen.body) else {}}
    ),
    "the answer is too large": lambda _: Response(json.dumps([CONNECTION] * 5000), media_type="application/json"),
    "the answer is a redirect": lambda seen: Response(
        status_code=302, headers={"location": f"https://x.example/?k={seen.headers['authorization'][7:]}"}
    ),
    "the answer is a web page": lambda seen: Response(seen.headers["authorization"], media_type="text/html"),
    "the limit is reached": lambda _: JSONResponse({"error": {"code": "too_many_request"}}, 429),
    "the key is refused": lambda _: JSONResponse({"error": {"code": "unknown_account", "message": KEY}}, 401),
    "Nango is down": lambda _: Response(KEY, 503),
}  # fmt: skip


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("failure", FAILURES)
async def test_no_failure_shows_a_secret(fake: Any, logs: io.StringIO, call: str, failure: str) -> None:
    fake.answer = FAILURES[failure]
    _, attempt = CALLS[call]
    async with NangoClient(settings(fake).model_copy(update={"max_response_bytes": 100_000}), sleep=no_wait) as nango:
        caught: NangoError | None = None
        try:
            await attempt(nango)
        except NangoError as error:
            caught = error
    if caught is None:
        assert failure.startswith("the answer has another shape"), "every other answer is a failure of every call"
        return
    assert_clean(*shown(caught), repr(nango), str(vars(nango)))
    if failure != "the answer is a redirect":
        # httpcore writes an answer's headers into its own log at DEBUG, before anybody else sees them.
        assert_clean(logs.getvalue())


@pytest.mark.parametrize("call", ["get a connection", "create a session", "list integrations", "trigger"])
async def test_no_success_shows_a_secret(fake: Any, logs: io.StringIO, call: str) -> None:
    answer, attempt = CALLS[call]
    fake.answers(JSONResponse(answer))
    async with NangoClient(settings(fake), sleep=no_wait) as nango:
        found = await attempt(nango)
    assert_clean(repr(found), str(found), f"{found}", repr(nango), f"{nango}", str(vars(nango)), logs.getvalue())


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "http://nobody.invalid"])
async def test_no_failure_of_the_network_shows_a_secret(fake: Any, logs: io.StringIO, url: str) -> None:
    nowhere = {"base_url": url, "management_mcp_url": f"{url}/mcp", "allow_insecure_http": True, "read_timeout": 5.0}
    unreachable = NangoSettings(api_key=SecretStr(KEY), webhook_signing_key=SecretStr(SIGNING_KEY), **nowhere)
    async with NangoClient(unreachable, sleep=no_wait) as nango:
        for _, attempt in CALLS.values():
            with pytest.raises(NangoError) as caught:
                await attempt(nango)
            assert_clean(*shown(caught.value), logs.getvalue())


async def test_a_call_that_is_cancelled_shows_no_secret(raw_server: Any, logs: io.StringIO) -> None:
    arrived, over = asyncio.Event(), asyncio.Event()

    async def hold(_: Any, __: Any) -> None:
        arrived.set()
        await over.wait()

    server = await raw_server(hold)
    async with server.client() as nango:
        task = asyncio.create_task(nango.integrations.list())
        await arrived.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError) as caught:
            await task
        over.set()
    text = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
    assert_clean(text.replace(repr(KEY), ""), logs.getvalue())


async def test_credentials_on_their_way_out_are_in_no_traceback(fake: Any, logs: io.StringIO) -> None:
    fake.answers(Response(status_code=500))
    http = Http(settings(fake), sleep=no_wait)
    with pytest.raises(NangoError) as caught:
        await http.json("POST", "/connections", Call("import", writes=True), body={"token": SecretStr(CREDENTIAL)})
    with pytest.raises(NangoError) as other:
        await http.json("GET", "/connect/session", Call("get session"), bearer=SecretStr(TOKEN))
    await http.aclose()
    assert fake.seen[0].body == {"token": CREDENTIAL}
    assert fake.seen[1].headers["authorization"] == f"Bearer {TOKEN}"
    assert_clean(*shown(caught.value), *shown(other.value), logs.getvalue())


def test_settings_show_no_key_and_are_not_pickled_but_copied(fake: Any) -> None:
    kept = settings(fake)
    assert_clean(repr(kept), str(kept), f"{kept}", str(kept.model_dump()), kept.model_dump_json(), repr(vars(kept)))
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError, match="make them anew"):
            pickle.dumps(kept, protocol)
    for again in (copy.copy(kept), copy.deepcopy(kept), kept.model_copy()):
        assert again == kept
        assert again.api_key.get_secret_value() == KEY


async def test_a_client_is_not_pickled(fake: Any) -> None:
    async with NangoClient(settings(fake)) as nango:
        with pytest.raises(TypeError):
            pickle.dumps(nango)


def test_a_model_that_holds_a_credential_is_not_pickled_but_copied() -> None:
    given = ApiKeyCredentials(api_key=SecretStr(CREDENTIAL))
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError, match="holds a credential"):
            pickle.dumps([given], protocol)
    assert copy.deepcopy(given) == given
    assert copy.copy(given) == given
