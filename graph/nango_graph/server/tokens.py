"""Checking the JSON Web Tokens (RFC 7519) with which people log in to a LangGraph server."""

from typing import Any

import httpx
import jwt
from jwt.exceptions import (
    ExpiredSignatureError,
    ImmatureSignatureError,
    InvalidAudienceError,
    InvalidIssuerError,
    MissingRequiredClaimError,
    PyJWTError,
)

from nango_graph.identity import MAX_LENGTH, Requester
from nango_graph.server.jwt_settings import JwtSettings
from nango_graph.server.keys import PublicKeys

MAX_TOKEN = 8192
"""Characters. Servers refuse headers that are longer."""
LEEWAY = 30.0
"""Seconds by which clocks may differ."""
_OPTIONS: Any = {"require": ["exp", "iss", "aud", "sub"], "strict_aud": False, "enforce_minimum_key_length": True}


class NotLoggedIn(Exception):
    """Why a token does not count: a sentence for whoever sent it, which repeats nothing of the token."""


class TokenChecker:
    """Says who holds a token. Belongs to the event loop that first uses it."""

    def __init__(self, settings: JwtSettings, http: httpx.AsyncClient) -> None:
        self._settings = settings
        self._keys = PublicKeys(settings.jwks_url, settings.key_type, http) if settings.jwks_url else None
        self._jwt = jwt.PyJWT(options=_OPTIONS)

    async def check(self, token: str) -> Requester:
        """Raises `NotLoggedIn`, or `KeysUnavailable` where the signer's keys can't be had."""
        if len(token) > MAX_TOKEN:
            raise NotLoggedIn(f"The token is longer than {MAX_TOKEN} characters.")
        try:
            claims = self._jwt.decode(
                token,
                await self._key_for(token),
                algorithms=list(self._settings.algorithms),
                issuer=self._settings.issuer,
                audience=self._settings.audience,
                leeway=LEEWAY,
            )
        except (PyJWTError, ValueError, TypeError, OverflowError, RecursionError) as error:
            # All but the first: what a token can still provoke in a parser, such as an `exp` of infinity.
            raise NotLoggedIn(_reason(error)) from None
        return Requester(
            _named(claims, "sub", required=True), _named(claims, self._settings.organization_claim, required=False)
        )

    async def _key_for(self, token: str) -> Any:
        if self._settings.secret is not None:
            return self._settings.secret.get_secret_value()
        header = jwt.get_unverified_header(token)
        algorithm, key_id = header.get("alg"), header.get("kid")
        if algorithm not in self._settings.algorithms or self._keys is None:
            raise NotLoggedIn("The token is signed with an algorithm that does not count here.")
        key = await self._keys.find(key_id, algorithm)
        if key is None:
            raise NotLoggedIn("The token is signed with a key that does not count here.")
        return key


def _reason(error: Exception) -> str:
    match error:
        case ExpiredSignatureError():
            return "The token has expired. Log in again."
        case ImmatureSignatureError():
            return "The token is not valid yet."
        case InvalidAudienceError():
            return "The token is for somebody else (aud)."
        case InvalidIssuerError():
            return "The token comes from somebody else (iss)."
        case MissingRequiredClaimError():
            return f"The token lacks the claim {error.claim!r}."
        case _:
            return "The token can't be verified."


def _named(claims: dict[str, Any], claim: str, *, required: bool) -> str:
    value = claims.get(claim)
    if value is None and not required:
        return ""
    if not isinstance(value, str) or len(value) > MAX_LENGTH or not value.isprintable() or value != value.strip():
        raise NotLoggedIn(f"The token's claim {claim!r} is no name of at most {MAX_LENGTH} printable characters.")
    if required and not value:
        raise NotLoggedIn(f"The token's claim {claim!r} is empty.")
    return value
