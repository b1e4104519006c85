"""Where this server is reached: what settings say, and what `langgraph dev` says of itself (LANGGRAPH_API_URL)."""

import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit

from nango_graph.settings import AgentSettings
from nango_tools import SettingsError


def is_loopback(host: str | None) -> bool:
    """A host name or an IP address, without port and brackets."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


def host_of(url: str) -> str | None:
    """In small letters, without port and brackets. None where there is none, or it can't be read."""
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def with_public_url(settings: AgentSettings, environ: Mapping[str, str]) -> AgentSettings:
    """The settings, with the address of `langgraph dev` where they name none: it serves our pages there.

    Only on loopback: elsewhere it says which address it listens at, not by which one it is reached.
    """
    here = environ.get("LANGGRAPH_API_URL", "").rstrip("/")
    if settings.public_url is None and is_loopback(host_of(here)):
        return settings.model_copy(update={"public_url": here})
    return settings


def require_public_url(settings: AgentSettings) -> None:
    """Raises `SettingsError` where links to our own pages can't be made, behind which people log in."""
    if settings.public_url is None:
        raise SettingsError(
            "NANGO_AGENT_PUBLIC_URL is not set: it must be the https:// address by which people reach this server. Without "
            "it they would be sent to Nango by links that anybody can use."
        )
