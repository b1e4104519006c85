"""Which exception a failure becomes, and what is then known about the effect of the call.

Three things can come back instead of a result: a failure of the network below (httpx), an HTTP answer with Nango's
error body, and a JSON-RPC error from the hosted MCP, which carries the same error as a JSON string. All three end here,
so that one failure is one class whichever way it came. What the codes mean was measured on a real server (0.71.4).
"""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from nango_tools.errors import (
    ActionDisabled,
    ActionInternalError,
    ActionNetworkError,
    ActionNotFound,
    ActionRuntimeError,
    Call,
    InsufficientScopeError,
    InvalidInput,
    InvalidKeyError,
    MalformedResponse,
    NangoError,
    NangoUnavailable,
    NetworkFailure,
    NotFound,
    NotNango,
    Outcome,
    OutcomeLost,
    RateLimited,
    ReauthorizationRequired,
    TimedOut,
    UnknownConnection,
    UnknownIntegration,
    UpstreamError,
)

# What httpx raises before a byte of the request is on its way. Everything else it raises may come after.
_BEFORE_SENDING = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.LocalProtocolError,
    httpx.InvalidURL,
    httpx.CookieConflict,
)
HTTPX_FAILURES = (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL, httpx.CookieConflict)

_REAUTHORIZE = ("invalid_credentials", "connection_refresh_backoff")
# A refresh that failed is Nango's own 400, or 424 while it backs off; some providers are answered 401.
_REAUTHORIZE_UPSTREAM = (400, 401, 424)
_CONFLICT_OR_TIMEOUT = (408, 409)
# Refused by the protocol layer, before a function is looked up: RFC 9110 15.5, and seen on the hosted MCP.
_REFUSED_EARLY = (400, 401, 403, 404, 405, 406, 411, 413, 414, 415, 422, 429, 431)
_RPC_REFUSALS = (-32700, -32600, -32601, -32602)


@dataclass(frozen=True)
class _Answer:
    """An error as Nango worded it, from either path."""

    status: int
    code: str | None = None
    message: str | None = None
    payload: Any = None
    issues: Any = None
    upstream_status: int | None = None
    upstream_body: Any = None
    retry_after: float | None = None


def from_network(error: Exception, call: Call) -> NangoError:
    """The error for anything in HTTPX_FAILURES. Its text is kept, the object is not: it holds the request's headers."""
    outcome = Outcome.NOT_SENT if isinstance(error, _BEFORE_SENDING) else Outcome.UNKNOWN
    kind = type(error).__name__
    detail = f"{kind}: {error}" if str(error) else kind
    if isinstance(error, httpx.TimeoutException):
        return TimedOut(f"Nango did not answer in time ({detail})", call=call, outcome=outcome)
    if isinstance(error, httpx.DecodingError):
        return MalformedResponse(f"Nango's answer could not be decoded ({detail})", call=call, outcome=outcome)
    return NetworkFailure(f"the connection to Nango failed ({detail})", call=call, outcome=outcome)


def from_response(response: httpx.Response, call: Call) -> NangoError:
    """The error for an HTTP answer that is not a success."""
    status = response.status_code
    if not 400 <= status < 600:
        location = response.headers.get("location", "")
        text = f"the base URL answered {status}" + (f", a redirect to {location}" if location else "")
        return NotNango(text, call=call, status=status)
    body = _json_or_none(response.text)
    error = body.get("error") if isinstance(body, dict) else None
    error = error if isinstance(error, dict) else {}
    upstream = error.get("upstream")
    upstream = upstream if isinstance(upstream, dict) else {}
    return _from_answer(
        _Answer(
            status=status,
            code=_text(error.get("code")),
            message=_text(error.get("message")),
            payload=without_credentials(error.get("payload")),
            issues=error.get("errors"),
            upstream_status=_integer(upstream.get("status")),
            upstream_body=without_credentials(upstream.get("body")),
            retry_after=_seconds(response.headers.get("retry-after")),
        ),
        call,
    )


def from_rpc_error(error: dict[str, Any], call: Call) -> NangoError:
    """The error for a JSON-RPC `error` of the hosted MCP, whose message is JSON to be parsed again, or plain text."""
    rpc_code = _integer(error.get("code"))
    text = _text(error.get("message")) or ""
    inner = _json_or_none(text)
    if isinstance(inner, dict) and isinstance(inner.get("type"), str):
        properties = inner.get("additional_properties")
        upstream = properties.get("upstream_response") if isinstance(properties, dict) else None
        upstream = upstream if isinstance(upstream, dict) else {}
        return _from_answer(
            _Answer(
                status=_integer(inner.get("status")) or 500,
                code=inner["type"],
                message=_text(inner.get("message")),
                payload=without_credentials(inner.get("payload")),
                upstream_status=_integer(upstream.get("status")),
                upstream_body=without_credentials(upstream.get("body")),
            ),
            call,
        )
    if call.action is not None and text == f"Action {call.action} not found":
        return ActionNotFound(text, call=call, code="not_found")
    if rpc_code in _RPC_REFUSALS:
        return InvalidInput(f"the MCP server refused the request: {text}", call=call, code=str(rpc_code))
    if _is_refused_params(inner):
        return InvalidInput(f"the MCP server refused the arguments: {_issues(inner)}", call=call, code="invalid_params")
    return OutcomeLost(f"the MCP server reported {text or 'an error without a message'}", call=call, code=str(rpc_code))


