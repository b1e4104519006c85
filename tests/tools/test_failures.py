"""Every failure on the wire becomes one class with one outcome, whichever way it came."""

import asyncio
import json
import pathlib
import pickle
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from starlette.responses import JSONResponse, Response

import nango_tools
from nango_tools import (
    ActionDisabled,
    ActionFailed,
    ActionInternalError,
    ActionNetworkError,
    ActionNotFinished,
    ActionNotFound,
    ActionRuntimeError,
    Call,
    CallerError,
    EndUserError,
    InsufficientScopeError,
    InvalidInput,
    InvalidKeyError,
    InvalidSessionToken,
    MalformedResponse,
    NangoClient,
    NangoError,
    NangoUnavailable,
    NetworkFailure,
    NotFound,
    NotNango,
    OperatorError,
    Outcome,
    OutcomeLost,
    RateLimited,
    ReauthorizationRequired,
    TimedOut,
    TransientError,
    UnknownConnection,
    UnknownIntegration,
    UpstreamError,
    WebhookError,
)
from nango_tools.failures import TRANSPORT_FAILURES, from_network

KEY = "5f0c1a52-8a39-4c55-9d2f-6d1a2b7c9e01"
SHARED = pathlib.Path(__file__).parents[3] / "shared" / "nango-wire"
REJECTED, FAILED, UNKNOWN, NOT_SENT = Outcome.REJECTED, Outcome.FAILED, Outcome.UNKNOWN, Outcome.NOT_SENT


def refusal(code: str, message: str | None = None, **more: Any) -> dict[str, Any]:
    return {"error": {"code": code} | ({"message": message} if message else {}) | more}


def upstream(status: int, body: Any = None, payload: Any = None) -> dict[str, Any]:
    body = {"message": f"upstream says {status}"} if body is None else body
    return refusal(
        "script_http_error",
        payload=body if payload is None else payload,
        upstream={"status": status, "headers": {}, "body": body},
    )


BACKOFF = {"error": {"code": "invalid_credentials", "message": "A recent refresh attempt failed."}}

