"""Connect sessions: made by the backend, used by the end user's browser."""

from datetime import UTC
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from nango_sandbox.api.auth import with_api_key, with_session_token
from nango_sandbox.api.tags import END_USER, ORGANIZATION, TAGS, read_end_user, read_tags
from nango_sandbox.api.validation import closed, read_body, refuse_query
from nango_sandbox.api.webhook_url import WEBHOOK_URL, check_webhook_url
from nango_sandbox.errors import NangoError, issue
from nango_sandbox.services import Services
from nango_sandbox.store.sessions import ConnectSession, Defaults

_TEXT = {"type": "string"}
_BOTH = {
    "tags": TAGS,
    "end_user": END_USER,
    "organization": ORGANIZATION,
    "integrations_config_defaults": {
        "type": "object",
        "additionalProperties": closed(
            {
                "user_scopes": _TEXT,
                "authorization_params": {"type": "object", "additionalProperties": _TEXT},
                "connection_config": {"type": "object"},
            }
        ),
    },
    "overrides": {"type": "object", "additionalProperties": closed({"docs_connect": _TEXT})},
    "webhook_url_override": WEBHOOK_URL,
}
_ALLOWED = {"type": "array", "items": _TEXT}
_RECONNECT = closed({"connection_id": _TEXT, "integration_id": _TEXT, **_BOTH}, "connection_id", "integration_id")


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
    url: str | None = body.get("webhook_url_override")
    if url is not None:
        check_webhook_url(url)
    return url


def _defaults(services: Services, body: dict[str, Any]) -> dict[str, Defaults]:
    sent = body.get("integrations_config_defaults", {})
    findings = [
        issue("custom", "Integration does not exist", "integrations_config_defaults", key)
        for key in sent
        if key not in services.integrations
    ]
    if findings:
        raise NangoError(400, "invalid_body", errors=findings)
    return {key: Defaults.model_validate(each) for key, each in sent.items()}


async def create_session(request: Request) -> JSONResponse:
    services = await with_api_key(request, "connect_sessions:write")
    refuse_query(request)
    body = await read_body(request, _create_schema)
    allowed: list[str] = body.get("allowed_integrations", [])
    findings = [
        issue("custom", "Integration does not exist", "allowed_integrations", str(index))
        for index, key in enumerate(allowed)
        if key not in services.integrations
    ]
    if findings:
        raise NangoError(400, "invalid_body", errors=findings)
    session = await services.sessions.create(
        tags=read_tags(body),
        end_user=read_end_user(body),
        allowed_integrations=tuple(allowed),
        webhook_url_override=_webhook_url(body),
        integrations_config_defaults=_defaults(services, body),
    )
    return _answer(services, session)


async def create_reconnect_session(request: Request) -> JSONResponse:
    services = await with_api_key(request, "connect_sessions:write")
    refuse_query(request)
    body = await read_body(request, _RECONNECT)
    connection = await services.connections.get(body["connection_id"], body["integration_id"])
    if connection is None:
        raise NangoError(400, "invalid_body", "ConnectionID or IntegrationId does not exists")
    session = await services.sessions.create(
        tags=read_tags(body),
        end_user=read_end_user(body) or connection.end_user,
        allowed_integrations=(connection.integration,),
        reconnects=connection.connection_id,
        webhook_url_override=_webhook_url(body),
        integrations_config_defaults=_defaults(services, body),
    )
    return _answer(services, session)


async def get_session(request: Request) -> JSONResponse:
    _, session = await with_session_token(request)
    data: dict[str, Any] = {
        "endUser": session.end_user and {"id": session.end_user.id, "display_name": session.end_user.display_name},
        "connectUISettings": {
            "showWatermark": True,
            "defaultTheme": "system",
            "theme": {"light": {"primary": "#00B2E3"}, "dark": {"primary": "#00B2E3"}},
        },
    }
    if session.allowed_integrations:
        data["allowed_integrations"] = list(session.allowed_integrations)
    if session.reconnects is not None:
        data["isReconnecting"] = True
    data["websocketsPath"] = "/"
    return JSONResponse({"data": data})


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
