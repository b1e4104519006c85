"""/proxy/{path}: requests to an app's own API with the connection's credentials.

The app's answer goes through as it is, status included. Nango's own refusals are told by `error.code`.
"""

import json
import re
from typing import Any
from urllib.parse import parse_qsl

import httpx
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from nango_sandbox.api.actions import CONNECTION_HEADERS
from nango_sandbox.api.auth import with_api_key
from nango_sandbox.api.validation import closed, read_headers
from nango_sandbox.credentials import RefreshFailedError, fetch
from nango_sandbox.errors import NangoError, issue
from nango_sandbox.providers.upstreams import UnknownUpstreamError, open_upstreams
from nango_sandbox.services import Services
from nango_sandbox.store.connections import Connection

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
PREFIX = b"nango-proxy-"
MOST_RETRIES = 20
FIRST_WAIT = 3.0
"""Seconds before the first retry; each next wait is twice as long."""

_SWITCH = {"enum": ["true", "false"]}
_HEADERS = closed(
    {
        **CONNECTION_HEADERS["properties"],
        "decompress": _SWITCH,
        "retry-on": {"type": "string", "pattern": r"^\d+(,\d+)*$"},
        "forward-headers-on-redirect": _SWITCH,
        "nango-is-sync": _SWITCH,
        "nango-is-dry-run": _SWITCH,
    },
    *CONNECTION_HEADERS["required"],
)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d{1,3})?", re.IGNORECASE | re.ASCII)
_URL = re.compile(r"(https?://[^/?#\s]|(?!https?:)[a-z][a-z0-9+.-]*:)\S*", re.IGNORECASE | re.ASCII)

_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "trailer", "upgrade"}
_FAILURES = {
    ConnectionRefusedError: "ECONNREFUSED",
    ConnectionResetError: "ECONNRESET",
    TimeoutError: "ETIMEDOUT",
}


