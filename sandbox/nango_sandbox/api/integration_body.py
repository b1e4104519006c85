"""Integrations as they come in and go out: what requests may hold, what answers show."""

from collections.abc import Collection, Iterable
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from nango_sandbox.api.connection_body import wire_time
from nango_sandbox.api.names import INTEGRATION_KEY, WORD
from nango_sandbox.api.validation import closed
from nango_sandbox.services import Services
from nango_sandbox.store.integrations import StoredIntegration

_LINE = {"type": "string", "minLength": 1, "maxLength": 255}
_TEXT = {"type": "string", "minLength": 1}
_SCOPE = "[0-9a-zA-Z:/_.*-]+"

KEY = INTEGRATION_KEY
PROVIDER = WORD
DISPLAY_NAME = _LINE
FORWARD_WEBHOOKS = {"type": "boolean"}
CONFIG = {
    "type": "object",
    "propertyNames": {"type": "string"},
    "additionalProperties": {"type": "string", "maxLength": 8192},
}
CUSTOM = {"type": "object", "propertyNames": {"type": "string"}, "additionalProperties": {"type": "string"}}

_CLIENT = {"client_id": _LINE, "client_secret": _TEXT}
_APP = {
    "app_id": _LINE,
    "app_link": _TEXT,
    "private_key": {
        "type": "string",
        "allOf": [
            {"pattern": "^-----BEGIN RSA PRIVATE KEY----.*"},
            {"pattern": ".*-----END RSA PRIVATE KEY-----$"},
        ],
    },
}


def _of(modes: tuple[str, ...], required: dict[str, Any], **optional: Any) -> dict[str, Any]:
    return closed({"type": {"type": "string", "enum": list(modes)}, **required, **optional}, "type", *required)


_OAUTH = _of(
    ("OAUTH1", "OAUTH2", "TBA"),
    _CLIENT,
    scopes={"anyOf": [{"type": "string", "pattern": f"^{_SCOPE}(,{_SCOPE})*$"}, {"type": "string", "maxLength": 0}]},
    webhook_secret={"type": "string", "minLength": 0, "maxLength": 255},
)
CREDENTIALS = {"anyOf": [_OAUTH, _of(("APP",), _APP), _of(("CUSTOM",), {**_CLIENT, **_APP})]}
"""For each auth mode that has an app of the developer's own."""


def credentials_schema(body: Any) -> dict[str, Any]:
    """The one of the credentials' schemas that a body calls for by its type, so that findings tell what is wrong."""
    sent = body.get("credentials") if isinstance(body, dict) else None
    if not isinstance(sent, dict):
        return {"type": "object"}
    for each in CREDENTIALS["anyOf"]:
        if sent.get("type") in each["properties"]["type"]["enum"]:
            return each
    unknown = {"not": {}, "message": "invalid credentials object"}
    return {"type": "object", "required": ["type"], "properties": {"type": unknown}}


def listed(services: Services, keys: Iterable[str]) -> list[StoredIntegration]:
    """In the order in which a real server lists them: by provider, then by age."""
    stored = [services.integrations.stored(key) for key in keys]
    return sorted(stored, key=lambda each: (each.provider, each.created_at))


def public(services: Services, integration: StoredIntegration, include: Collection[str] = ()) -> dict[str, Any]:
    """What the API shows of an integration; credentials only where `include` names them."""
    shown: dict[str, Any] = {
        "unique_key": integration.key,
        "provider": integration.provider,
        "display_name": integration.display_name,
        "logo": logo(services, integration.provider),
    }
    if "webhook" in include:
        shown["webhook_url"] = _webhook_url(services, integration)
    if "credentials" in include:
        shown["credentials"] = _credentials(integration)
    return shown | {
        "forward_webhooks": integration.forward_webhooks,
        "created_at": wire_time(integration.created_at, "Z"),
        "updated_at": wire_time(integration.updated_at, "Z"),
    }


def logo(services: Services, provider: str) -> str:
    return f"{services.base_url}/images/template-logos/{provider}.svg"


def _webhook_url(services: Services, integration: StoredIntegration) -> str | None:
    """Where the provider would send its events; null for a provider whose events Nango cannot route."""
    provider = services.providers.get(integration.provider)
    if provider is None or provider.webhook_routing_script is None:
        return None
    environment = uuid5(NAMESPACE_OID, services.keys.created_at.isoformat())
    return f"{services.base_url}/webhook/{environment}/{integration.key}"


def _credentials(integration: StoredIntegration) -> dict[str, Any] | None:
    held = integration.credentials or {}
    match integration.auth_mode:
        case "OAUTH1" | "OAUTH2" | "TBA":
            names: tuple[str, ...] = ("client_id", "client_secret", "scopes", "webhook_secret")
            held = {"scopes": ",".join(integration.scopes) or None, **held}
        case "APP":
            names = ("app_id", "private_key", "app_link")
        case "CUSTOM":
            names = ("client_id", "client_secret", "app_id", "app_link", "private_key")
        case _:
            return None
    return {"type": integration.auth_mode} | {name: held.get(name) for name in names}
