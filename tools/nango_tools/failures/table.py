"""One table for REST and MCP: Nango's error code decides; the status where there is none we know."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from nango_tools.errors import (
    ActionDisabled,
    ActionInternalError,
    ActionNetworkError,
    ActionNotFinished,
    ActionNotFound,
    ActionRuntimeError,
    Call,
    InsufficientScopeError,
    InvalidInput,
    InvalidKeyError,
    InvalidSessionToken,
    NangoError,
    NangoUnavailable,
    NotFound,
    Outcome,
    OutcomeLost,
    RateLimited,
    ReauthorizationRequired,
    TimedOut,
    UnknownConnection,
    UnknownIntegration,
    UpstreamError,
)
from nango_tools.failures.limits import is_limit, seconds_until_reset
from nango_tools.failures.wording import gist, issues_in_a_line

_REAUTHORIZE = ("invalid_credentials", "connection_refresh_backoff")
# A refresh that failed is Nango's own 400, or 424 while it backs off; some providers are answered 401.
_REAUTHORIZE_UPSTREAM = (400, 401, 424)
# With these codes Nango turns a call away. A server error says so in vain: whoever words it may have done the work.
_REFUSALS: dict[str, tuple[int, ...]] = {
    "disabled_resource": (404,),
    "unknown_connection": (400, 404),
    "unknown_provider_config": (400, 404),
    "too_many_request": (429,),
    **dict.fromkeys(_REAUTHORIZE, _REAUTHORIZE_UPSTREAM),
}
# Refused by the protocol layer, before a function is looked up: RFC 9110 15.5, and seen on the hosted MCP.
_REFUSED_EARLY = (400, 401, 403, 404, 405, 406, 411, 413, 414, 415, 422, 429, 431)
_SESSION_TOKEN = ("unknown_connect_session_token", "invalid_connect_session_token_format")
_DISABLED = re.compile(r"Action is disabled\b")
_NO_RESULT_YET = re.compile(r"No action '[^']*' found")
_CREDENTIALS_FAIL = re.compile(
    r"Failed to get connection credentials\b"
    r"|The external API returned an error when trying to refresh the access token\b"
    r"|A recent refresh attempt failed\b"
)


@dataclass(frozen=True)
class Answer:
    """An error as Nango worded it, from either path. upstream: what the provider answered to the function; at: by Nango's
    clock, where it told the time.
    """

    status: int
    code: str | None = None
    message: str | None = None
    payload: Any = None
    issues: Any = None
    upstream_status: int | None = None
    upstream_body: Any = None
    upstream_headers: Mapping[str, object] = field(default_factory=dict)
    retry_after: float | None = None
    at: datetime | None = None


def from_answer(answer: Answer, call: Call) -> NangoError:
    said = answer.message or issues_in_a_line(answer.issues)
    facts: dict[str, Any] = {
        "call": call,
        "status": answer.status,
        "code": answer.code,
        "payload": answer.payload,
        "upstream_status": answer.upstream_status,
        "upstream_body": answer.upstream_body,
        "retry_after": answer.retry_after,
    }
    status, code = answer.status, answer.code
    if status not in _REFUSALS.get(code or "", (status,)):
        return _by_status(answer, said, f"{status} {code}", facts)
    label = f"{status} {code}" if code else str(status)

    match code:
        case "script_http_error":
            return _upstream(answer, facts)
        case "action_script_runtime_error":
            return ActionRuntimeError(f"the action reported an error: {gist(answer.payload) or said}", **facts)
        case "script_internal_error":
            return ActionInternalError(f"the action crashed: {gist(answer.payload) or said}", **facts)
        case "script_network_error":
            text = f"the action could not reach the provider: {gist(answer.payload) or said}"
            return ActionNetworkError(text, **facts)
        case "action_script_failure":
            # Over MCP the disabled action comes as this, worded by Nango's scheduler, which never started it.
            if isinstance(answer.payload, dict) and _DISABLED.match(str(answer.payload.get("error"))):
                return ActionDisabled("the action is disabled", **facts)
            text = f"Nango lost the result of the action: {gist(answer.payload) or said}"
            return OutcomeLost(text, **facts)
        case "disabled_resource":
            return ActionDisabled("the action is disabled", **facts)
        case "unknown_connection":
            return UnknownConnection(f"Nango knows no such connection of that integration ({label})", **facts)
        case "unknown_provider_config":
            return UnknownIntegration(f"Nango knows no such integration ({label})", **facts)
        case "too_many_request":
            return RateLimited(f"Nango's request limit is reached ({label})", **facts)
    if code in _REAUTHORIZE or (code == "server_error" and status == 400 and says_that_credentials_fail(said)):
        return credentials_no_longer_work(f"{label}: {said}", Outcome.REJECTED, **facts)
    return _by_status(answer, said, label, facts)


def _by_status(answer: Answer, said: str, label: str, facts: dict[str, Any]) -> NangoError:
    status, call = answer.status, facts["call"]
    text = f"Nango answered {label}" + (f": {said}" if said else "")
    if status == 400 and "IntegrationId does not exist" in said:  # a reconnect session
        return UnknownConnection(text, **facts)
    if status == 400 and "Integration does not exist" in said:  # a connect session
        return UnknownIntegration(text, **facts)
    if status == 400 and answer.code == "server_error" and said == "Failed to get connection":  # the proxy
        return UnknownConnection(text, **facts)
    if status == 400 and answer.code == "no_syncs_found":
        return NotFound(text, **facts)
    if status == 401 and answer.code in _SESSION_TOKEN:
        return InvalidSessionToken(f"Nango refused the connect session's token ({label})", **facts)
    if status == 401:
        return InvalidKeyError(f"Nango refused the API key ({label}: {said})", **facts)
    if status == 403:
        return InsufficientScopeError(text, **facts)
    if status == 404:
        return _not_found(text, said, call, facts)
    if status == 429:
        return RateLimited(text, **facts)
    if status == 408:
        return TimedOut(text, **facts)
    if status < 500:
        refused = Outcome.REJECTED if status in _REFUSED_EARLY else Outcome.UNKNOWN
        return InvalidInput(text, outcome=refused, **facts)
    return NangoUnavailable(text, **facts)


def _upstream(answer: Answer, facts: dict[str, Any]) -> NangoError:
    status = answer.upstream_status
    refusal = answer.payload.get("error") if isinstance(answer.payload, dict) else None
    refusal_code = refusal.get("code") if isinstance(refusal, dict) else None
    if refusal_code in _REAUTHORIZE and status in _REAUTHORIZE_UPSTREAM:
        # The function ran, and may have done something before it needed the credentials.
        return credentials_no_longer_work(f"{refusal_code}: {gist(refusal)}", Outcome.FAILED, **facts)
    said = gist(answer.upstream_body if answer.upstream_body is not None else answer.payload)
    text = f"the provider answered {status if status is not None else 'with an error'}" + (f": {said}" if said else "")
    limited = is_limit(status, answer.upstream_headers)
    if limited:
        facts["retry_after"] = seconds_until_reset(answer.upstream_headers, answer.at)
    return UpstreamError(text, outcome=Outcome.of_upstream(status), limited=limited, **facts)


def _not_found(text: str, said: str, call: Call, facts: dict[str, Any]) -> NangoError:
    """A 404 names what is missing only in its message, and every kind of thing has the same code."""
    words = said.lower()
    if _NO_RESULT_YET.match(said):
        return ActionNotFinished(text, **facts)
    if "integration" in words:
        return UnknownIntegration(text, **facts)
    if "connection" in words:
        return UnknownConnection(text, **facts)
    if call.action is not None and "action" in words:
        return ActionNotFound(text, **facts)
    return NotFound(text, **facts)


def says_that_credentials_fail(said: str) -> bool:
    return _CREDENTIALS_FAIL.match(said) is not None


def credentials_no_longer_work(why: str, outcome: Outcome, **facts: Any) -> ReauthorizationRequired:
    return ReauthorizationRequired(
        f"the credentials of the connection no longer work ({why})", outcome=outcome, **facts
    )
