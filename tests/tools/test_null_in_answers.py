"""Null where Nango usually sends something: it is as good as nothing, and spoils no listing."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from pydantic import SecretStr
from starlette.responses import JSONResponse

from nango_tools import MalformedResponse, NangoClient, Record

MOMENT = "2026-11-20T20:54:32.656Z"
CONNECTION = {"connection_id": "c", "provider_config_key": "i", "provider": "p", "created": MOMENT}
FUNCTION = {"name": "f", "type": "action"}
SYNC = {"id": "1", "name": "s", "status": "RUNNING"}


async def every(listing: Any) -> list[Any]:
    return [found async for found in listing]


Case = tuple[Callable[[dict[str, Any]], Any], Callable[[NangoClient], Awaitable[Any]], dict[str, Any], list[str]]

# What is around a thing, how it is asked for, the least it has, and what may be null.
CASES: dict[str, Case] = {
    "connections": (
        lambda one: {"connections": [one]},
        lambda n: every(n.connections.list()),
        CONNECTION,
        ["errors", "tags", "metadata", "end_user"],
    ),
    "a connection": (
        lambda one: one,
        lambda n: n.connections.get_with_credentials("c", "i"),
        CONNECTION,
        ["errors", "tags", "connection_config", "credentials", "webhook_url_override", "updated_at"],
    ),
    "integrations": (
        lambda one: {"data": [one]},
        lambda n: n.integrations.list(),
        {"unique_key": "i", "provider": "p"},
        ["display_name", "logo", "forward_webhooks", "created_at"],
    ),
    "providers": (
        lambda one: {"data": [one]},
        lambda n: n.providers.list(),
        {"name": "p"},
        ["categories", "default_scopes", "connection_config", "credentials", "proxy", "token_url", "auth_mode"],
    ),
    "functions": (
        lambda one: {"data": [one], "pagination": None},
        lambda n: every(n.integrations.functions("i")),
        FUNCTION,
        ["enabled", "scopes", "endpoints", "returns", "json_schema", "input", "auto_start"],
    ),
    "scripts": (
        lambda one: [one],
        lambda n: n.scripts.config(),
        {"providerConfigKey": "i"},
        ["actions", "syncs", "provider"],
    ),
    "actions of scripts": (
        lambda one: [{"providerConfigKey": "i", "actions": [one]}],
        lambda n: n.scripts.config(),
        FUNCTION,
        ["enabled", "scopes", "endpoints", "returns", "version", "last_deployed"],
    ),
    "syncs": (
        lambda one: {"syncs": [one]},
        lambda n: n.syncs.status("i"),
        SYNC,
        ["variant", "latestResult", "recordCount", "checkpoint", "finishedAt", "connection_id"],
    ),
    "a session": (
        lambda one: {"data": one},
        lambda n: n.connect_sessions.get(SecretStr("nango_connect_session_a")),
        {},
        ["allowed_integrations", "isReconnecting", "endUser"],
    ),
}


@pytest.mark.parametrize("case", CASES)
async def test_null_reads_as_if_nothing_were_there(fake: Any, nango: NangoClient, case: str) -> None:
    around, ask, least, nullable = CASES[case]
    fake.answers(JSONResponse(around(least)))
    without = await ask(nango)
    for field in nullable:
        fake.answers(JSONResponse(around({**least, field: None})))
        assert await ask(nango) == without, field


async def test_nothing_is_shared_between_what_was_null(fake: Any, nango: NangoClient) -> None:
    fake.answers(JSONResponse({"connections": [CONNECTION | {"connection_id": name, "tags": None} for name in "ab"]}))
    first, second = await every(nango.connections.list())
    assert first.tags == {}
    assert first.tags is not second.tags


async def test_what_must_be_there_may_not_be_null(fake: Any, nango: NangoClient) -> None:
    for broken in ({"name": None}, {"name": "p", "categories": "dev-tools"}):
        fake.answers(JSONResponse({"data": [{"name": "good"}, broken]}))
        with pytest.raises(MalformedResponse):
            await nango.providers.list()


async def test_null_in_a_record_is_kept(fake: Any, nango: NangoClient) -> None:
    metadata = {"first_seen_at": MOMENT, "last_modified_at": MOMENT, "last_action": "ADDED", "cursor": "c"}
    fake.answers(JSONResponse({"records": [{"id": 1, "gone": None, "_nango_metadata": metadata}], "next_cursor": None}))
    found: list[Record] = await every(nango.records.list(connection_id="c", integration_id="i", model="M"))
    assert found[0].data == {"id": 1, "gone": None}
