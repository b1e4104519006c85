"""How a connection is written in answers."""

from datetime import UTC, datetime
from typing import Any

from nango_sandbox.store.connections import Connection


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
