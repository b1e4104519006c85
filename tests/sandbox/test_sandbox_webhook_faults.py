"""Webhooks that go wrong as it was declared, and the receiver that tells."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from nango_sandbox import Sandbox, WebhookReceiver
from nango_sandbox.faults import WebhookDelayed, WebhookDoubled, WebhookForged, WebhookLost, WebhookSwapped


@pytest.fixture
async def receiver(sandbox: Sandbox) -> AsyncIterator[WebhookReceiver]:
    async with WebhookReceiver() as receiving:
        receiving.receive_from(sandbox)
        yield receiving


async def connected(sandbox: Sandbox, connection_id: str) -> None:
    await sandbox.connect("github", {"end_user_id": "alice"}, connection_id)


async def next_id(receiver: WebhookReceiver) -> str:
    return str((await receiver.next()).body["connectionId"])


async def test_a_lost_webhook_never_arrives_and_the_next_one_does(sandbox: Sandbox, receiver: WebhookReceiver) -> None:
    with sandbox.faults.add(WebhookLost()):
        await connected(sandbox, "one")
    await connected(sandbox, "two")
    assert await next_id(receiver) == "two"


async def test_a_doubled_webhook_arrives_twice_the_same(sandbox: Sandbox, receiver: WebhookReceiver) -> None:
    sandbox.faults.add(WebhookDoubled(integration="github"))
    await connected(sandbox, "one")
    first, second = await receiver.next(), await receiver.next()
    assert first.raw_body == second.raw_body
    assert first.genuine
    assert second.genuine


async def test_a_delayed_webhook_arrives_when_the_clock_has_moved(sandbox: Sandbox, receiver: WebhookReceiver) -> None:
    sandbox.faults.add(WebhookDelayed(seconds=600, connection_id="one"))
    await connected(sandbox, "one")
    await connected(sandbox, "two")
    assert await next_id(receiver) == "two"
    await asyncio.to_thread(sandbox.clock.advance_to_next)
    assert await next_id(receiver) == "one"


async def test_a_swapped_webhook_arrives_after_the_next(sandbox: Sandbox, receiver: WebhookReceiver) -> None:
    sandbox.faults.add(WebhookSwapped(webhook_type="auth"))
    await connected(sandbox, "one")
    await connected(sandbox, "two")
    assert [await next_id(receiver), await next_id(receiver)] == ["two", "one"]


async def test_a_forged_webhook_has_a_signature_that_is_not_nangos(sandbox: Sandbox, receiver: WebhookReceiver) -> None:
    sandbox.faults.add(WebhookForged())
    await connected(sandbox, "one")
    await connected(sandbox, "two")
    deliveries = {each.body["connectionId"]: each for each in (await receiver.next(), await receiver.next())}
    assert not deliveries["one"].genuine
    assert len(deliveries["one"].headers["x-nango-hmac-sha256"]) == 64
    assert deliveries["two"].genuine


async def test_the_receiver_answers_as_told_and_the_sandbox_tries_again(
    sandbox: Sandbox, receiver: WebhookReceiver
) -> None:
    receiver.answer_with(503)
    await connected(sandbox, "one")
    assert (await receiver.next()).answered == 503
    await asyncio.to_thread(sandbox.clock.advance_to_next)
    again = await receiver.next()
    assert (again.answered, again.body["connectionId"]) == (200, "one")
    with pytest.raises(TimeoutError, match="No webhook arrived within"):
        await receiver.next(patience=0.01)