# status, body, class, outcome, a part of the sentence
ANSWERS: list[tuple[int, Any, type[NangoError], Outcome, str]] = [
    (400, refusal("unknown_connection", "Failed to find connection"), UnknownConnection, REJECTED, "did not run"),
    (400, refusal("unknown_provider_config", "x"), UnknownIntegration, REJECTED, "did not run"),
    (400, refusal("invalid_body", errors=[{"message": "Too big", "path": ["a", 1]}]), InvalidInput, REJECTED, "a.1: T"),
    (400, refusal("invalid_headers", errors="odd"), InvalidInput, REJECTED, "invalid_headers"),
    (401, refusal("unknown_account", "no account"), InvalidKeyError, REJECTED, "NANGO_API_KEY"),
    (403, refusal("forbidden", "Insufficient scope. Required: s"), InsufficientScopeError, REJECTED, "Required: s"),
    (404, refusal("not_found", "Action not found"), ActionNotFound, REJECTED, "discover"),
    (404, refusal("disabled_resource", "The action is disabled"), ActionDisabled, REJECTED, "enable the action"),
    (404, None, NotFound, REJECTED, "404"),
    (404, [], NotFound, REJECTED, "404"),
    (404, {"error": "plain"}, NotFound, REJECTED, "404"),
    (405, None, InvalidInput, REJECTED, "405"),
    (408, None, TimedOut, UNKNOWN, "15 minutes"),
    (409, None, InvalidInput, UNKNOWN, "may have run"),
    (413, None, InvalidInput, REJECTED, "413"),
    (418, None, InvalidInput, UNKNOWN, "may have run"),
    (429, refusal("too_many_request"), RateLimited, REJECTED, "limit"),
    (424, upstream(400), UpstreamError, FAILED, "upstream says 400"),
    (424, upstream(401), UpstreamError, FAILED, "401"),
    (424, upstream(404), UpstreamError, FAILED, "may have taken effect"),
    (424, upstream(408), UpstreamError, UNKNOWN, "may have run"),
    (424, upstream(409), UpstreamError, UNKNOWN, "may have run"),
    (424, upstream(429), UpstreamError, FAILED, "429"),
    (424, upstream(500), UpstreamError, UNKNOWN, "look in the account"),
    (424, upstream(302), UpstreamError, UNKNOWN, "302"),
    (424, refusal("script_http_error"), UpstreamError, UNKNOWN, "with an error"),
    (424, upstream(424, BACKOFF), ReauthorizationRequired, FAILED, "authorize the connection again"),
    (424, upstream(400, BACKOFF), ReauthorizationRequired, FAILED, "authorize"),
    (424, upstream(503, BACKOFF), UpstreamError, UNKNOWN, "503"),
    (500, refusal("action_script_runtime_error", payload={"message": "quota"}), ActionRuntimeError, FAILED, "quota"),
    (500, refusal("script_internal_error", payload={"message": "boom"}), ActionInternalError, UNKNOWN, "boom"),
    (500, refusal("script_network_error", payload={"code": "E"}), ActionNetworkError, UNKNOWN, "reach the provider: E"),
    (500, refusal("action_script_failure", payload={"error": "Task 1 is in progress"}), OutcomeLost, UNKNOWN, "Task 1"),
    (500, refusal("action_script_failure", payload="odd"), OutcomeLost, UNKNOWN, "may have run"),
    (500, refusal("server_error", "sorry"), NangoUnavailable, UNKNOWN, "sorry"),
    (502, None, NangoUnavailable, UNKNOWN, "502"),
    (504, None, NangoUnavailable, UNKNOWN, "504"),
    (301, None, NotNango, UNKNOWN, "NANGO_BASE_URL"),
    # what the proxy, the connections and the protocol layer say
    (400, refusal("invalid_credentials", "The external API r"), ReauthorizationRequired, REJECTED, "authorize"),
    (424, BACKOFF, ReauthorizationRequired, REJECTED, "authorize the connection again"),
    (424, refusal("connection_refresh_backoff", "A recent"), ReauthorizationRequired, REJECTED, "authorize"),
    (
        400,
        refusal("server_error", "Failed to get connection credentials: 'The external API'"),
        ReauthorizationRequired,
        REJECTED,
        "authorize",
    ),
    (400, refusal("server_error", "Failed to get connection"), UnknownConnection, REJECTED, "look the connection up"),
    (400, refusal("base_url_override_not_allowed", "This outbound URL"), InvalidInput, REJECTED, "outbound"),
    (400, refusal("connection_test_failed", "The given credentials"), InvalidInput, REJECTED, "given credentials"),
    (400, refusal("integration_not_allowed"), InvalidInput, REJECTED, "integration_not_allowed"),
    (400, refusal("invalid_json", "Unexpected end of JSON input"), InvalidInput, REJECTED, "JSON"),
    (400, refusal("invalid_query_params", errors=[{"message": "Odd", "path": ["x"]}]), InvalidInput, REJECTED, "x: O"),
    (400, refusal("invalid_uri_params", errors=[{"message": "No", "path": ["id"]}]), InvalidInput, REJECTED, "id: No"),
    (400, refusal("no_syncs_found", "No syncs found given the inputs."), NotFound, REJECTED, "No syncs"),
    (400, {"jsonrpc": "2.0", "error": {"code": -32700, "message": "Parse error"}}, InvalidInput, REJECTED, "-32700"),
    (401, refusal("missing_auth_header", "no"), InvalidKeyError, REJECTED, "NANGO_API_KEY"),
    (401, refusal("invalid_secret_key_format", "no"), InvalidKeyError, REJECTED, "NANGO_API_KEY"),
    (401, refusal("unknown_connect_session_token", "no"), InvalidSessionToken, REJECTED, "new connect session"),
    (401, refusal("invalid_connect_session_token_format", "no"), InvalidSessionToken, REJECTED, "new connect session"),
    (404, refusal("not_found", "No action '1-2' found"), ActionNotFinished, UNKNOWN, "ask again later"),
    (404, refusal("unknown_connection", "Connection with"), UnknownConnection, REJECTED, "look the connection up"),
    (404, refusal("unknown_provider_config", "Provider"), UnknownIntegration, REJECTED, "dashboard"),
    (404, refusal("not_found", 'Integration "x" does not exist'), UnknownIntegration, REJECTED, "does not exist"),
    (405, {"error": {"code": -32000, "message": "Method not allowed."}}, InvalidInput, REJECTED, "not allowed"),
    (406, {"error": {"code": -32000, "message": "Not Acceptable"}}, InvalidInput, REJECTED, "Not Acceptable"),
    (415, refusal("invalid_content_type", "Content-Type"), InvalidInput, REJECTED, "Content-Type"),
    (424, upstream(403), UpstreamError, FAILED, "403"),
    (424, upstream(422), UpstreamError, FAILED, "422"),
]


