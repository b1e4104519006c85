"""How it is seen that a new connection works: by what the key may do. Each way says which it was."""

import dataclasses
from typing import Any

import pytest

from nango_graph.waiting.probing import REFRESHED, UNPROBED, probe

ADA = {"end_user_id": "ada"}
LISTS = ("environment:connections:list", "environment:integrations:*", "environment:functions:*")


async def probed(start: Any, sandbox: Any, key: Any, action: str | None, *, revoked: bool = False) -> str | None:
    connection_id = await sandbox.connect("slack", ADA)
    async with start(nango={"api_key": key}) as agent:
        probes = {"slack": action} if action else {}
        settings = agent.services.settings.model_copy(update={"probes": probes})
        services = dataclasses.replace(agent.services, settings=settings)
        (connection,) = [one async for one in services.nango.connections.list(tags=ADA)]
        if revoked:
            await sandbox.revoke(connection_id, "slack")
        return await probe(services, connection)


async def test_nango_reads_it_where_the_key_may(start, sandbox) -> None:
    assert await probed(start, sandbox, sandbox.api_key, "list-channels") == REFRESHED
    assert await sandbox.ledger() == []


@pytest.mark.parametrize(
    ("action", "found"),
    [
        ("list-channels", "slack/list-channels could be read"),
        (None, UNPROBED),
        ("no-such-action", UNPROBED),
        ("post-message", UNPROBED),
    ],
)
async def test_else_the_named_action_reads_it_unless_it_does_more_than_read(start, sandbox, action, found) -> None:
    key = await sandbox.create_api_key("few", [*LISTS, "environment:actions:execute"])
    assert await probed(start, sandbox, key, action) == found
    assert [entry.action for entry in await sandbox.ledger()] == (["list-channels"] if "could" in found else [])


async def test_an_action_that_the_key_may_not_run_proves_nothing(start, sandbox) -> None:
    key = await sandbox.create_api_key("fewer", LISTS)
    assert await probed(start, sandbox, key, "list-channels") == UNPROBED


async def test_a_read_that_fails_is_no_connection_that_works(start, sandbox) -> None:
    key = await sandbox.create_api_key("few", [*LISTS, "environment:actions:execute"])
    assert await probed(start, sandbox, key, "list-channels", revoked=True) is None
