"""The credentials of a connection, fit for use: refreshed when they have expired, or the refusal that a real server gives.

`fetch` is what `GET /connections/{id}` and the proxy do, `usable` what a function does that calls the app's API.
"""

import secrets
from datetime import datetime, timedelta
from typing import Any

from nango_sandbox.api.connection_body import full
from nango_sandbox.errors import NangoError
from nango_sandbox.functions.failures import UpstreamFailed
from nango_sandbox.providers.authority import ProviderRefusedError
from nango_sandbox.services import Services
from nango_sandbox.store.connections import Connection

BACK_OFF = timedelta(seconds=30)
"""After a refresh that failed, no other one is tried for so long, unless it is forced."""

REFUSED = "The external API returned an error when trying to refresh the access token. Please try again later."
BACKING_OFF = "A recent refresh attempt failed. Backing off before retrying."


class RefreshFailedError(Exception):
    """The end user has to authorize again. `connection` is as it was answered, with the error that names it."""

    def __init__(self, connection: Connection, *, backing_off: bool) -> None:
        self.message = BACKING_OFF if backing_off else REFUSED
        super().__init__(self.message)
        self.connection = connection
        self.backing_off = backing_off

    def to_nango_error(self) -> NangoError:
        """What `GET /connections/{id}` answers."""
        payload = {"connection": full(self.connection, credentials={})}
        return NangoError(424 if self.backing_off else 400, "invalid_credentials", self.message, payload=payload)


async def fetch(services: Services, connection: Connection, *, force: bool = False) -> Connection:
    """The connection with credentials that have not expired, as far as there is a refresh token; `force` renews them
    anyway. Raises RefreshFailedError.
    """
    async with services.refreshing:
        now = services.clock.now()
        held = await services.connections.change(connection.connection_id, connection.integration, last_fetched_at=now)
        if held is None:
            raise NangoError(404, "not_found", "Failed to find connection")
        refresh_token = held.credentials.get("refresh_token")
        ends = expiry(held)
        if not isinstance(refresh_token, str) or not (force or (ends is not None and ends <= now)):
            return held
        if not force and held.refresh_failed_at is not None and now < held.refresh_failed_at + BACK_OFF:
            raise RefreshFailedError(held, backing_off=True)
        return await _refresh(services, held, refresh_token, now)


async def usable(services: Services, connection: Connection) -> Connection:
    """The connection for a function that calls the app's API.

    Raises UpstreamFailed (424) as a function does that lets errors through: with Nango's answer where the credentials
    cannot be refreshed, with the app's own 401 where they are dead.
    """
    try:
        fetched = await fetch(services, connection)
    except RefreshFailedError as error:
        refusal = error.to_nango_error()
        raise UpstreamFailed(refusal.status, _sorted(refusal.body), services.rate_limits.count_function()) from error
    if fetched.auth_mode != "NONE" and not await services.authority.accepts(secret_of(fetched), fetched.provider):
        raise UpstreamFailed(401, {"message": "Bad credentials", "status": "401"})
    return fetched


def secret_of(connection: Connection) -> str:
    """What opens the app: the access token, the API key, or `username:password`. Empty if there is nothing."""
    held = connection.credentials
    if connection.auth_mode == "BASIC":
        return f"{held.get('username', '')}:{held.get('password', '')}"
    return str(held.get("apiKey" if connection.auth_mode == "API_KEY" else "access_token") or "")


def from_token_response(services: Services, raw: dict[str, Any]) -> dict[str, Any]:
    """Credentials as Nango keeps them: the provider's answer, and what Nango makes of it."""
    credentials = {"type": "OAUTH2", "access_token": raw["access_token"]}
    if "refresh_token" in raw:
        credentials["refresh_token"] = raw["refresh_token"]
    if "expires_in" in raw:
        expires_at = services.clock.now() + timedelta(seconds=raw["expires_in"])
        credentials["expires_at"] = expires_at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {**credentials, "raw": raw}


def expiry(connection: Connection) -> datetime | None:
    """When the secret dies by itself; None if nothing tells."""
    expires_at = connection.credentials.get("expires_at")
    return datetime.fromisoformat(expires_at) if isinstance(expires_at, str) else None


async def _refresh(services: Services, held: Connection, refresh_token: str, now: datetime) -> Connection:
    others = [each for each in held.errors if each["type"] != "auth"]
    try:
        raw = await services.authority.refresh(held.provider, refresh_token)
    except ProviderRefusedError as refusal:
        log_id = f"{int(now.timestamp() * 1000)}_{secrets.token_hex(4)}"
        failed = await services.connections.change(
            held.connection_id,
            held.integration,
            errors=[*others, {"type": "auth", "log_id": log_id}],
            refresh_failed_at=now,
            updated_at=now,
        )
        services.webhooks.refresh_failed(held, REFUSED)
        raise RefreshFailedError(failed or held, backing_off=False) from refusal
    renewed = await services.connections.change(
        held.connection_id,
        held.integration,
        credentials=from_token_response(services, raw),
        errors=others,
        refresh_failed_at=None,
        updated_at=now,
    )
    if renewed is None:
        raise NangoError(404, "not_found", "Failed to find connection")
    return renewed


def _sorted(value: Any) -> Any:
    """A function's failure comes with its keys in order, as the server that keeps it as JSONB gives it back."""
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(each) for each in value] if isinstance(value, list) else value
