"""Webhooks from Nango to the user's server: signed, retried twice, sent in the background."""

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from pydantic import SecretStr

from nango_sandbox.clock import Clock
from nango_sandbox.functions.action import Integration
from nango_sandbox.store.connections import Connection, Operation

RETRY_AFTER = (3.0, 6.0)
"""Seconds before each new attempt: 3 and 9 seconds after the first, as a real server does it."""

TIMEOUT = 20.0
"""Seconds that a receiver has for its answer."""


def signatures(signing_key: SecretStr, raw_body: bytes) -> dict[str, str]:
    """The two signature headers; the legacy one, a bare hash, is what a receiver must not rely on."""
    key = signing_key.get_secret_value().encode()
    return {
        "X-Nango-Hmac-Sha256": hmac.new(key, raw_body, hashlib.sha256).hexdigest(),
        "X-Nango-Signature": hashlib.sha256(key + raw_body).hexdigest(),
    }


class Webhooks:
    """Sends to `url`, which may change at any time; None sends nothing."""

    def __init__(self, http: httpx.AsyncClient, signing_key: SecretStr, clock: Clock, url: str | None) -> None:
        self._http = http
        self._signing_key = signing_key
        self._clock = clock
        self._deliveries: set[asyncio.Task[None]] = set()
        self.url = url

    def connected(self, connection: Connection, operation: Operation) -> None:
        """Tell that an end user authorized a connection, or authorized it again."""
        body: dict[str, Any] = {
            **self._auth(connection.integration, connection.provider, connection.auth_mode, connection.connection_id),
            "operation": operation,
            "success": True,
            "tags": connection.tags,
        }
        if connection.end_user is not None:
            organization = connection.end_user.organization or {}
            body["endUser"] = {
                "endUserId": connection.end_user.id,
                "endUserEmail": connection.end_user.email,
                "organizationId": organization.get("id"),
                "tags": connection.end_user.tags or {},
            }
            body["endUser"] = {key: value for key, value in body["endUser"].items() if value is not None}
        self._send(body, connection.webhook_url_override)

    def denied(self, integration: Integration, connection_id: str, url_override: str | None) -> None:
        """Tell that an end user refused. There is no connection, and so, as on a real server, there are no tags."""
        self._send(
            {
                **self._auth(integration.key, integration.provider, integration.auth_mode, connection_id),
                "operation": "creation",
                "success": False,
                "error": {"type": "access_denied", "description": "The end user denied the authorization request."},
            },
            url_override,
        )

    @staticmethod
    def _auth(integration: str, provider: str, auth_mode: str, connection_id: str) -> dict[str, Any]:
        return {
            "from": "nango",
            "type": "auth",
            "connectionId": connection_id,
            "authMode": auth_mode,
            "providerConfigKey": integration,
            "provider": provider,
            "environment": "dev",
        }

    def _send(self, body: dict[str, Any], url_override: str | None) -> None:
        url = url_override or self.url
        if url is None:
            return
        raw_body = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        delivery = asyncio.create_task(self._deliver(url, raw_body))
        self._deliveries.add(delivery)
        delivery.add_done_callback(self._deliveries.discard)

    async def _deliver(self, url: str, raw_body: bytes) -> None:
        headers = {"Content-Type": "application/json", **signatures(self._signing_key, raw_body)}
        for wait in (*RETRY_AFTER, None):
            try:
                answer = await self._http.post(url, content=raw_body, headers=headers)
            except (httpx.HTTPError, httpx.InvalidURL):
                received = False
            else:
                received = answer.is_success
            if received or wait is None:
                return
            await self._clock.sleep(wait)

    async def close(self) -> None:
        """Drop what is not delivered yet; deliveries to a real server's receivers can be lost as well."""
        for delivery in self._deliveries:
            delivery.cancel()
        await asyncio.gather(*self._deliveries, return_exceptions=True)


@asynccontextmanager
async def open_webhooks(signing_key: SecretStr, clock: Clock, url: str | None) -> AsyncIterator[Webhooks]:
    async with httpx.AsyncClient(
        trust_env=False, timeout=TIMEOUT, headers={"User-Agent": "nango-sandbox", "Accept": "application/json, */*"}
    ) as http:
        webhooks = Webhooks(http, signing_key, clock, url)
        try:
            yield webhooks
        finally:
            await webhooks.close()
