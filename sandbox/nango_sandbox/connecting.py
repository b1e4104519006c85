"""An end user authorizes or refuses an integration: what a connect session turns into."""

import secrets
from datetime import timedelta
from typing import Any
from uuid import uuid4

from nango_sandbox.errors import NangoError
from nango_sandbox.functions.action import Integration
from nango_sandbox.services import Services
from nango_sandbox.store.connections import Connection
from nango_sandbox.store.sessions import ConnectSession


def granted_token(services: Services) -> dict[str, Any]:
    """What an OAuth 2 provider hands out. It opens nothing: the apps live in this sandbox."""
    expires_at = services.clock.now() + timedelta(days=365)
    return {
        "type": "OAUTH2",
        "access_token": f"sandbox-access-{secrets.token_hex(16)}",
        "refresh_token": f"sandbox-refresh-{secrets.token_hex(16)}",
        "expires_at": expires_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }


async def store_connection(
    services: Services,
    integration: Integration,
    credentials: dict[str, Any],
    *,
    connection_id: str | None = None,
    tags: dict[str, str],
    **fields: Any,
) -> Connection:
    """Add a connection or put it over the one with that id, and send the webhook that tells of it."""
    now = services.clock.now()
    stored, operation = await services.connections.put(
        Connection(
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
    )
    services.webhooks.connected(stored, operation)
    return stored


async def authorize(
    services: Services, session: ConnectSession, integration: Integration, credentials: dict[str, Any]
) -> Connection:
    """A new connection with the session's tags; a reconnect session renews its connection, and its tags with it.

    Raises NangoError if the session does not allow the integration, or its connection was deleted meanwhile.
    """
    await _check(services, session, integration)
    return await store_connection(
        services,
        integration,
        credentials,
        connection_id=session.reconnects,
        tags=session.tags,
        end_user=session.end_user,
        webhook_url_override=session.webhook_url_override,
    )


async def deny(services: Services, session: ConnectSession, integration: Integration) -> None:
    """Nothing is stored, and the connection that was to be renewed stays as it is."""
    await _check(services, session, integration)
    services.webhooks.denied(integration, session.reconnects or str(uuid4()), session.webhook_url_override)


async def _check(services: Services, session: ConnectSession, integration: Integration) -> None:
    if not session.allows(integration.key):
        raise NangoError(400, "integration_not_allowed")
    if session.reconnects and not await services.connections.get(session.reconnects, integration.key):
        raise NangoError(400, "unknown_connection", "The connection to renew does not exist any more.")