@pytest.mark.parametrize(("status", "body", "kind", "outcome", "says"), ANSWERS)
async def test_an_answer_to_a_write_becomes_its_error_and_is_not_asked_for_again(
    fake: Any, nango: NangoClient, status: int, body: Any, kind: type[NangoError], outcome: Outcome, says: str
) -> None:
    fake.answers(Response("<html>", status) if body is None else JSONResponse(body, status))
    with pytest.raises(NangoError) as caught:
        await nango.actions.trigger(
            connection_id="c-1", integration_id="github", action="create-issue", input={}, writes=True
        )
    error = caught.value
    assert (type(error), error.outcome, error.status) == (kind, outcome, status)
    assert says in str(error)
    assert str(error).startswith("action 'create-issue' of integration 'github' on connection 'c-1': ")
    assert len(fake.seen) == 1
    assert fake.pauses == []


def as_rpc(status: int, body: dict[str, Any]) -> dict[str, Any]:
    """The same failure as the hosted MCP words it [mcp-tools-call]."""
    error = body["error"]
    inner = {"message": error.get("message", "x"), "type": error["code"], "status": status}
    inner |= {"payload": error["payload"]} if "payload" in error else {}
    inner |= {"additional_properties": {"upstream_response": error["upstream"]}} if "upstream" in error else {}
    return {"code": -32603, "message": json.dumps(inner)}


def sse(message: Any) -> Response:
    return Response(f"event: message\ndata: {json.dumps(message)}\n\n", media_type="text/event-stream")


SCRIPT_ANSWERS = [row for row in ANSWERS if isinstance(row[1], dict) and "script" in json.dumps(row[1])]
PLAIN_REFUSALS = [row for row in ANSWERS if row not in SCRIPT_ANSWERS]


@pytest.mark.parametrize(("status", "body", "kind", "outcome", "says"), SCRIPT_ANSWERS)
async def test_the_same_failure_over_mcp_is_the_same_error(
    fake: Any, nango: NangoClient, status: int, body: Any, kind: type[NangoError], outcome: Outcome, says: str
) -> None:
    fake.answers(sse({"jsonrpc": "2.0", "id": 1, "error": as_rpc(status, body)}))
    with pytest.raises(NangoError) as over_mcp:
        await nango.mcp.call_tool(connection_id="c-1", integration_id="github", tool="create-issue", writes=True)
    fake.answers(JSONResponse(body, status))
    with pytest.raises(NangoError) as over_rest:
        await nango.actions.trigger(
            connection_id="c-1", integration_id="github", action="create-issue", input={}, writes=True
        )
    assert (type(over_mcp.value), over_mcp.value.outcome) == (kind, outcome)
    one, other = vars(over_mcp.value), vars(over_rest.value)
    for name in ("status", "code", "payload", "upstream_status", "upstream_body", "message"):
        assert one[name] == other[name]
    assert len(fake.seen) == 2


