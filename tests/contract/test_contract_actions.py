"""Actions over both paths, at once and later, on any Nango; and what begins with a user's tags."""

import asyncio
from functools import partial
from typing import Any
from uuid import uuid4

import httpx
import pytest

from nango_tools import (
    ActionDisabled,
    ActionNotFinished,
    ActionNotFound,
    ActionRuntimeError,
    InvalidInput,
    NangoClient,
    NoConnection,
    NoCredentials,
    Outcome,
    SeveralConnections,
    UnknownConnection,
    WaitExpired,
)


async def test_both_paths_give_the_same_output_and_so_does_asking_later(nango: NangoClient, functions: Any) -> None:
    given = functions.input
    at_once = await nango.actions.trigger(**functions.where, action=functions.action, input=given, writes=False)
    assert at_once is not None
    over_mcp = await nango.mcp.call_tool(**functions.where, tool=functions.action, arguments=given, writes=False)
    assert over_mcp == at_once
    started = await nango.actions.trigger_async(
        **functions.where, action=functions.action, input=given, writes=False, max_retries=1
    )
    assert await nango.actions.wait(started, timeout=60) == at_once
    assert await nango.actions.result(started.id) == at_once
    assert functions.action in {tool.name for tool in await nango.mcp.list_tools(**functions.where)}


async def test_a_result_that_nobody_has_is_not_finished(nango: NangoClient) -> None:
    with pytest.raises(ActionNotFinished):
        await nango.actions.result(str(uuid4()))
    with pytest.raises(InvalidInput):
        await nango.actions.result("no-uuid")


async def test_what_does_not_exist_is_refused_before_anything_runs(nango: NangoClient, functions: Any) -> None:
    nobody = {"integration_id": functions.integration_id, "connection_id": f"nobody-{uuid4().hex}"}
    for where, action, expected in (
        (functions.where, "no-such-action", ActionNotFound),
        (nobody, functions.action, UnknownConnection),
    ):
        for attempt in (
            partial(nango.actions.trigger, **where, action=action, input={}, writes=True),
            partial(nango.actions.trigger_async, **where, action=action, input={}, writes=True),
            partial(nango.mcp.call_tool, **where, tool=action, arguments={}, writes=True),
        ):
            with pytest.raises(expected) as caught:
                await attempt()
            assert caught.value.outcome is Outcome.REJECTED


async def test_a_write_happens_once_on_each_path(nango: NangoClient, functions: Any, own: Any) -> None:
    given = {"title": "Ours"}
    made = await nango.actions.trigger(**functions.where, action="make-thing", input=given, writes=True)
    assert made == {"title": "Ours", "by": "alice"}
    assert await nango.mcp.call_tool(**functions.where, tool="make-thing", arguments=given, writes=True) == made
    started = await nango.actions.trigger_async(**functions.where, action="make-thing", input=given, writes=True)
    assert await nango.actions.wait(started, timeout=60) == made
    assert [entry.action for entry in await own.ledger()] == ["make-thing"] * 3


async def test_a_failure_is_the_same_on_each_path(nango: NangoClient, functions: Any, own: Any) -> None:
    started = await nango.actions.trigger_async(**functions.where, action="refuse", input={}, writes=True)
    for attempt in (
        lambda: nango.actions.trigger(**functions.where, action="refuse", input={}, writes=True),
        lambda: nango.mcp.call_tool(**functions.where, tool="refuse", arguments={}, writes=True),
        lambda: nango.actions.wait(started, timeout=60),
    ):
        with pytest.raises(ActionRuntimeError, match="no more things") as caught:
            await attempt()
        assert caught.value.outcome is Outcome.FAILED
        assert caught.value.payload["left"] == 0


async def test_an_action_that_is_switched_off_does_not_run(nango: NangoClient, functions: Any, own: Any) -> None:
    for attempt in (
        lambda: nango.actions.trigger(**functions.where, action="off", input={}, writes=True),
        lambda: nango.mcp.call_tool(**functions.where, tool="off", arguments={}, writes=True),
    ):
        with pytest.raises(ActionDisabled) as caught:
            await attempt()
        assert caught.value.outcome is Outcome.REJECTED
    assert await own.ledger() == []


async def test_an_action_that_returns_null_never_has_a_result(nango: NangoClient, functions: Any, own: Any) -> None:
    assert await nango.actions.trigger(**functions.where, action="return-nothing", input={}, writes=False) is None
    started = await nango.actions.trigger_async(**functions.where, action="return-nothing", input={}, writes=False)
    with pytest.raises(ActionNotFinished):
        await nango.actions.wait(started, timeout=2)


async def test_an_action_is_executed_for_a_user_whose_connection_is_found_by_tags(nango: NangoClient, own: Any) -> None:
    alice, bob = nango.end_user({"end_user_id": "alice"}), nango.end_user({"end_user_id": "bob"})
    given = {"title": "For Alice"}
    assert await alice.execute("things", "make-thing", given, writes=True) == {"title": "For Alice", "by": "alice"}
    with pytest.raises(NoConnection):
        await bob.execute("things", "make-thing", given, writes=True)
    second = await own.connect("things", {"end_user_id": "alice"})
    with pytest.raises(SeveralConnections) as caught:
        await alice.execute("things", "make-thing", given, writes=True)
    assert second in caught.value.connection_ids
    await alice.execute("things", "make-thing", given, writes=True, connection_id=second)
    assert len(await own.ledger()) == 2


async def test_a_user_who_connects_is_waited_for(nango: NangoClient, integration: str, unique: str) -> None:
    user = nango.end_user({"end_user_id": unique})
    with pytest.raises(WaitExpired):
        await user.wait_for_connection(integration, timeout=0)
    session = await user.connect(integration)
    waiting = asyncio.create_task(user.wait_for_connection(integration, timeout=60, poll=0.2))
    async with httpx.AsyncClient(base_url=nango.settings.base_url, trust_env=False) as browser:
        token = session.token.get_secret_value()
        done = await browser.post(f"/auth/unauthenticated/{integration}", params={"connect_session_token": token})
        assert done.status_code == 200, done.text
    found = await waiting
    try:
        assert (found.connection_id, found.tags) == (done.json()["connectionId"], {"end_user_id": unique})
        again = await user.reconnect(integration, found.connection_id)
        assert again.connect_link
    finally:
        await nango.connections.delete(found.connection_id, integration)


async def test_a_connection_of_somebody_else_is_not_used(
    nango: NangoClient, integration: str, connect: Any, unique: str
) -> None:
    theirs = await connect({"end_user_id": f"other-{unique}"})
    with pytest.raises(NoConnection):
        await nango.end_user({"end_user_id": unique}).connection(integration, theirs)
    await nango.connections.import_connection(
        integration, NoCredentials(), tags={"end_user_id": unique}, connection_id=theirs
    )
    assert (await nango.end_user({"end_user_id": unique}).connection(integration)).connection_id == theirs
