"""Where a request goes: paths, hosts, and the two headers that name a connection."""

from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import quote, unquote

import httpx

from nango_tools.errors import Call, InvalidInput, Outcome
from nango_tools.settings import NangoSettings

_THIS_MACHINE = "127.0.0.1"


class Target(NamedTuple):
    url: str
    headers: Mapping[str, str]
    extensions: Mapping[str, Any]


def target(path: str, settings: NangoSettings, call: Call) -> Target:
    """`path`, which begins with a slash, at the base URL; or the Management MCP, if it is its URL.

    Nothing else: the API key goes with it. Dots that lead out of the path are refused, also when escaped, and so is a
    query, which has its own way. Names under .localhost are this machine (RFC 6761 6.3), whether the system's
    resolver knows them or not.
    """
    if path == settings.management_mcp_url:
        return _reachable(path)
    segments = unquote(path).replace("\\", "/").split("/")
    if not path.startswith("/") or "." in segments or ".." in segments or "?" in path or "#" in path:
        raise InvalidInput(f"{path!r} is no path on Nango", call=call, outcome=Outcome.NOT_SENT)
    return _reachable(settings.base_url + path)


def _reachable(address: str) -> Target:
    try:
        url = httpx.URL(address)
    except httpx.InvalidURL:
        return Target(address, {}, {})  # sending it fails in the same way, and says why
    if not url.host.lower().endswith(".localhost"):
        return Target(address, {}, {})
    here = str(url.copy_with(host=_THIS_MACHINE))
    return Target(here, {"Host": url.netloc.decode()}, {"sni_hostname": url.host})


def connection_headers(call: Call, connection_id: str, integration_id: str) -> dict[str, str]:
    """The two headers that address a connection, refused where they would not arrive as given."""
    return {
        "Connection-Id": _addressable(call, "connection id", connection_id),
        "Provider-Config-Key": _addressable(call, "integration id", integration_id),
    }


def path_segment(call: Call, name: str, value: str) -> str:
    """`value` as one segment of a path."""
    if _addressable(call, name, value) in (".", ".."):
        raise InvalidInput(f"{value!r} is no {name}", call=call, outcome=Outcome.NOT_SENT)
    return quote(value, safe="")


def _addressable(call: Call, name: str, value: str) -> str:
    """Nango allows printable ASCII only [mcp-auth-and-headers]; spaces at the ends would be lost on the way."""
    if not value or not value.isascii() or not value.isprintable() or value != value.strip():
        raise InvalidInput(f"{value!r} is no {name}", call=call, outcome=Outcome.NOT_SENT)
    return value
