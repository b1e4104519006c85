"""Webhooks from Nango to the user's server: signed, retried twice, sent in the background."""

import asyncio
import hashlib
import hmac
import json
import secrets
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import httpx
from pydantic import SecretStr

from nango_sandbox.clock import Clock
from nango_sandbox.faults.kinds import (
    AboutWebhook,
    WebhookDelayed,
    WebhookDoubled,
    WebhookForged,
    WebhookLost,
    WebhookSwapped,
)
from nango_sandbox.faults.registry import Faults
from nango_sandbox.functions.action import Integration
from nango_sandbox.functions.failures import FunctionFailure
from nango_sandbox.store.async_actions import AsyncAction
from nango_sandbox.store.connections import Connection, Operation
from nango_sandbox.store.syncs import Counts, SyncState

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

    def __init__(
        self, http: httpx.AsyncClient, signing_key: SecretStr, clock: Clock, url: str | None, faults: Faults
    ) -> None:
        self._http = http
        self._signing_key = signing_key
        self._clock = clock
        self._faults = faults
        self._waiting: list[Callable[[], None]] = []
        self._deliveries: set[asyncio.Task[None]] = set()
        self.url = url

    def sign_with(self, signing_key: SecretStr) -> None:
        """The key of everything that is sent from now on."""
        self._signing_key = signing_key

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

    def refresh_failed(self, connection: Connection, description: str) -> None:
        """Tell that the credentials of a connection could not be refreshed: its end user has to authorize again."""
        self._send(
            {
                **self._auth(
                    connection.integration, connection.provider, connection.auth_mode, connection.connection_id
                ),
                "operation": "refresh",
                "success": False,
                "tags": connection.tags,
                "error": {"type": "refresh_token_external_error", "description": description},
            },
            connection.webhook_url_override,
        )

    def async_action_done(self, action: AsyncAction) -> None:
        """Tell that an asynchronous action has ended, but not how."""
        self._send(
            {
                **_of_connection("async_action", action.integration, action.connection_id),
                "payload": {"id": action.id, "statusUrl": f"/action/{action.id}"},
            },
            None,
        )

    def synced(self, sync: SyncState, model: str, started_at: datetime, counts: Counts) -> None:
        """Tell that a sync has run, and what it changed of one model."""
        since = _time(started_at)
        self._send(
            {
                **_of_sync(sync, model),
                "success": True,
                "modifiedAfter": since,
                "queryTimeStamp": since,
                "responseResults": counts.model_dump(),
            },
            None,
        )

    def sync_failed(
        self,
        sync: SyncState,
        models: Iterable[str],
        started_at: datetime,
        failed_at: datetime,
        failure: FunctionFailure,
    ) -> None:
        self._send(
            {
                **_of_sync(sync, ",".join(models)),
                "success": False,
                "startedAt": _time(started_at),
                "failedAt": _time(failed_at),
                "error": {
                    "type": "script_error",
                    "description": failure.message.replace("action script", "sync script"),
                    "payload": failure.payload,
                },
            },
            None,
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
        about = AboutWebhook(body.get("type"), body.get("providerConfigKey"), body.get("connectionId"))
        if self._faults.meet(WebhookLost, about):
            return
        signing_key = SecretStr(secrets.token_hex(16)) if self._faults.meet(WebhookForged, about) else self._signing_key
        seconds = sum(each.seconds for each in self._faults.meet_every(WebhookDelayed, about))
        times = 2 if self._faults.meet(WebhookDoubled, about) else 1

        def start() -> None:
            delivery = asyncio.create_task(self._deliver_late(url, raw_body, signing_key, seconds, times))
            self._deliveries.add(delivery)
            delivery.add_done_callback(self._deliveries.discard)

        if self._faults.meet(WebhookSwapped, about):
            self._waiting.append(start)
        else:
            start()

    async def _deliver_late(
        self, url: str, raw_body: bytes, signing_key: SecretStr, seconds: float, times: int
    ) -> None:
        if seconds:
            await self._clock.sleep(seconds)
        for _ in range(times):
            await self._deliver(url, raw_body, signing_key)
        waiting, self._waiting = self._waiting, []
        for start in waiting:
            start()

    async def _deliver(self, url: str, raw_body: bytes, signing_key: SecretStr) -> None:
        headers = {"Content-Type": "application/json", **signatures(signing_key, raw_body)}
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


def _of_connection(kind: str, integration: str, connection_id: str) -> dict[str, Any]:
    return {"from": "nango", "type": kind, "connectionId": connection_id, "providerConfigKey": integration}


def _of_sync(sync: SyncState, model: str) -> dict[str, Any]:
    return {
        **_of_connection("sync", sync.integration, sync.connection_id),
        "model": model,
        "syncName": sync.name,
        "syncVariant": sync.variant,
        "syncType": "INITIAL" if sync.succeeded_at is None else "INCREMENTAL",
    }


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@asynccontextmanager
async def open_webhooks(
    signing_key: SecretStr, clock: Clock, url: str | None, faults: Faults
) -> AsyncIterator[Webhooks]:
    async with httpx.AsyncClient(
        trust_env=False, timeout=TIMEOUT, headers={"User-Agent": "nango-sandbox", "Accept": "application/json, */*"}
    ) as http:
        webhooks = Webhooks(http, signing_key, clock, url, faults)
        try:
            yield webhooks
        finally:
            await webhooks.close()