def _from_answer(answer: _Answer, call: Call) -> NangoError:
    """One table for both paths: Nango's error code decides; the status where there is none we know."""
    said = answer.message or _issues(answer.issues)
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
    label = f"{status} {code}" if code else str(status)

    match code:
        case "script_http_error":
            return _upstream(answer, facts)
        case "action_script_runtime_error":
            return ActionRuntimeError(f"the action reported an error: {_gist(answer.payload) or said}", **facts)
        case "script_internal_error":
            return ActionInternalError(f"the action crashed: {_gist(answer.payload) or said}", **facts)
        case "script_network_error":
            text = f"the action could not reach the provider: {_gist(answer.payload) or said}"
            return ActionNetworkError(text, **facts)
        case "action_script_failure":
            # Over MCP the disabled action comes as this, worded by Nango's scheduler, which never started it.
            if isinstance(answer.payload, dict) and _DISABLED.match(str(answer.payload.get("error"))):
                return ActionDisabled("the action is disabled", **facts)
            text = f"Nango lost the result of the action: {_gist(answer.payload) or said}"
            return OutcomeLost(text, **facts)
        case "disabled_resource":
            return ActionDisabled("the action is disabled", **facts)
        case "unknown_connection":
            return UnknownConnection(f"Nango knows no such connection of that integration ({label})", **facts)
        case "unknown_provider_config":
            return UnknownIntegration(f"Nango knows no such integration ({label})", **facts)
        case "too_many_request":
            return RateLimited(f"Nango's request limit is reached ({label})", **facts)
    if code in _REAUTHORIZE:
        text = f"the credentials of the connection no longer work ({label}: {said})"
        return ReauthorizationRequired(text, outcome=Outcome.REJECTED, **facts)

    text = f"Nango answered {label}" + (f": {said}" if said else "")
    if status == 400 and "IntegrationId does not exist" in said:  # a reconnect session
        return UnknownConnection(text, **facts)
    if status == 400 and "Integration does not exist" in said:  # a connect session
        return UnknownIntegration(text, **facts)
    refused = Outcome.REJECTED if status in _REFUSED_EARLY else Outcome.UNKNOWN
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
        return InvalidInput(text, outcome=refused, **facts)
    return NangoUnavailable(text, **facts)


def _upstream(answer: _Answer, facts: dict[str, Any]) -> NangoError:
    status = answer.upstream_status
    refusal = answer.payload.get("error") if isinstance(answer.payload, dict) else None
    refusal_code = refusal.get("code") if isinstance(refusal, dict) else None
    if refusal_code in _REAUTHORIZE and status in _REAUTHORIZE_UPSTREAM:
        text = f"the credentials of the connection no longer work ({refusal_code}: {_gist(refusal)})"
        return ReauthorizationRequired(text, **facts)
    clear = status is not None and 400 <= status < 500 and status not in _CONFLICT_OR_TIMEOUT
    gist = _gist(answer.upstream_body if answer.upstream_body is not None else answer.payload)
    text = f"the provider answered {status if status is not None else 'with an error'}" + (f": {gist}" if gist else "")
    return UpstreamError(text, outcome=Outcome.FAILED if clear else Outcome.UNKNOWN, **facts)


def _not_found(text: str, said: str, call: Call, facts: dict[str, Any]) -> NangoError:
    """A 404 names what is missing only in its message, and every kind of thing has the same code."""
    words = said.lower()
    if "integration" in words:
        return UnknownIntegration(text, **facts)
    if "connection" in words:
        return UnknownConnection(text, **facts)
    if call.action is not None and "action" in words:
        return ActionNotFound(text, **facts)
    return NotFound(text, **facts)


_DISABLED = re.compile(r"Action is disabled\b")


def without_credentials(value: Any) -> Any:
    """A copy of JSON data without any key `credentials`: Nango puts whole connections into error payloads."""
    if isinstance(value, dict):
        return {key: without_credentials(item) for key, item in value.items() if key != "credentials"}
    if isinstance(value, list):
        return [without_credentials(item) for item in value]
    return value


def _gist(value: Any) -> str:
    """The sentence inside an error body, wherever a provider put it; the body as JSON where there is none."""
    if value in (None, "", {}, []):
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        for key in ("message", "error_description", "detail", "error", "title", "code"):
            if inner := _gist(value.get(key)):
                return inner
    return json.dumps(value)


def _issues(issues: Any) -> str:
    """Nango's list of validation issues (zod) as one line: `limit: Too big; tags.a: Invalid`."""
    if not isinstance(issues, list):
        return ""
    lines = []
    for issue in issues:
        if isinstance(issue, dict):
            path = issue.get("path")
            where = ".".join(str(step) for step in path) if isinstance(path, list) else ""
            lines.append(f"{where}: {issue.get('message')}" if where else str(issue.get("message")))
    return "; ".join(lines)


def _is_refused_params(inner: Any) -> bool:
    return (
        isinstance(inner, list)
        and bool(inner)
        and all(isinstance(issue, dict) and isinstance(issue.get("path"), list) for issue in inner)
        and all(issue["path"][:1] == ["params"] for issue in inner)
    )


def _json_or_none(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _integer(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _seconds(header: str | None) -> float | None:
    """Retry-After (RFC 9110 10.2.3) as seconds from now: a number, or a date."""
    if header is None:
        return None
    if header.strip().isdecimal():
        return float(header)
    try:
        at = parsedate_to_datetime(header)
    except ValueError:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0.0, (at - datetime.now(UTC)).total_seconds())