@pytest.mark.parametrize(("status", "body", "kind", "outcome", "says"), PLAIN_REFUSALS)
async def test_a_refusal_before_any_function_is_the_same_plain_answer_over_mcp(
    fake: Any, nango: NangoClient, status: int, body: Any, kind: type[NangoError], outcome: Outcome, says: str
) -> None:
    """Nango's HTTP layer stands before both [mcp-auth-and-headers, rate-limit]."""
    fake.answers(Response("<html>", status) if body is None else JSONResponse(body, status))
    with pytest.raises(NangoError) as over_mcp:
        await nango.mcp.call_tool(connection_id="c-1", integration_id="github", tool="create-issue", writes=True)
    with pytest.raises(NangoError) as over_rest:
        await nango.actions.trigger(
            connection_id="c-1", integration_id="github", action="create-issue", input={}, writes=True
        )
    assert type(over_mcp.value) is type(over_rest.value) is kind
    assert vars(over_mcp.value) | {"call": None} == vars(over_rest.value) | {"call": None}


@pytest.mark.parametrize(
    ("error", "kind", "outcome"),
    [
        ({"code": -32603, "message": "Action create-issue not found"}, ActionNotFound, REJECTED),
        # An action may say this of something else it looked for: then it did run.
        ({"code": -32603, "message": "Action other not found"}, OutcomeLost, UNKNOWN),
        ({"code": -32601, "message": "Method not found"}, InvalidInput, REJECTED),
        ({"code": -32602, "message": "Invalid params"}, InvalidInput, REJECTED),
        (
            {"code": -32603, "message": '[{"path": ["params", "arguments"], "message": "expected record"}]'},
            InvalidInput,
            REJECTED,
        ),
        ({"code": -32603, "message": '[{"path": ["name"], "message": "odd"}]'}, OutcomeLost, UNKNOWN),
        ({"code": -32603, "message": "[]"}, OutcomeLost, UNKNOWN),
        ({"code": -32603, "message": "something new"}, OutcomeLost, UNKNOWN),
        ({"code": -32603}, OutcomeLost, UNKNOWN),
        ({"code": "odd", "message": 7}, OutcomeLost, UNKNOWN),
        (
            as_rpc(500, refusal("action_script_failure", payload={"error": "Action is disabled: 01a1"})),
            ActionDisabled,
            REJECTED,
        ),
    ],
)
async def test_what_only_mcp_says_is_understood_too(
    fake: Any, nango: NangoClient, error: Any, kind: type[NangoError], outcome: Outcome
) -> None:
    fake.answers(sse({"jsonrpc": "2.0", "id": 1, "error": error}))
    with pytest.raises(NangoError) as caught:
        await nango.mcp.call_tool(connection_id="c", integration_id="github", tool="create-issue", writes=True)
    assert (type(caught.value), caught.value.outcome) == (kind, outcome)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7.0), ("0", 0.0), ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0), ("soon", None), ("-5", None)],
)
async def test_the_wait_that_nango_asks_for_is_told(
    fake: Any, nango: NangoClient, header: str, seconds: float | None
) -> None:
    fake.answers(JSONResponse(refusal("too_many_request"), 429, headers={"retry-after": header}))
    with pytest.raises(RateLimited) as caught:
        await nango.actions.trigger(connection_id="c", integration_id="g", action="a", writes=True)
    assert caught.value.retry_after == seconds


def subclasses(kind: type[Exception]) -> Iterator[type[Exception]]:
    yield kind
    for child in kind.__subclasses__():
        yield from subclasses(child)


def all_of_httpx() -> list[type[Exception]]:
    """Every exception httpx exports, and every subclass of those: a new one in a later version turns up here."""
    exported = [
        value
        for name in httpx.__all__
        if isinstance(value := getattr(httpx, name), type) and issubclass(value, Exception)
    ]
    found = {kind for parent in exported for kind in subclasses(parent) if kind.__module__.startswith("httpx")}
    return sorted(found, key=lambda kind: kind.__name__)


