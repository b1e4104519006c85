"""Every failure that was recorded on a real server is a named error with the outcome that NANGO.md gives it.

Without the recordings nothing here runs; tests/tools/test_failures.py has a table of the same failures.
"""

import json
import pathlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import httpx
import pytest

from nango_tools import Call, Outcome
from nango_tools.failures import from_response, from_rpc_error, is_nangos_own, without_credentials

SHARED = pathlib.Path(__file__).parents[3] / "shared" / "nango-wire"
REJECTED, FAILED, UNKNOWN = Outcome.REJECTED, Outcome.FAILED, Outcome.UNKNOWN

# (status, Nango's code, upstream status): the names that may come of it, and the outcome
REST: dict[tuple[int, Any, int | None], tuple[set[str], Outcome]] = {
    (400, "base_url_override_not_allowed", None): ({"InvalidInput"}, REJECTED),
    (400, "connection_test_failed", None): ({"InvalidInput"}, REJECTED),
    (400, "integration_not_allowed", None): ({"InvalidInput"}, REJECTED),
    (400, "invalid_body", None): ({"InvalidInput", "UnknownIntegration", "UnknownConnection"}, REJECTED),
    (400, "invalid_credentials", None): ({"ReauthorizationRequired"}, REJECTED),
    (400, "invalid_headers", None): ({"InvalidInput"}, REJECTED),
    (400, "invalid_json", None): ({"InvalidInput"}, REJECTED),
    (400, "invalid_query_params", None): ({"InvalidInput"}, REJECTED),
    (400, "invalid_uri_params", None): ({"InvalidInput"}, REJECTED),
    (400, "no_syncs_found", None): ({"NotFound"}, REJECTED),
    (400, "server_error", None): ({"UnknownConnection", "ReauthorizationRequired"}, REJECTED),
    (400, "unknown_connection", None): ({"UnknownConnection"}, REJECTED),
    (400, "unknown_provider_config", None): ({"UnknownIntegration"}, REJECTED),
    (400, -32000, None): ({"InvalidInput"}, REJECTED),
    (400, -32700, None): ({"InvalidInput"}, REJECTED),
    (401, "invalid_connect_session_token_format", None): ({"InvalidSessionToken"}, REJECTED),
    (401, "invalid_secret_key_format", None): ({"InvalidKeyError"}, REJECTED),
    (401, "missing_auth_header", None): ({"InvalidKeyError"}, REJECTED),
    (401, "unknown_account", None): ({"InvalidKeyError"}, REJECTED),
    (401, "unknown_connect_session_token", None): ({"InvalidSessionToken"}, REJECTED),
    (403, "forbidden", None): ({"InsufficientScopeError"}, REJECTED),
    (404, "disabled_resource", None): ({"ActionDisabled"}, REJECTED),
    (404, "unknown_connection", None): ({"UnknownConnection"}, REJECTED),
    (404, "unknown_provider_config", None): ({"UnknownIntegration"}, REJECTED),
    (405, -32000, None): ({"InvalidInput"}, REJECTED),
    (406, -32000, None): ({"InvalidInput"}, REJECTED),
    (415, "invalid_content_type", None): ({"InvalidInput"}, REJECTED),
    (424, "connection_refresh_backoff", None): ({"ReauthorizationRequired"}, REJECTED),
    (424, "invalid_credentials", None): ({"ReauthorizationRequired"}, REJECTED),
    **{(424, "script_http_error", status): ({"UpstreamError"}, FAILED) for status in (400, 401, 403, 404, 422, 429)},
    (424, "script_http_error", 424): ({"ReauthorizationRequired"}, FAILED),
    **{(424, "script_http_error", status): ({"UpstreamError"}, UNKNOWN) for status in (500, 503)},
    (429, "too_many_request", None): ({"RateLimited"}, REJECTED),
    (500, "action_script_failure", None): ({"OutcomeLost"}, UNKNOWN),
    (500, "action_script_runtime_error", None): ({"ActionRuntimeError"}, FAILED),
    (500, "script_internal_error", None): ({"ActionInternalError"}, UNKNOWN),
    (500, "script_network_error", None): ({"ActionNetworkError"}, UNKNOWN),
    (500, "server_error", None): ({"NangoUnavailable"}, UNKNOWN),
}
NOT_FOUND = {"ActionNotFound", "NotFound", "UnknownIntegration", "UnknownConnection"}


