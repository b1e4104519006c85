"""Faults inside an action: it takes its time, or its app refuses; over REST, over MCP, and from the queue."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from typing import Any

import httpx
import pytest

from nango_sandbox import Sandbox, WebhookReceiver
from nango_sandbox.faults import AppAnswers, Slow

POST = {"channel": "general", "text": "hello"}
LIMIT = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1795208662", "retry-after": "7", "content-type": "a/b"}
Run = Callable[[Sandbox, httpx.AsyncClient], Coroutine[Any, Any, dict[str, Any]]]


async def _where(sandbox: Sandbox) -> dict[str, str]:
    return {"connection-id": await sandbox.connect("slack", {"end_user_id": "alice"}), "provider-config-key": "slack"}


async def over_rest(sandbox: Sandbox, http: httpx.AsyncClient) -> dict[str, Any]:
    body = {"action_name": "post-message", "input": POST}
    answer = await http.post("/action/trigger", headers=await _where(sandbox), json=body)
    assert answer.status_code == 424
    upstream: dict[str, Any] = answer.json()["error"]["upstream"]
    return upstream


async def over_mcp(sandbox: Sandbox, http: httpx.AsyncClient) -> dict[str, Any]:
    headers = {**await _where(sandbox), "Accept": "application/json, text/event-stream"}
    params = {"name": "post-message", "arguments": POST}
    call = {"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": params}
    answer = await http.post("/mcp", headers=headers, json=call)
    data = json.loads(answer.text.split("data: ", 1)[1])
    upstream: dict[str, Any] = json.loads(data["error"]["message"])["additional_properties"]["upstream_response"]
    return upstream


async def from_the_queue(sandbox: Sandbox, http: httpx.AsyncClient) -> dict[str, Any]:
    headers = {**await _where(sandbox), "X-Async": "true"}
    async with WebhookReceiver() as receiver:
        receiver.receive_from(sandbox)
        begun = await http.post("/action/trigger", headers=headers, json={"action_name": "post-message", "input": POST})
        await receiver.next()
    answer = await http.get(begun.json()["statusUrl"])
    assert answer.status_code == 424
    upstream: dict[str, Any] = answer.json()["error"]["upstream"]
    return upstream


@pytest.mark.parametrize("run", [over_rest, over_mcp, from_the_queue])
async def test_the_app_refuses_and_nango_hands_on_what_it_hands_on(
    sandbox: Sandbox, http: httpx.AsyncClient, run: Run
) -> None:
    with sandbox.faults.add(AppAnswers(status=429, body={"message": "slow down"}, headers=LIMIT)):
        upstream = await run(sandbox, http)
    assert upstream["status"] == 429
    assert upstream["body"] == {"message": "slow down"}
    assert upstream["headers"] == {
        "x-ratelimit-remaining": "0",
        "x-ratelimit-reset": "1795208662",
        "content-type": "a/b",
    }
    (entry,) = await sandbox.ledger()
    assert entry.status == "failed", "it ran"


async def test_a_slow_action_of_the_queue_has_no_result_until_its_time_has_passed(
    sandbox: Sandbox, http: httpx.AsyncClient
) -> None:
    headers = {**await _where(sandbox), "X-Async": "true"}
    async with WebhookReceiver() as receiver:
        sandbox.faults.add(Slow(seconds=600, action="post-message"))
        receiver.receive_from(sandbox)
        begun = await http.post("/action/trigger", headers=headers, json={"action_name": "post-message", "input": POST})
        where = begun.json()["statusUrl"]
        assert (await http.get(where)).status_code == 404
        assert await sandbox.ledger() == []
        assert 590 < await asyncio.to_thread(sandbox.clock.advance_to_next) <= 600
        await receiver.next()
    answer = await http.get(where)
    assert answer.json()["text"] == "hello"


async def test_only_the_actions_named_are_struck(sandbox: Sandbox, http: httpx.AsyncClient) -> None:
    sandbox.faults.add(AppAnswers(status=500, action="list-channels"))
    body = {"action_name": "post-message", "input": POST}
    answer = await http.post("/action/trigger", headers=await _where(sandbox), json=body)
    assert answer.status_code == 200
    assert len(sandbox.faults.pending()) == 1
