"""The signer's public keys (a JSON Web Key Set, RFC 7517), fetched when they are needed and kept for a while."""

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any

import httpx
from jwt import PyJWK
from jwt.exceptions import PyJWTError

MAX_BYTES = 256_000
MAX_KEYS = 100
FETCH_SECONDS = 5.0
"""The longest that one fetch may take."""
FRESH = 600.0
"""Seconds for which fetched keys are used without asking again."""
STALE = 3600.0
"""Seconds for which they are used if the signer's server can't be reached."""
PAUSE = 30.0
"""Seconds between two fetches at least: tokens with made-up key ids must not become a flood at the signer's server."""


class KeysUnavailable(Exception):
    """No key can be had now; nobody who logs in can help it. The message holds no address."""


class PublicKeys:
    """The keys of one address and one type (`kty`: RSA, EC or OKP). Belongs to the event loop that first uses it."""

    def __init__(
        self, url: str, key_type: str, http: httpx.AsyncClient, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._url = url
        self._type = key_type
        self._http = http
        self._now = now
        self._keys: list[dict[str, Any]] = []
        self._fetched_at = self._tried_at = float("-inf")
        self._problem = ""
        self._fetching = asyncio.Lock()

    async def find(self, key_id: str | None, algorithm: str) -> PyJWK | None:
        """The key of that id; without an id, the only one there is. None if there is none that fits `algorithm`.

        Raises `KeysUnavailable`.
        """
        if self._now() - self._fetched_at > FRESH:
            await self._fetch()
        found = self._find(key_id, algorithm)
        if found is None and key_id is not None:
            await self._fetch()  # the signer may have a new key
            found = self._find(key_id, algorithm)
        if self._now() - self._fetched_at > STALE:
            raise KeysUnavailable(self._problem)
        return found

    def _find(self, key_id: str | None, algorithm: str) -> PyJWK | None:
        fitting = [
            key for key in self._keys if key_id in {None, key.get("kid")} and key.get("alg", algorithm) == algorithm
        ]
        if len(fitting) != 1:
            return None
        try:
            return PyJWK.from_dict(fitting[0], algorithm)
        except PyJWTError:
            return None  # malformed, or of another curve than the algorithm's

    async def _fetch(self) -> None:
        asked_at = self._now()
        async with self._fetching:
            # Whoever waited here for somebody else's fetch has its result.
            if asked_at - self._tried_at < PAUSE:
                return
            self._tried_at = asked_at
            try:
                self._keys = self._read(await self._body())
            except (httpx.HTTPError, TimeoutError) as error:
                self._problem = f"The keys that tokens are signed with can't be fetched ({type(error).__name__})."
            except ValueError as error:
                self._problem = str(error)
            else:
                self._fetched_at = self._now()

    async def _body(self) -> bytes:
        async with (
            asyncio.timeout(FETCH_SECONDS),
            self._http.stream("GET", self._url, headers={"Accept": "application/json"}) as response,
        ):
            if response.status_code != 200:
                raise ValueError(f"The address of the keys (NANGO_AGENT_JWKS_URL) answers {response.status_code}.")
            body = b""
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > MAX_BYTES:
                    raise ValueError(f"The address of the keys (NANGO_AGENT_JWKS_URL) sends over {MAX_BYTES} bytes.")
        return body

    def _read(self, body: bytes) -> list[dict[str, Any]]:
        try:
            found = json.loads(body)
        except (ValueError, RecursionError):
            found = None
        entries = found.get("keys") if isinstance(found, dict) else None
        if not isinstance(entries, list) or len(entries) > MAX_KEYS:
            raise ValueError("What NANGO_AGENT_JWKS_URL sends is no JSON Web Key Set.")
        keys = [entry for entry in entries if isinstance(entry, dict)]
        if any(key.get("kty") == "oct" or "d" in key or "k" in key for key in keys):
            # Whoever reads that address could sign: nothing in such a set proves anything.
            raise ValueError("What NANGO_AGENT_JWKS_URL sends holds secret keys. Publish the public ones only.")
        return [key for key in keys if key.get("kty") == self._type and _verifies(key)]


def _verifies(key: dict[str, Any]) -> bool:
    operations = key.get("key_ops", ["verify"])
    return key.get("use", "sig") == "sig" and isinstance(operations, list) and "verify" in operations
