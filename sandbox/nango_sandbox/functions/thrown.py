"""What an error becomes that a function raised: the failure that a real server reports of it."""

import json
import socket
from collections.abc import Iterator
from typing import Any

import httpx
from pydantic_core import to_jsonable_python

from nango_sandbox.functions.failures import FunctionFailure, NetworkFailed, ThrownError, UpstreamFailed


def failure_of(error: BaseException) -> FunctionFailure:
    """The failure itself, if it is one that can be told. Those of httpx are as those of a real function's HTTP client."""
    if isinstance(error, FunctionFailure):
        try:
            json_text(error.rest_error())
        except (TypeError, ValueError, RecursionError) as untold:
            return thrown(untold)
        return error
    if isinstance(error, httpx.HTTPStatusError):
        return UpstreamFailed(error.response.status_code, _body(error.response), dict(error.response.headers))
    if isinstance(error, httpx.TransportError | ConnectionError):
        return NetworkFailed(_utf8(str(error)), _code(error))
    return thrown(error)


def thrown(error: BaseException) -> ThrownError:
    return ThrownError(_utf8(str(error)), type(error).__name__)


def json_text(value: Any) -> str:
    """The value as JSON in UTF-8, pydantic models and times too. Raises TypeError, ValueError, RecursionError."""
    text = json.dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":"), default=_plain)
    text.encode()
    return text


def _plain(value: object) -> Any:
    if isinstance(value, set | frozenset | bytes):
        message = f"{type(value).__name__} is not JSON"
        raise TypeError(message)
    return to_jsonable_python(value, by_alias=True)


def _utf8(text: str) -> str:
    """Halves of surrogate pairs become escapes."""
    return text.encode(errors="backslashreplace").decode()


def _body(response: httpx.Response) -> Any:
    try:
        return response.json()
    except ValueError:
        return response.text
    except httpx.ResponseNotRead:
        return None


def _code(error: BaseException) -> str:
    """As Node.js names it."""
    for each in _causes(error):
        if isinstance(each, httpx.TimeoutException | TimeoutError):
            return "ETIMEDOUT"
        if isinstance(each, socket.gaierror):
            return "ENOTFOUND"
        if isinstance(each, ConnectionRefusedError):
            return "ECONNREFUSED"
    return "ECONNREFUSED" if isinstance(error, httpx.ConnectError) else "ECONNRESET"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
