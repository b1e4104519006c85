"""Connect sessions: made by the backend, used by the end user's browser."""

from datetime import UTC
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from nango_sandbox.api.actions import CONNECTION_HEADERS
from nango_sandbox.api.auth import with_api_key, with_session_token
from nango_sandbox.api.tags import END_USER, ORGANIZATION, TAGS, read_end_user, read_tags
from nango_sandbox.api.validation import closed, read_body, refuse_query
from nango_sandbox.api.webhook_url import WEBHOOK_URL, check_webhook_url
from nango_sandbox.errors import NangoError, issue
from nango_sandbox.services import Services
from nango_sandbox.store.connections import EndUser
from nango_sandbox.store.sessions import ConnectSession, Defaults

_TEXT = {"type": "string"}
_KEY = CONNECTION_HEADERS["properties"]["provider-config-key"]
_CONNECTION_ID = CONNECTION_HEADERS["properties"]["connection-id"]
_BOTH = {
    "tags": TAGS,
    "end_user": END_USER,
    "organization": ORGANIZATION,
    "integrations_config_defaults": {
        "type": "object",
        "propertyNames": _KEY,
        "additionalProperties": closed(
            {
                "user_scopes": _TEXT,
                "authorization_params": {"type": "object", "additionalProperties": _TEXT},
                "connection_config": {"type": "object", "properties": {"oauth_scopes_override": _TEXT}},
            }
        ),
    },
    "overrides": {
        "type": "object",
        "propertyNames": _KEY,
        "additionalProperties": {"type": "object", "properties": {"docs_connect": _TEXT}},
    },
    "webhook_url_override": WEBHOOK_URL,
}
_ALLOWED = {"type": "array", "items": _KEY}
_RECONNECT = closed(
    {"connection_id": _CONNECTION_ID, "integration_id": _KEY, **_BOTH}, "connection_id", "integration_id"
)


def _create_schema(body: Any) -> dict[str, Any]:
    """`end_user` is asked for only where there are no tags, which replace it."""
    tagged = isinstance(body, dict) and "tags" in body
    return closed({"allowed_integrations": _ALLOWED, **_BOTH}, *([] if tagged else ["end_user"]))


def connect_link(services: Services, session: ConnectSession) -> str:
    return f"{services.base_url}/connect?session_token={session.token}"


def _answer(services: Services, session: ConnectSession) -> JSONResponse:
    expires_at = session.expires_at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    data = {"token": session.token, "connect_link": connect_link(services, session), "expires_at": expires_at}
    return JSONResponse({"data": data}, 201)


def _webhook_url(body: dict[str, Any]) -> str | None:
    """The session's own address; the deprecated place for it, in an integration's defaults, counts where there is none."""
    defaults = body.get("integrations_config_defaults", {}).values()
    deprecated = (each.get("connection_config", {}).get("webhook_url") for each in defaults)
    url = body.get("webhook_url_override", next(filter(None, deprecated), None))
    if url is not None:
        check_webhook_url(url if isinstance(url, str) else str(url))
    return url or None


def _per_integration(services: Services, body: dict[str, Any]) -> tuple[dict[str, Defaults], dict[str, dict[str, str]]]:
    """The defaults and the overrides. Raises NangoError 400 for integrations that do not exist."""
    sent = {name: body.get(name, {}) for name in ("integrations_config_defaults", "overrides")}
    findings = [
        issue("custom", "Integration does not exist", name, key)
        for name, of_each in sent.items()
        for key in of_each
        if key not in services.integrations
    ]
    if findings:
        raise NangoError(400, "invalid_body", errors=findings)
    defaults = {key: Defaults.model_validate(each) for key, each in sent["integrations_config_defaults"].items()}
    known = ("docs_connect",)
    overrides = {
        key: {name: value for name, value in each.items() if name in known} for key, each in sent["overrides"].items()
    }
    return defaults, overrides


async def create_session(request: Request) -> JSONResponse:
    services = await with_api_key(request, "connect_sessions:write")
    refuse_query(request)
    body = await read_body(request, _create_schema)
    tags, webhook_url = read_tags(body), _webhook_url(body)
    allowed: list[str] = body.get("allowed_integrations", [])
    findings = [
        issue("custom", "Integration does not exist", "allowed_integrations", str(index))
        for index, key in enumerate(allowed)
        if key not in services.integrations
    ]
    if findings:
        raise NangoError(400, "invalid_body", errors=findings)
    defaults, overrides = _per_integration(services, body)
    session = await services.sessions.create(
        tags=tags,
        end_user=read_end_user(body),
        allowed_integrations=tuple(allowed),
        webhook_url_override=webhook_url,
        integrations_config_defaults=defaults,
        overrides=overrides,
    )
    return _answer(services, session)


async def create_reconnect_session(request: Request) -> JSONResponse:
    services = await with_api_key(request, "connect_sessions:write")
    refuse_query(request)
    body = await read_body(request, _RECONNECT)
    tags, webhook_url = read_tags(body), _webhook_url(body)
    connection = await services.connections.get(body["connection_id"], body["integration_id"])
    if connection is None:
        raise NangoError(400, "invalid_body", "ConnectionID or IntegrationId does not exists")
    defaults, overrides = _per_integration(services, body)
    session = await services.sessions.create(
        tags=tags,
        end_user=read_end_user(body) or connection.end_user,
        allowed_integrations=(connection.integration,),
        reconnects=connection.connection_id,
        webhook_url_override=webhook_url,
        integrations_config_defaults=defaults,
        overrides=overrides,
    )
    return _answer(services, session)


async def get_session(request: Request) -> JSONResponse:
    _, session = await with_session_token(request)
    refuse_query(request)
    data: dict[str, Any] = {
        "endUser": session.end_user and _end_user(session.end_user),
        "connectUISettings": {
            "showWatermark": True,
            "defaultTheme": "system",
            "theme": {"light": {"primary": "#00B2E3"}, "dark": {"primary": "#00B2E3"}},
        },
    }
    if session.allowed_integrations:
        data["allowed_integrations"] = list(session.allowed_integrations)
    if session.integrations_config_defaults:
        data["integrations_config_defaults"] = {
            key: each.model_dump(include={"connection_config", "authorization_params"}, exclude_unset=True)
            for key, each in session.integrations_config_defaults.items()
        }
    if session.reconnects is not None:
        data["isReconnecting"] = True
    if session.overrides:
        data["overrides"] = session.overrides
    data["websocketsPath"] = "/"
    return JSONResponse({"data": data})


def _end_user(end_user: EndUser) -> dict[str, Any]:
    shown = end_user.model_dump()
    organization = end_user.organization
    return {
        **{name: shown[name] or None for name in ("id", "display_name", "email", "tags")},
        "organization": organization
        and {"id": organization.get("id"), "display_name": organization.get("display_name")},
    }


async def delete_session(request: Request) -> Response:
    services, session = await with_session_token(request)
    await services.sessions.delete(session.token)
    return Response(status_code=204)


routes = [
    Route("/connect/sessions", create_session, methods=["POST"]),
    Route("/connect/sessions/reconnect", create_reconnect_session, methods=["POST"]),
    Route("/connect/session", get_session, methods=["GET"]),
    Route("/connect/session", delete_session, methods=["DELETE"]),
]
