"""An end user authorizes or refuses an integration: what a connect session turns into."""

import secrets
from datetime import datetime
from typing import Any
from uuid import uuid4

from nango_sandbox.credentials import expiry, from_token_response, secret_of
from nango_sandbox.errors import NangoError
from nango_sandbox.functions.action import Integration
from nango_sandbox.functions.syncing import add_syncs
from nango_sandbox.providers.verification import verify
from nango_sandbox.services import Services
from nango_sandbox.store.connections import Connection
from nango_sandbox.store.sessions import ConnectSession


async def granted(
    services: Services, integration: Integration, session: ConnectSession | None = None
) -> dict[str, Any]:
    """Credentials as if the end user had just got them: tokens of the provider, or a key of their own."""
    match integration.auth_mode:
        case "NONE":
            return {}
        case "API_KEY":
            return {"type": "API_KEY", "apiKey": f"sandbox-key-{secrets.token_hex(16)}"}
        case "BASIC":
            return {"type": "BASIC", "username": "sandbox", "password": secrets.token_hex(16)}
        case _:
            scopes = scopes_of(session, integration) if session is not None else integration.scopes
            response = await services.authority.grant(integration.provider, scopes)
            return from_token_response(services, response)


def scopes_of(session: ConnectSession, integration: Integration) -> tuple[str, ...]:
    """What is asked for at the provider: the integration's scopes, or those that the session has in their place."""
    override = session.defaults(integration.key).connection_config.get("oauth_scopes_override")
    return tuple(override.split(",")) if isinstance(override, str) and override else integration.scopes


async def store_connection(
    services: Services,
    integration: Integration,
    credentials: dict[str, Any],
    *,
    connection_id: str | None = None,
    tags: dict[str, str],
    verified: bool = False,
    **fields: Any,
) -> Connection:
    """Add a connection or put it over the one with that id, and send the webhook that tells of it.

    verified: the credentials are known to be good, so that no provider is asked

    Raises NangoError 400 for credentials that the provider was asked about and does not know.
    """
    now = services.clock.now()
    wanted = Connection(
        connection_id=connection_id or str(uuid4()),
        integration=integration.key,
        provider=integration.provider,
        auth_mode=integration.auth_mode,
        tags=tags,
        credentials={} if integration.auth_mode == "NONE" else credentials,
        created_at=now,
        updated_at=now,
        last_fetched_at=None if integration.auth_mode == "NONE" else now,
        **fields,
    )
    if not verified:
        await verify(services, wanted)
    stored, operation = await services.connections.put(wanted)
    if secret := secret_of(stored):
        await services.authority.learn(stored.provider, secret, expiry(stored))
    services.webhooks.connected(stored, operation)
    await add_syncs(services, stored)
    return stored


async def authorize(
    services: Services,
    session: ConnectSession,
    integration: Integration,
    credentials: dict[str, Any],
    connection_config: dict[str, Any] | None = None,
) -> Connection:
    """A new connection with the session's tags; a reconnect session renews its connection, and its tags with it.

    Raises NangoError if the session does not allow the integration, or its connection was deleted meanwhile.
    """
    await check(services, session, integration)
    config = {**(connection_config or {}), **session.defaults(integration.key).connection_config}
    config.pop("webhook_url", None)  # where webhooks go is the backend's to say, and the session has it
    return await store_connection(
        services,
        integration,
        credentials,
        connection_id=session.reconnects,
        tags=session.tags,
        end_user=session.end_user,
        webhook_url_override=session.webhook_url_override,
        connection_config=config,
    )


async def deny(services: Services, session: ConnectSession, integration: Integration) -> None:
    """Nothing is stored, and the connection that was to be renewed stays as it is."""
    await check(services, session, integration)
    services.webhooks.denied(integration, session.reconnects or str(uuid4()), session.webhook_url_override)


async def check(services: Services, session: ConnectSession, integration: Integration) -> None:
    """Raises NangoError 400 for an integration that the session does not allow, or has nothing to renew of."""
    if not session.allows(integration.key):
        raise NangoError(400, "integration_not_allowed")
    if session.reconnects and not await services.connections.get(session.reconnects, integration.key):
        raise NangoError(400, "invalid_connection")


async def expire(services: Services, connection: Connection) -> datetime:
    """The connection's secret dies now. Where there is a refresh token, its next use renews it.

    Raises ValueError for a connection without credentials.
    """
    now = await services.authority.expire(connection.provider, _secret(connection))
    if connection.auth_mode not in ("API_KEY", "BASIC"):
        ended = now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        credentials = {**connection.credentials, "expires_at": ended}
        await services.connections.change(connection.connection_id, connection.integration, credentials=credentials)
    return now


async def revoke(services: Services, connection: Connection) -> None:
    """The end user removes the app at the provider: the connection's secret and its refresh token are dead.

    Nango does not know it: the app answers 401 until the token expires, then its refresh fails. Raises ValueError for a
    connection without credentials.
    """
    await services.authority.revoke(connection.provider, _secret(connection))


def _secret(connection: Connection) -> str:
    secret = secret_of(connection)
    if not secret:
        message = f"Connection {connection.connection_id} of {connection.integration} has no credentials."
        raise ValueError(message)
    return secret
