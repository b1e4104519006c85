"""The OAuth dance as Nango leads it: /oauth/connect sends the browser to the provider, /oauth/callback gets it back."""

import secrets
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

from jinja2 import Environment
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from nango_sandbox.api.auth import integration_not_found, services_of, session_of, with_query_token
from nango_sandbox.api.validation import closed, read_query
from nango_sandbox.connecting import authorize, check, deny, scopes_of
from nango_sandbox.credentials import from_token_response
from nango_sandbox.errors import NangoError, issue
from nango_sandbox.functions.action import Integration
from nango_sandbox.pages.connect import done, refused
from nango_sandbox.providers.authority import ProviderRefusedError, challenge_of
from nango_sandbox.services import Services
from nango_sandbox.store.oauth_states import OAuthState
from nango_sandbox.store.sessions import ConnectSession

_TEXT = {"type": "string"}
_QUERY = closed(
    {
        "connect_session_token": _TEXT,
        "connection_id": _TEXT,
        "user_scope": _TEXT,
        "ws_client_id": _TEXT,
        "hmac": _TEXT,
        "params": {"type": "object"},
        "authorization_params": {"type": "object"},
        "credentials": {"type": "object"},
    },
    "connect_session_token",
)


def redirect_uri(services: Services) -> str:
    return f"{services.base_url}/oauth/callback"


def authorize_path(provider: str) -> str:
    """Where the sandbox's stand-in for a provider asks its user."""
    return f"/sandbox/providers/{provider}/authorize"


def client_id_of(services: Services, integration: Integration) -> str:
    """The OAuth app of an integration; one that was declared without has one all the same."""
    credentials = services.integrations.stored(integration.key).credentials or {}
    return str(credentials.get("client_id") or f"sandbox-{integration.key}")


def oauth_routes(templates: Environment) -> list[Route]:
    async def connect(request: Request) -> Response:
        try:
            location = await _begin(request)
        except NangoError as error:
            if "text/html" in request.headers.get("accept", ""):
                return refused(templates, error)
            raise
        return PlainTextResponse(
            f"Found. Redirecting to {location}", 302, headers={"location": location, "vary": "Accept"}
        )

    async def callback(request: Request) -> Response:
        services, query = services_of(request), request.query_params
        try:
            dance = await _dance(services, query.get("state", ""))
            session = await session_of(services, dance.session_token)
            integration = services.integrations.get(dance.integration)
            if integration is None:
                raise integration_not_found(dance.integration)
            denied = query.get("error") == "access_denied"
            if denied:
                await deny(services, session, integration)
            else:
                await _finish(services, session, integration, dance, query.get("code"), query.get("error"))
        except NangoError as error:
            return refused(templates, error)
        return done(templates, session, integration, denied=denied)

    return [
        Route("/oauth/connect/{integration}", connect, methods=["GET"]),
        Route("/oauth/callback", callback, methods=["GET"]),
    ]


async def _begin(request: Request) -> str:
    """Keep what the callback will need. Returns where the browser goes. Raises NangoError."""
    services, session = await with_query_token(request)
    query = read_query(request, _QUERY)
    if "connection_id" in query:
        found = issue("custom", "connection_id is forbidden when using session token", "connection_id")
        raise NangoError(400, "invalid_query_params", errors=[found])
    key = request.path_params["integration"]
    integration = services.integrations.get(key)
    if integration is None:
        raise integration_not_found(key)
    if integration.auth_mode in ("NONE", "API_KEY", "BASIC"):
        raise NangoError(400, "invalid_auth_mode", f"Provider {integration.provider} does not support OAUTH2 auth")
    await check(services, session, integration)
    defaults = session.defaults(key)
    dance = OAuthState(
        state=str(uuid4()),
        session_token=session.token,
        integration=key,
        client_id=client_id_of(services, integration),
        verifier=secrets.token_urlsafe(48),
        connection_config=query.get("params", {}),
    )
    await services.oauth_states.keep(dance)
    users = (query.get("user_scope") or defaults.user_scopes or "").replace(" ", ",").split(",")
    scopes = dict.fromkeys([*scopes_of(session, integration), *filter(None, users)])
    asked: dict[str, Any] = {
        **query.get("authorization_params", {}),
        **defaults.authorization_params,
        "response_type": "code",
        "client_id": dance.client_id,
        "redirect_uri": redirect_uri(services),
        "scope": " ".join(scopes),
        "state": dance.state,
        "code_challenge": challenge_of(dance.verifier),
        "code_challenge_method": "S256",
    }
    return f"{services.base_url}{authorize_path(integration.provider)}?{urlencode(asked)}"


async def _dance(services: Services, state: str) -> OAuthState:
    dance = await services.oauth_states.take(state)
    if dance is None:
        raise NangoError(400, "invalid_state", "Nobody waits for this answer of the provider.")
    return dance


async def _finish(
    services: Services,
    session: ConnectSession,
    integration: Integration,
    dance: OAuthState,
    code: str | None,
    error: str | None,
) -> None:
    if error is not None or code is None:
        raise NangoError(400, error or "invalid_callback", "The provider did not authorize the app.")
    try:
        response = await services.authority.exchange(
            integration.provider,
            code,
            client_id=dance.client_id,
            redirect_uri=redirect_uri(services),
            verifier=dance.verifier,
        )
    except ProviderRefusedError as refusal:
        raise NangoError(400, refusal.error, refusal.description) from refusal
    credentials = from_token_response(services, response)
    await authorize(services, session, integration, credentials, dance.connection_config)
