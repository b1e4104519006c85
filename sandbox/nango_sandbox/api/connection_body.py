"""Connections as they come in and go out: what credentials an import may hold, how answers write them."""

from datetime import UTC, datetime
from typing import Any

from nango_sandbox.api.validation import closed
from nango_sandbox.store.connections import Connection

_KIND = {"type": "string"}


def _text(longest: int, shortest: int = 1) -> dict[str, Any]:
    return {"type": "string", "minLength": shortest, "maxLength": longest}


def _credentials(optional: dict[str, Any] | None = None, /, **required: Any) -> dict[str, Any]:
    return closed({"type": _KIND, **required, **(optional or {})}, *required)


_DATE: dict[str, Any] = {}
"""Whatever JavaScript makes a date of; see `connections.import_connection`."""
_OVERRIDE = closed({"client_id": _text(255), "client_secret": _text(2048)})
_APP = _credentials(app_id=_text(255), installation_id=_text(255))
CREDENTIALS = {
    "OAUTH2": _credentials(
        {"refresh_token": _text(4096), "expires_at": _DATE, "config_override": _OVERRIDE}, access_token=_text(4096)
    ),
    "OAUTH2_CC": _credentials(
        {"client_certificate": _text(10_000), "client_private_key": _text(10_000), "expires_at": _DATE},
        token=_text(4096),
        client_id=_text(255),
        client_secret=_text(2048),
    ),
    "OAUTH1": _credentials(oauth_token=_text(2048), oauth_token_secret=_text(2048)),
    "API_KEY": _credentials(apiKey=_text(1024)),
    "BASIC": _credentials(username=_text(1024, 0), password=_text(1024, 0)),
    "NONE": _credentials(),
    "TBA": _credentials(
        {"config_override": _OVERRIDE},
        token_id={"type": "string", "minLength": 1},
        token_secret={"type": "string", "minLength": 1},
    ),
    "APP": _APP,
    "CUSTOM": _APP,
}
NO_KNOWN_TYPE = {"type": "object", "required": ["type"], "properties": {"type": {"not": {}}}}


def wire_time(moment: datetime | None, zone: str = "+00:00") -> str | None:
    """Milliseconds, in UTC; most answers write the zone as an offset, those to an import as `Z`."""
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", zone)


def summary(connection: Connection) -> dict[str, Any]:
    """What a list and a single answer have in common."""
    return {
        "id": connection.id,
        "connection_id": connection.connection_id,
        "provider_config_key": connection.integration,
        "provider": connection.provider,
        "errors": connection.errors,
        "end_user": connection.end_user and connection.end_user.model_dump(),
        "tags": connection.tags,
        "metadata": connection.metadata,
    }


def full(connection: Connection, credentials: dict[str, Any], zone: str = "+00:00") -> dict[str, Any]:
    return summary(connection) | {
        "connection_config": connection.connection_config,
        "webhook_url_override": connection.webhook_url_override,
        "created_at": wire_time(connection.created_at, zone),
        "updated_at": wire_time(connection.updated_at, zone),
        "last_fetched_at": wire_time(connection.last_fetched_at, zone),
        "credentials": credentials,
    }


def credentials_body(connection: Connection, *, refresh_token: bool = True) -> dict[str, Any]:
    """The credentials, for OAuth 2 with what the provider had answered beside them; the refresh token only if wanted."""
    held: dict[str, Any] = dict(connection.credentials)
    if connection.auth_mode != "OAUTH2":
        return held
    raw = dict(held.pop("raw", held))
    if not refresh_token:
        held.pop("refresh_token", None)
        raw.pop("refresh_token", None)
    return {**held, "raw": raw}
