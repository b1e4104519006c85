"""The one address rule: a session or a connection may not send webhooks into the server's own machine."""

from ipaddress import ip_address
from urllib.parse import urlsplit

from nango_sandbox.errors import NangoError, issue

WEBHOOK_URL = {"anyOf": [{"type": "string"}]}
NANGO = "api.nango.dev"


def check_webhook_url(url: str) -> None:
    """Raises NangoError 400 for what is no http(s) URL, for loopback, unspecified and link-local hosts, and for Nango.

    An empty text stands for no address.
    """
    if not url:
        return
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        parts, host = urlsplit(""), ""
    if parts.scheme not in ("http", "https") or not host:
        raise NangoError(400, "invalid_body", errors=[issue("invalid_union", "Invalid input", "webhook_url_override")])
    if _is_refused(host):
        found = issue("custom", "This webhook URL is not allowed.", "webhook_url_override")
        raise NangoError(400, "invalid_body", errors=[found])


def _is_refused(host: str) -> bool:
    if host in ("localhost", NANGO) or host.endswith(".localhost"):
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified or address.is_link_local
