"""Making, changing and deleting integrations: the rules of it, whether REST or the Management MCP asks."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import JsonValue

from nango_sandbox.services import Services
from nango_sandbox.store.integrations import KeyTakenError, StoredIntegration

Reason = Literal[
    "unknown",
    "unknown_provider",
    "incompatible_credentials",
    "missing_credentials",
    "exists",
    "has_connections",
    "no_shared_app",
    "no_app_needed",
]

NEED_CREDENTIALS = ("OAUTH1", "OAUTH2", "APP", "CUSTOM")
SHARED_APPS = ("OAUTH1", "OAUTH2")


class IntegrationRefusedError(Exception):
    def __init__(self, reason: Reason, key: str) -> None:
        super().__init__(f"{reason}: {key}")
        self.reason: Reason = reason
        self.key = key


async def create(
    services: Services,
    *,
    key: str,
    provider: str,
    display_name: str | None = None,
    credentials: dict[str, JsonValue] | None = None,
    shared_app: bool = False,
    forward_webhooks: bool = True,
    custom: Mapping[str, str] | None = None,
) -> StoredIntegration:
    """Add an integration. `shared_app` takes Nango's own OAuth app, which the sandbox has for every OAuth provider of its table.

    Raises IntegrationRefusedError, in the order in which a real server looks.
    """
    known = services.providers.get(provider)
    if known is None:
        raise IntegrationRefusedError("unknown_provider", key)
    if shared_app:
        if known.auth_mode not in SHARED_APPS:
            raise IntegrationRefusedError("no_app_needed", key)
    elif credentials is not None:
        if credentials["type"] != known.auth_mode:
            raise IntegrationRefusedError("incompatible_credentials", key)
    elif known.auth_mode in NEED_CREDENTIALS:
        raise IntegrationRefusedError("missing_credentials", key)
    if key in services.integrations:
        raise IntegrationRefusedError("exists", key)
    if shared_app:
        if known.authorization_url is None:
            raise IntegrationRefusedError("no_shared_app", key)
        credentials = {"type": known.auth_mode, "client_id": "", "client_secret": ""}
    now = services.clock.now()
    made = StoredIntegration(
        key=key,
        provider=provider,
        display_name=display_name or known.display_name,
        auth_mode=known.auth_mode,
        scopes=_scopes(credentials) or known.default_scopes,
        credentials=credentials,
        custom=dict(custom or {}),
        forward_webhooks=forward_webhooks,
        created_at=now,
        updated_at=now,
    )
    try:
        await services.integrations.add(made)
    except KeyTakenError as error:
        raise IntegrationRefusedError("exists", key) from error
    return made


async def update(
    services: Services,
    key: str,
    *,
    new_key: str | None = None,
    display_name: str | None = None,
    credentials: dict[str, JsonValue] | None = None,
    forward_webhooks: bool | None = None,
    custom: Mapping[str, str] | None = None,
) -> StoredIntegration:
    """Change what is given. An empty value in `custom` takes its key away. Raises IntegrationRefusedError."""
    if key not in services.integrations:
        raise IntegrationRefusedError("unknown", key)
    held = services.integrations.stored(key)
    changes: dict[str, Any] = {"updated_at": services.clock.now()}
    if credentials is not None:
        if credentials["type"] != held.auth_mode:
            raise IntegrationRefusedError("incompatible_credentials", key)
        changes["credentials"] = {**(held.credentials or {}), **credentials}
        if "scopes" in credentials:
            changes["scopes"] = _scopes(credentials)
    if new_key is not None and new_key != key:
        if new_key in services.integrations:
            raise IntegrationRefusedError("exists", new_key)
        if any(each.integration == key for each in await services.connections.newest_first()):
            raise IntegrationRefusedError("has_connections", key)
        changes["key"] = new_key
    if display_name is not None:
        changes["display_name"] = display_name
    if forward_webhooks is not None:
        changes["forward_webhooks"] = forward_webhooks
    if custom is not None:
        changes["custom"] = {name: value for name, value in {**held.custom, **custom}.items() if value}
    try:
        return await services.integrations.change(key, **changes)
    except KeyTakenError as error:
        raise IntegrationRefusedError("exists", new_key or key) from error
    except KeyError as error:
        raise IntegrationRefusedError("unknown", key) from error


async def delete(services: Services, key: str) -> None:
    """Its connections end with it. Raises IntegrationRefusedError."""
    if not await services.integrations.delete(key):
        raise IntegrationRefusedError("unknown", key)


def _scopes(credentials: Mapping[str, JsonValue] | None) -> tuple[str, ...]:
    sent = (credentials or {}).get("scopes")
    return tuple(sent.split(",")) if isinstance(sent, str) and sent else ()
