"""Failures below HTTP: nothing was answered, or it broke off."""

import httpx

from nango_tools.errors import Call, InvalidInput, MalformedResponse, NangoError, NetworkFailure, Outcome, TimedOut

# httpx's own, and what a transport that was handed in may let through.
TRANSPORT_FAILURES = (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL, httpx.CookieConflict, OSError)

# What httpx raises because the request cannot be formed: it would be the same again.
_CANNOT_BE_SENT = (httpx.UnsupportedProtocol, httpx.LocalProtocolError, httpx.InvalidURL, httpx.CookieConflict)
# What it raises before a byte of the request is on its way. Everything else may come after.
_BEFORE_SENDING = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)


def from_network(error: Exception, call: Call) -> NangoError:
    """The error for anything in TRANSPORT_FAILURES. Its text is kept, the object is not: it holds the request's headers."""
    kind = type(error).__name__
    detail = f"{kind}: {error}" if str(error) else kind
    if isinstance(error, _CANNOT_BE_SENT):
        return InvalidInput(f"the request cannot be sent ({detail})", call=call, outcome=Outcome.NOT_SENT)
    outcome = Outcome.NOT_SENT if isinstance(error, _BEFORE_SENDING) else Outcome.UNKNOWN
    if isinstance(error, httpx.TimeoutException):
        return TimedOut(f"Nango did not answer in time ({detail})", call=call, outcome=outcome)
    if isinstance(error, httpx.DecodingError):
        return MalformedResponse(f"Nango's answer could not be decoded ({detail})", call=call, outcome=outcome)
    return NetworkFailure(f"the connection to Nango failed ({detail})", call=call, outcome=outcome)