BEFORE_SENDING = {
    "ConnectError", "ConnectTimeout", "PoolTimeout", "ProxyError", "UnsupportedProtocol", "LocalProtocolError",
    "InvalidURL", "CookieConflict",
}  # fmt: skip


def made(kind: type[Exception]) -> Exception:
    error = kind.__new__(kind)
    error.args = ("what httpx says",)
    return error


def test_the_list_of_httpx_exceptions_is_not_empty_by_mistake() -> None:
    assert {"ConnectError", "ReadTimeout", "InvalidURL", "StreamConsumed", "DecodingError"} <= {
        kind.__name__ for kind in all_of_httpx()
    }


@pytest.mark.parametrize("kind", all_of_httpx(), ids=lambda kind: kind.__name__)
async def test_no_httpx_exception_gets_through(fake: Any, kind: type[Exception]) -> None:
    class Broken(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            raise made(kind)

    async with NangoClient(fake.settings(), Broken()) as nango:
        where = {"connection_id": "c", "integration_id": "g", "writes": True}
        for attempt in (
            lambda: nango.actions.trigger(action="a", **where),
            lambda: nango.mcp.call_tool(tool="a", **where),
        ):
            with pytest.raises(NangoError) as caught:
                await attempt()
            assert caught.value.outcome is (NOT_SENT if kind.__name__ in BEFORE_SENDING else UNKNOWN)
            assert kind.__name__ in str(caught.value)
            assert caught.value.__cause__ is None


@pytest.mark.parametrize("kind", all_of_httpx(), ids=lambda kind: kind.__name__)
def test_time_outs_and_other_failures_are_told_apart(kind: type[Exception]) -> None:
    assert issubclass(kind, TRANSPORT_FAILURES)
    error = from_network(made(kind), Call("x"))
    assert isinstance(error, TimedOut) is issubclass(kind, httpx.TimeoutException)
    assert isinstance(error, NetworkFailure | MalformedResponse | InvalidInput)
    if isinstance(error, InvalidInput):
        assert error.outcome is NOT_SENT


def test_every_error_is_under_one_branch_and_exported() -> None:
    branches = (OperatorError, EndUserError, CallerError, TransientError, ActionFailed, WebhookError)
    for kind in subclasses(NangoError):
        assert kind.__name__ in nango_tools.__all__
        if kind is not NangoError:
            assert sum(issubclass(kind, branch) for branch in branches) == 1, kind


def test_only_what_had_no_effect_for_certain_may_be_sent_again() -> None:
    assert {outcome for outcome in Outcome if outcome.may_be_sent_again} == {NOT_SENT, REJECTED}
    assert [str(outcome) for outcome in Outcome] == ["succeeded", "not_sent", "rejected", "failed", "unknown"]


@pytest.mark.parametrize("kind", list(subclasses(NangoError)), ids=lambda kind: kind.__name__)
def test_an_error_survives_pickling_with_all_its_facts(kind: type[NangoError]) -> None:
    call = Call("trigger", "c", "g", "a", writes=True)
    error = kind("it broke", call=call, outcome=FAILED, status=424, code="x", payload={"a": 1}, upstream_status=422)
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind
    assert (str(again), vars(again)) == (str(error), vars(error))


def test_a_sentence_is_one_line_of_bounded_length_whatever_the_other_side_sends() -> None:
    error = UpstreamError("evil\r\n\x1b[31m\u202e" + "x" * 10_000, call=Call("t", "c\n", "g", "a"))
    text = str(error)
    assert text.isprintable()
    assert len(text) < 600
    assert len(error.message) > 10_000


async def test_giving_up_is_not_mistaken_for_a_failure(raw_server: Any) -> None:
    arrived = asyncio.Event()
    over = asyncio.Event()

    async def hold(_: Any, __: Any) -> None:
        arrived.set()
        await over.wait()

    server = await raw_server(hold)
    async with server.client() as nango:
        task = asyncio.create_task(nango.mcp.list_tools(connection_id="c", integration_id="g"))
        await arrived.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        over.set()
