"""The providers' side of OAuth 2: who hands out tokens, renews them, and knows which of them are dead.

Stands for GitHub, HubSpot and the rest, which the sandbox never reaches.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from pydantic import JsonValue

from nango_sandbox.clock import Clock
from nango_sandbox.store.grants import AuthorizationCode, Grant, Grants

OF_OUR_MAKING = "sandbox-access-"
CODE_LIFETIME = timedelta(minutes=10)


class ProviderRefusedError(Exception):
    """The token endpoint says no. `error` is one of RFC 6749, section 5.2."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(f"{error}: {description}")
        self.error = error
        self.description = description


class Authority:
    """The authorization servers of all providers. Each knows its own tokens only.

    lifetime: how long an access token lives before it must be refreshed
    """

    def __init__(self, grants: Grants, clock: Clock, lifetime: timedelta) -> None:
        self._grants = grants
        self._clock = clock
        self._lifetime = lifetime

    async def grant(self, provider: str, scopes: Iterable[str] = ()) -> dict[str, JsonValue]:
        """A new authorization. Returns the token response of RFC 6749, section 5.1."""
        return await self._issue(provider, tuple(scopes), f"sandbox-refresh-{secrets.token_hex(16)}")

    async def code(
        self, provider: str, *, client_id: str, redirect_uri: str, scopes: Iterable[str], challenge: str
    ) -> str:
        """What the user's Yes turns into. `challenge` is that of PKCE, method S256."""
        code = AuthorizationCode(
            code=secrets.token_urlsafe(24),
            provider=provider,
            client_id=client_id,
            redirect_uri=redirect_uri,
            scopes=tuple(scopes),
            challenge=challenge,
            expires_at=self._clock.now() + CODE_LIFETIME,
        )
        await self._grants.keep_code(code)
        return code.code

    async def exchange(
        self, provider: str, code: str, *, client_id: str, redirect_uri: str, verifier: str
    ) -> dict[str, JsonValue]:
        """The token response for a code. Raises ProviderRefusedError for one that is unknown, used, late or not meant."""
        held = await self._grants.take_code(code)
        if held is None or held.expires_at <= self._clock.now():
            raise ProviderRefusedError("invalid_grant", "The code is unknown, was used before, or has expired.")
        meant = (held.provider, held.client_id, held.redirect_uri) == (provider, client_id, redirect_uri)
        if not meant or not hmac.compare_digest(held.challenge, challenge_of(verifier)):
            raise ProviderRefusedError("invalid_grant", "The code was given to somebody else.")
        return await self.grant(provider, held.scopes)

    async def refresh(self, provider: str, refresh_token: str) -> dict[str, JsonValue]:
        """A new access token; the one before it is dead. Raises ProviderRefusedError."""
        held = await self._grants.of_refresh_token(provider, refresh_token)
        if held is None or held.revoked:
            raise ProviderRefusedError("invalid_grant", "The refresh token is unknown or was revoked.")
        return await self._issue(provider, held.scopes, refresh_token, instead_of=held)

    async def accepts(self, secret: str, *providers: str) -> bool:
        """Whether the API opens that these providers share (GitHub's OAuth and its personal tokens, say).

        What was imported into Nango was never seen here, and is taken at its word.
        """
        held = [found for each in providers if (found := await self._grants.find(each, secret)) is not None]
        if not held:
            return bool(secret) and not secret.startswith(OF_OUR_MAKING)
        return all(each.lives(self._clock.now()) for each in held)

    async def learn(self, provider: str, secret: str, expires_at: datetime | None) -> None:
        """A secret from elsewhere and its end. One that was revoked stays so."""
        held = await self._grants.find(provider, secret)
        if held is None and expires_at is not None:
            await self._grants.put(Grant(provider=provider, secret=secret, expires_at=expires_at))
        elif held is not None and not held.revoked and held.refresh_token is None:
            await self._grants.put(held.model_copy(update={"expires_at": expires_at}))

    async def expire(self, provider: str, secret: str) -> datetime:
        """The secret dies now, and can be refreshed if it has a refresh token. Returns the time of its end."""
        now = self._clock.now()
        held = await self._grants.find(provider, secret) or Grant(provider=provider, secret=secret)
        await self._grants.put(held.model_copy(update={"expires_at": now}))
        return now

    async def revoke(self, provider: str, secret: str) -> None:
        """The user takes the authorization back: the secret is dead, and so is its refresh token."""
        held = await self._grants.find(provider, secret) or Grant(provider=provider, secret=secret)
        await self._grants.put(held.model_copy(update={"revoked": True}))

    async def _issue(
        self, provider: str, scopes: tuple[str, ...], refresh_token: str, instead_of: Grant | None = None
    ) -> dict[str, Any]:
        grant = Grant(
            provider=provider,
            secret=f"{OF_OUR_MAKING}{secrets.token_hex(16)}",
            refresh_token=refresh_token,
            scopes=scopes,
            expires_at=self._clock.now() + self._lifetime,
        )
        await self._grants.put(grant, instead_of=instead_of)
        return {
            "access_token": grant.secret,
            "token_type": "bearer",
            "expires_in": int(self._lifetime.total_seconds()),
            "refresh_token": refresh_token,
            "scope": " ".join(scopes),
        }


def challenge_of(verifier: str) -> str:
    """PKCE, method S256 (RFC 7636, section 4.2)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