class Recorded(NamedTuple):
    topic: str
    name: str
    request: dict[str, Any]
    response: dict[str, Any]


def recorded() -> Iterator[Recorded]:
    for path in sorted(SHARED.glob("*.json")):
        for exchange in json.loads(path.read_text()).get("exchanges", []):
            request, response = exchange.get("request"), exchange.get("response")
            if isinstance(request, dict) and isinstance(response, dict) and "status" in response:
                yield Recorded(path.stem, exchange["name"], request, response)


def answer(response: dict[str, Any]) -> httpx.Response:
    text = response.get("body_text") or json.dumps(response.get("body"))
    headers = {name: value for name, value in response["headers"].items() if name != "content-length"}
    return httpx.Response(response["status"], text=text, headers=headers)


def facts(body: Any) -> tuple[Any, int | None]:
    error = body.get("error") if isinstance(body, dict) else None
    error = error if isinstance(error, dict) else {}
    upstream = error.get("upstream")
    return error.get("code"), upstream.get("status") if isinstance(upstream, dict) else None


def refused() -> list[Any]:
    return [pytest.param(one, id=f"{one.topic}: {one.name}") for one in recorded() if one.response["status"] >= 400]


def rpc_errors() -> list[Any]:
    found = []
    for one in recorded():
        messages = one.response.get("sse_messages") or []
        if messages and isinstance(messages[0], dict) and "error" in messages[0]:
            found.append(pytest.param(one, messages[0]["error"], id=f"{one.topic}: {one.name}"))
    return found


pytestmark = pytest.mark.skipif(not SHARED.is_dir(), reason="the recordings are not here")


def test_there_are_recordings_of_every_kind() -> None:
    assert len(refused()) > 100
    assert len(rpc_errors()) > 15
    seen = {(one.response["status"], *facts(one.response.get("body"))) for one in recorded()}
    assert REST.keys() <= seen, "the table names only what was recorded"


@pytest.mark.parametrize("one", refused())
def test_a_recorded_refusal_is_a_named_error(one: Recorded) -> None:
    action = one.request.get("body", {}).get("action_name") if isinstance(one.request.get("body"), dict) else None
    response = answer(one.response)
    error = from_response(response, Call(one.name, action=action, writes=True))
    status, (code, upstream) = one.response["status"], facts(one.response.get("body"))
    assert error.status == status
    if code is None:
        # A provider's own answer through the proxy, or a page of the web server before Nango: no error of Nango's.
        assert not is_nangos_own(response)
        return
    assert error.code == str(code)
    assert error.upstream_status == upstream
    if (status, code) == (404, "not_found"):
        says = one.response["body"]["error"].get("message", "")
        pending = says.startswith("No action '")
        assert type(error).__name__ in ({"ActionNotFinished"} if pending else NOT_FOUND)
        assert error.outcome is (UNKNOWN if pending else REJECTED)
        return
    names, outcome = REST[status, code, upstream]
    assert type(error).__name__ in names
    assert error.outcome is outcome
    if one.request["path"].startswith("/proxy"):
        assert is_nangos_own(response)
    if status == 429:
        assert error.retry_after == 59


@pytest.mark.parametrize(("one", "rpc"), rpc_errors())
def test_a_recorded_rpc_error_is_a_named_error(one: Recorded, rpc: dict[str, Any]) -> None:
    name = one.request["body"].get("params", {}).get("name", "")
    error = from_rpc_error(rpc, Call("call MCP tool", "c", "g", name, writes=True))
    if not rpc["message"].startswith("{"):
        by_name = rpc["message"].startswith("Action ")
        refused_early = rpc["code"] != -32603 or rpc["message"].startswith("[")
        expected = "ActionNotFound" if by_name else "InvalidInput" if refused_early else "OutcomeLost"
        assert type(error).__name__ == expected
        assert error.outcome is (REJECTED if expected != "OutcomeLost" else UNKNOWN)
        return
    said = json.loads(rpc["message"])
    upstream = said.get("additional_properties", {}).get("upstream_response", {})
    if "Action is disabled" in rpc["message"]:
        assert (type(error).__name__, error.outcome) == ("ActionDisabled", REJECTED)
        return
    names, outcome = REST[said["status"], said["type"], upstream.get("status")]
    assert (type(error).__name__ in names, error.outcome) == (True, outcome)
    assert (error.status, error.code, error.upstream_status) == (said["status"], said["type"], upstream.get("status"))
    assert error.upstream_body == without_credentials(upstream.get("body"))