async def proxy(request: Request) -> Response:
    services = await with_api_key(request, "proxy")
    headers, retries = _read(request)
    key = headers["provider-config-key"]
    integration = services.integrations.get(key)
    if integration is None:
        message = (
            "Provider config not found for the given provider config key. "
            "Please make sure the provider config exists in the Nango dashboard."
        )
        raise NangoError(404, "unknown_provider_config", message)
    connection = await services.connections.get(headers["connection-id"], key)
    if connection is None:
        raise NangoError(400, "server_error", "Failed to get connection")
    connection = await _fetched(services, connection)
    provider = services.providers.of(integration)
    base_url = request.headers.get("base-url-override") or provider.base_url(connection.connection_config)
    content, content_type = await _content(request)
    outgoing = {
        **_bytes(provider.headers(connection.credentials, connection.connection_config)),
        **_bytes({"content-type": content_type} if content_type else {}),
        **{name[len(PREFIX) :]: value for name, value in request.headers.raw if name.startswith(PREFIX)},
    }
    try:
        url = httpx.URL((base_url or "").rstrip("/") + _path(request))
        async with open_upstreams(services, connection) as http:
            sent = http.build_request(request.method, url, headers=outgoing, content=content)
            answer = await _answer(services, http, sent, retries, _retried_statuses(request))
            return await _passed_on(answer, decompress=request.headers.get("decompress") == "true")
    except (UnknownUpstreamError, httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
        message = "This outbound URL is not allowed by server configuration."
        raise NangoError(400, "base_url_override_not_allowed", message) from error
    except (httpx.TooManyRedirects, httpx.DecodingError) as error:
        code = "ERR_FR_TOO_MANY_REDIRECTS" if isinstance(error, httpx.TooManyRedirects) else "ERR_BAD_RESPONSE"
        return JSONResponse({"message": str(error), "code": code, "method": request.method.lower()}, 500)
    except OSError as error:
        code = _FAILURES.get(type(error), "ECONNRESET")
        message = f"connect {code} {url.host}:{url.port or {'https': 443}.get(url.scheme, 80)}"
        return JSONResponse({"message": message, "code": code, "method": request.method.lower()}, 500)


def _bytes(headers: dict[str, str]) -> dict[bytes, bytes]:
    """Credentials may hold any text; httpx takes only ASCII from a str."""
    return {name.encode("latin-1"): value.encode() for name, value in headers.items()}


def _read(request: Request) -> tuple[dict[str, str], int]:
    """The headers that Nango reads, and how often to ask again. Raises NangoError 400 with every finding."""
    headers: dict[str, str] = {}
    findings: list[dict[str, Any]] = []
    try:
        headers = read_headers(request, _HEADERS)
    except NangoError as error:
        findings = error.error["errors"]
    sent = request.headers.get("retries", "").strip() or "0"
    retries = float(sent) if _NUMBER.fullmatch(sent) else None
    if retries is None:
        findings.append(issue("invalid_type", "Invalid input: expected number, received NaN", "retries"))
    elif retries > MOST_RETRIES:
        findings.append(issue("too_big", f"Too big: expected number to be <={MOST_RETRIES}", "retries"))
    base_url = request.headers.get("base-url-override")
    if base_url and not _URL.fullmatch(base_url):
        findings.append(issue("invalid_union", "Invalid input", "base-url-override"))
    if findings or retries is None:
        raise NangoError(400, "invalid_headers", errors=findings)
    return headers, max(0, int(retries))


def _retried_statuses(request: Request) -> set[int]:
    """Those that the caller names, beside 429 and everything from 500."""
    return {int(each) for each in request.headers.get("retry-on", "").split(",") if each.strip().isdecimal()}


async def _fetched(services: Services, connection: Connection) -> Connection:
    try:
        return await fetch(services, connection)
    except RefreshFailedError as error:
        if error.backing_off:
            raise NangoError(424, "connection_refresh_backoff", error.message) from error
        message = f"Failed to get connection credentials: '{error.message}'"
        raise NangoError(400, "server_error", message) from error


def _path(request: Request) -> str:
    """Path and query as they were sent, escapes included."""
    raw: bytes = request.scope["raw_path"]
    path = raw.decode("ascii").partition("?")[0].removeprefix("/proxy") or "/"
    query = request.scope["query_string"].decode("ascii")
    return f"{path}?{query}" if query else path


async def _content(request: Request) -> tuple[bytes | None, str | None]:
    """The body for the app and its type. Forms become JSON, as a real server turns everything that it can parse into it."""
    raw = await request.body()
    content_type = request.headers.get("content-type")
    if not raw or request.method in ("GET", "HEAD"):
        return None, None
    match (content_type or "").partition(";")[0].strip().lower():
        case "application/json":
            try:
                value: Any = json.loads(raw)
            except ValueError as error:
                raise NangoError(400, "invalid_json", "The body is not JSON.") from error
        case "application/x-www-form-urlencoded":
            value = dict(parse_qsl(raw.decode(errors="replace"), keep_blank_values=True))
        case _:
            return raw, content_type
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode(), "application/json"


async def _answer(
    services: Services, http: httpx.AsyncClient, request: httpx.Request, retries: int, retried: set[int]
) -> httpx.Response:
    """The app's answer, the last one if it had to be asked again. Raises OSError if the last attempt got none."""
    for attempt in range(retries + 1):
        wait = FIRST_WAIT * 2**attempt
        try:
            answer = await http.send(request, stream=True)
        except OSError:
            if attempt == retries:
                raise
        else:
            again = answer.status_code >= 500 or answer.status_code == 429 or answer.status_code in retried
            if not again or attempt == retries:
                return answer
            told = answer.headers.get("retry-after", "")
            wait = float(told) if told.isdecimal() else wait
            await answer.aclose()
        await services.clock.sleep(wait)
    raise AssertionError  # the last attempt returns or raises


async def _passed_on(answer: httpx.Response, *, decompress: bool) -> Response:
    if decompress:
        body, dropped = await answer.aread(), {*_HOP_BY_HOP, "content-encoding"}
    else:
        body, dropped = b"".join([each async for each in answer.aiter_raw()]), _HOP_BY_HOP
    response = Response(body, answer.status_code)
    response.raw_headers = [
        (name.lower(), value) for name, value in answer.headers.raw if name.decode("latin-1").lower() not in dropped
    ]
    if answer.status_code not in (204, 304):
        response.headers["content-length"] = str(len(body))
    return response


routes = [
    Route("/proxy", proxy, methods=METHODS),
    Route("/proxy/{path:path}", proxy, methods=METHODS),
]
