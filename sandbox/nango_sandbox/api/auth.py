"""Who calls: an API key for the backend's calls, a connect session token for the end user's."""

import re

from starlette.requests import Request

from nango_sandbox.errors import NangoError, unauthorized
from nango_sandbox.services import Services
from nango_sandbox.store.api_keys import ApiKey
from nango_sandbox.store.sessions import PREFIX, ConnectSession

_UUID_V4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.IGNORECASE)
_SESSION_TOKEN = re.compile(PREFIX + r"[0-9a-f]{64}")


def services_of(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


def _bearer(request: Request) -> str:
    header = request.headers.get("authorization")
    if header is None:
        raise unauthorized("missing_auth_header", "The request is missing the Authorization header.")
    return header.removeprefix("Bearer ").strip()


async def key_of(request: Request) -> ApiKey:
    """The API key that the caller shows. Raises NangoError 401, or 429 when all keys together asked too often."""
    held: ApiKey | None = getattr(request.state, "api_key", None)
    if held is not None:
        return held
    key = await known_key(request)
    services_of(request).rate_limits.count(request, "environment")
    request.state.api_key = key
    return key


async def known_key(request: Request) -> ApiKey:
    """The API key that the caller shows; asking for it counts for no limit. Raises NangoError 401."""
    secret = _bearer(request)
    if not _UUID_V4.fullmatch(secret):
        raise unauthorized("invalid_secret_key_format", "The provided secret key is not a UUID v4.")
    key = await services_of(request).api_keys.find(secret)
    if key is None:
        raise unauthorized("unknown_account", "The provided authorization header does not match any account.")
    return key


async def with_api_key(request: Request, *one_of: str) -> Services:
    """The services, for a caller whose API key has one of these scopes, written without `environment:`.

    Raises NangoError 401 without a key, 403 for a key that has none of them.
    """
    key = await key_of(request)
    scopes = [f"environment:{each}" for each in one_of]
    if scopes and not any(map(key.may, scopes)):
        wanted = scopes[0] if len(scopes) == 1 else f"one of: {' or '.join(scopes)}"
        message = f"Insufficient scope. Required{': ' if len(scopes) == 1 else ' '}{wanted}"
        raise NangoError(403, "forbidden", message)
    return services_of(request)


async def may(request: Request, scope: str) -> bool:
    """Whether the caller's key has a scope, written without `environment:`."""
    return (await key_of(request)).may(f"environment:{scope}")


async def session_of(services: Services, token: str) -> ConnectSession:
    """The connect session of a token. Raises NangoError 401 if it is malformed, unknown or expired."""
    if not _SESSION_TOKEN.fullmatch(token):
        raise unauthorized(
            "invalid_connect_session_token_format",
            "The provided connect session token is not following correct format: nango_connect_session_RANDOM)",
        )
    session = await services.sessions.get(token)
    if session is None:
        raise unauthorized(
            "unknown_connect_session_token", "The provided connect session token does not match any account."
        )
    return session


async def with_query_token(request: Request) -> tuple[Services, ConnectSession]:
    """The services and the session, for a browser that shows a connect session token in the query.

    Raises NangoError 401. A public key, which Nango had before there were sessions, is known to nobody.
    """
    services, token = services_of(request), request.query_params.get("connect_session_token")
    if not token:
        public_key = request.query_params.get("public_key")
        if not public_key:
            raise unauthorized("missing_public_key", "The request is missing a valid public key parameter.")
        if not _UUID_V4.fullmatch(public_key):
            raise unauthorized("invalid_public_key", "The provided public key is not a UUID v4.")
        raise unauthorized("unknown_account", "The provided authorization header does not match any account.")
    session = await session_of(services, token)
    services.rate_limits.count(request, "end users")
    return services, session


async def with_session_token(request: Request) -> tuple[Services, ConnectSession]:
    """The services and the session, for a caller that shows a connect session token as its bearer."""
    services = services_of(request)
    session = await session_of(services, _bearer(request))
    services.rate_limits.count(request, "end users")
    return services, session


async def with_key_or_token(request: Request, *one_of: str) -> tuple[Services, ConnectSession | None]:
    """For the few endpoints that take either."""
    if _bearer(request).startswith(PREFIX):
        return await with_session_token(request)
    return await with_api_key(request, *one_of), None


def integration_not_found(key: str) -> NangoError:
    return NangoError(404, "not_found", f'Integration "{key}" does not exist')
