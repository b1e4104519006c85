"""HTTP answers that are no success: Nango's error body, somebody else's, or none."""

import math
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from nango_tools.errors import Call, NangoError, NotNango
from nango_tools.failures.table import Answer, from_answer
from nango_tools.failures.wording import integer, json_or_none, mapping, text, without_credentials

# What Nango itself says on the way to a provider, by status and code [proxy, reauthorization, rate-limit,
# mcp-auth-and-headers]; where a provider could well use the same words, what the message begins with.
_OWN_ON_PROXY: dict[tuple[int, str], tuple[str, ...]] = {
    (400, "base_url_override_not_allowed"): (),
    (400, "invalid_headers"): (),
    (400, "invalid_json"): (),
    (400, "server_error"): ("Failed to get connection",),
    (400, "unknown_connection"): (),
    (400, "unknown_provider_config"): (),
    (404, "unknown_connection"): (),
    (404, "unknown_provider_config"): (),
    (401, "missing_auth_header"): (),
    (401, "malformed_auth_header"): (),
    (401, "invalid_secret_key_format"): (),
    (401, "unknown_account"): (),
    (403, "forbidden"): ("Insufficient scope", "Credential and refresh options"),
    (400, "invalid_credentials"): ("The external API", "A recent refresh", "Failed to get connection"),
    (424, "invalid_credentials"): ("The external API", "A recent refresh", "Failed to get connection"),
    (424, "connection_refresh_backoff"): (),
    (429, "too_many_request"): (),
}


def from_response(response: httpx.Response, call: Call) -> NangoError:
    """The error for an HTTP answer that is not a success."""
    status = response.status_code
    if not 400 <= status < 600:
        location = response.headers.get("location", "")
        said = f"the base URL answered {status}" + (f", a redirect to {location}" if location else "")
        return NotNango(said, call=call, status=status)
    error = _error(response)
    upstream = mapping(error.get("upstream"))
    rpc_code = integer(error.get("code"))
    answer = Answer(
        status=status,
        code=text(error.get("code")) if rpc_code is None else str(rpc_code),
        message=text(error.get("message")),
        payload=without_credentials(error.get("payload")),
        issues=error.get("errors"),
        upstream_status=integer(upstream.get("status")),
        upstream_body=without_credentials(upstream.get("body")),
        upstream_headers=mapping(upstream.get("headers")),
        retry_after=retry_after(response),
        at=http_date(response.headers.get("date", "")),
    )
    return from_answer(answer, call)


def is_nangos_own(response: httpx.Response) -> bool:
    """Whether an answer of the proxy is an error of Nango, and not what the provider answered, status and body alike.

    Nothing on the wire marks it but status and error code. Where both fit by chance, a provider's refusal is taken for
    Nango's; server errors (5xx) are always the provider's, so none is mistaken for a call that had no effect.
    """
    if not any(status == response.status_code for status, _ in _OWN_ON_PROXY):
        return False
    error = _error(response)
    begins = _OWN_ON_PROXY.get((response.status_code, text(error.get("code")) or ""))
    if begins is None:
        return False
    return not begins or (text(error.get("message")) or "").startswith(begins)


def retry_after(response: httpx.Response) -> float | None:
    """Retry-After (RFC 9110 10.2.3) in seconds from now: a number, or a date. None where there is none to be read."""
    header = response.headers.get("retry-after", "").strip()
    if header.isascii() and header.isdecimal():
        seconds = float(header)
        return seconds if math.isfinite(seconds) else None
    at = http_date(header)
    if at is None:
        return None
    return max(0.0, (at - (http_date(response.headers.get("date", "")) or datetime.now(UTC))) / timedelta(seconds=1))


def http_date(header: str) -> datetime | None:
    try:
        at = parsedate_to_datetime(header)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, TypeError, OverflowError):
        return None


def _error(response: httpx.Response) -> dict[str, Any]:
    body = json_or_none(response.text)
    error = body.get("error") if isinstance(body, dict) else None
    return error if isinstance(error, dict) else {}
