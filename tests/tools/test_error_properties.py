"""Whatever comes back, it becomes exactly one NangoError, and never one that lets a write go out again for nothing."""

import json
from typing import Any

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nango_tools import Call, NangoError, Outcome
from nango_tools.failures import from_response, from_rpc_error, from_tool_text, is_nangos_own

CALL = Call("trigger", "c", "g", "create-issue", writes=True)
BEFORE_THE_START = {
    "disabled_resource", "unknown_connection", "unknown_provider_config", "too_many_request", "invalid_credentials",
    "connection_refresh_backoff",
}  # fmt: skip
CODES = [
    *BEFORE_THE_START, "script_http_error", "action_script_runtime_error", "script_internal_error", "server_error",
    "script_network_error", "action_script_failure", "not_found", "invalid_body", "invalid_headers", "forbidden",
    "unknown_account", "no_syncs_found",
]  # fmt: skip
any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
messages = st.sampled_from(
    ["Action is disabled: 1", "Failed to get connection", "No action 'x' found", "Integration does not exist"]
)
parts = {
    "code": st.sampled_from(CODES) | any_json,
    "message": messages | any_json,
    "payload": st.fixed_dictionaries({"error": any_json | messages}) | any_json,
    "errors": st.lists(st.fixed_dictionaries({}, optional={"path": any_json, "message": any_json})) | any_json,
    "upstream": st.fixed_dictionaries({}, optional={"status": st.integers(100, 599) | any_json, "body": any_json})
    | any_json,
}
bodies = any_json | st.fixed_dictionaries({"error": st.fixed_dictionaries({}, optional=parts) | any_json})
contents = st.binary(max_size=60) | bodies.map(lambda body: json.dumps(body).encode())


def well_formed(error: NangoError, *, status: int | None) -> None:
    assert str(error).isprintable()
    assert len(str(error)) < 900
    assert isinstance(error.outcome, Outcome)
    assert error.outcome is not Outcome.SUCCEEDED
    if status is not None and status >= 500 and error.outcome.may_be_sent_again:
        lost_before_start = error.code == "action_script_failure" and "is disabled" in str(error)
        assert error.code in BEFORE_THE_START or lost_before_start


@given(st.integers(100, 999), contents, st.text())
@example(500, b'{"error":{"code":"' + b"a" * 10_000 + b'"}}', "")
@example(404, b"[" * 100_000, "9" * 5000)
@example(429, b"", "Thu, 01 Jan 1970 00:00:00 +9999999999")
@example(500, b'{"error":{"payload":' + b'{"message":' * 90 + b"1" + b"}" * 90 + b"}}", "")
@example(500, b'{"error":{"message":"' + b"9" * 6000 + b'","code":' + b"9" * 6000 + b"}}", "")
def test_any_http_answer_is_one_error(status: int, content: bytes, retry_after: str) -> None:
    response = httpx.Response(status, content=content, headers=[(b"retry-after", retry_after.encode())])
    error = from_response(response, CALL)
    assert type(error).__mro__.count(NangoError) == 1
    well_formed(error, status=status)
    assert error.retry_after is None or 0 <= error.retry_after < float("inf")
    is_nangos_own(response)


inner = st.fixed_dictionaries(
    {"type": st.sampled_from(CODES) | st.text()},
    optional={
        "status": st.integers(100, 599) | any_json,
        "message": messages | any_json,
        "payload": parts["payload"],
        "additional_properties": st.fixed_dictionaries({"upstream_response": parts["upstream"]}) | any_json,
    },
)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "code": st.sampled_from([-32603, -32602, -32601, -32600, -32700]) | any_json,
            "message": (inner | any_json).map(json.dumps) | messages | any_json,
        },
    )
)
def test_any_rpc_error_is_one_error(error: dict[str, Any]) -> None:
    found = from_rpc_error(error, CALL)
    well_formed(found, status=found.status)


@given(st.text() | messages)
@example('Integration "\n" does not exist')
def test_any_words_of_a_management_tool_are_one_error(said: str) -> None:
    well_formed(from_tool_text(said, CALL), status=None)


@pytest.mark.parametrize(
    "said", ["Nango logs are disabled", "", "Integration x does not exist", "Failed to get connections"]
)
def test_words_that_fit_nothing_known_leave_a_write_unknown(said: str) -> None:
    assert from_tool_text(said, CALL).outcome is Outcome.UNKNOWN


@given(st.integers(500, 599), bodies)
def test_no_server_error_of_a_provider_is_taken_for_nangos_own(status: int, body: Any) -> None:
    assert not is_nangos_own(httpx.Response(status, json=body if _is_json(body) else None))


def _is_json(body: Any) -> bool:
    try:
        json.dumps(body, allow_nan=False)
    except ValueError:
        return False
    return True
