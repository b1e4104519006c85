"""/proxy: a provider's own API, with the credentials of a connection that Nango puts in."""

import re
from collections.abc import Mapping, Sequence
from typing import Literal, NotRequired, TypedDict, Unpack
from urllib.parse import unquote

from nango_tools.errors import Call, InvalidInput, Outcome
from nango_tools.failures import from_response, is_nangos_own
from nango_tools.http import Http, connection_headers, encode_json
from nango_tools.models.proxy import ProxyResponse
from nango_tools.resources.queries import parameters, within

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
Params = Mapping[str, str | float | bool | Sequence[str | float | bool] | None]

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)


class Options(TypedDict):
    """The arguments of Proxy.request beside method and path."""

    connection_id: str
    integration_id: str
    params: NotRequired[Params | None]
    json: NotRequired[object]
    content: NotRequired[bytes | None]
    headers: NotRequired[Mapping[str, str] | None]
    base_url_override: NotRequired[str | None]
    retries: NotRequired[int | None]


class Proxy:
    """Every method takes the same: see `request`. GET counts as a read and may be sent again, the others are writes."""

    def __init__(self, http: Http) -> None:
        self._http = http

    async def request(
        self,
        method: Method,
        path: str,
        *,
        connection_id: str,
        integration_id: str,
        params: Params | None = None,
        json: object = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        base_url_override: str | None = None,
        retries: int | None = None,
    ) -> ProxyResponse:
        """{method} /proxy/{path}: whatever the provider answered, errors too; ProxyResponse.raise_for_status raises.

        path: below the provider's base URL, without a query. params: the query; a sequence repeats its name.
        json, content: the body, one of them; Nango reads a form and sends it on as JSON
        headers: for the provider. They travel under a prefix, so none takes the place of one of ours.
        base_url_override: in place of the provider's base URL; the Nango server may refuse it
        retries: how often Nango itself repeats what the provider answered with an error, writes too: 0 to 10, default 0

        Raises for what is Nango's own error, and not the provider's: UnknownConnection, UnknownIntegration,
        ReauthorizationRequired, RateLimited, InvalidInput and the like; a provider's answer that looks the same cannot
        be told apart. A provider that cannot be reached is a ProxyResponse of status 500: Nango makes up its body.
        """
        call = Call(f"{method} {path!r} through the proxy", connection_id, integration_id, writes=method != "GET")
        all_headers = connection_headers(call, connection_id, integration_id)
        for name, value in (headers or {}).items():
            all_headers[f"Nango-Proxy-{_header_name(name, call)}"] = _header_value(name, value, call)
        if base_url_override is not None:
            all_headers["Base-Url-Override"] = _header_value("base_url_override", base_url_override, call)
        if retries is not None:
            all_headers["Retries"] = str(within(call, "retries", retries, 0, 10))
        if json is not None and content is not None:
            raise _refused(call, "json and content are both given")
        body = encode_json(json, call).get_secret_value() if json is not None else content
        response = await self._http.exchange(
            method,
            _path(path, call),
            call,
            query=parameters(call, params or {}),
            headers=all_headers,
            content=body,
            content_type=_content_type(headers or {}, json=json is not None) if body is not None else None,
        )
        if is_nangos_own(response):
            raise from_response(response, call)
        return ProxyResponse(response.status_code, response.headers, response.content, call)

    async def get(self, path: str, **options: Unpack[Options]) -> ProxyResponse:
        """GET /proxy/{path}: see `request`. A read, which may be sent again."""
        return await self.request("GET", path, **options)

    async def post(self, path: str, **options: Unpack[Options]) -> ProxyResponse:
        """POST /proxy/{path}: see `request`. A write."""
        return await self.request("POST", path, **options)

    async def put(self, path: str, **options: Unpack[Options]) -> ProxyResponse:
        """PUT /proxy/{path}: see `request`. A write."""
        return await self.request("PUT", path, **options)

    async def patch(self, path: str, **options: Unpack[Options]) -> ProxyResponse:
        """PATCH /proxy/{path}: see `request`. A write."""
        return await self.request("PATCH", path, **options)

    async def delete(self, path: str, **options: Unpack[Options]) -> ProxyResponse:
        """DELETE /proxy/{path}: see `request`. A write."""
        return await self.request("DELETE", path, **options)


def _path(path: str, call: Call) -> str:
    """Dots would lead out of /proxy, to Nango's own API with our key; a scheme to another host."""
    if any(segment.strip() in (".", "..") for segment in re.split(r"[/\\]", unquote(path))):
        raise _refused(call, f"the path {path!r} leads elsewhere")
    if _ELSEWHERE.match(path.lstrip("/")):
        raise _refused(call, "the path is a whole address; give the host as base_url_override")
    if any(character in path for character in "?#\\") or not path.isprintable():
        raise _refused(call, f"the path {path!r} is not only a path; a query belongs into params")
    return "/proxy/" + path.lstrip("/")


def _content_type(headers: Mapping[str, str], *, json: bool) -> str:
    given = next((value for name, value in headers.items() if name.lower() == "content-type"), None)
    return given or ("application/json" if json else "application/octet-stream")


def _header_name(name: str, call: Call) -> str:
    if not isinstance(name, str) or not _HEADER_NAME.fullmatch(name):
        raise _refused(call, f"{name!r} is no name of a header")
    return name


def _header_value(name: str, value: str, call: Call) -> str:
    if not isinstance(value, str) or not value.isascii() or not value.isprintable() or value != value.strip():
        raise _refused(call, f"the value of {name!r} cannot be sent in a header")
    return value


def _refused(call: Call, problem: str) -> InvalidInput:
    return InvalidInput(problem, call=call, outcome=Outcome.NOT_SENT)
