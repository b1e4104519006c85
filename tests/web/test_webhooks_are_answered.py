"""Nango's deliveries over real HTTP: what each is answered, and what it does."""

import asyncio
import hashlib
import json
import socket
from typing import Any

import pytest
from starlette.responses import JSONResponse

from nango_graph.identity import Requester
from nango_graph.records import TurnRow
from nango_graph.waiting.notices import LOOKS_A_MINUTE, MOST_WAITS
from nango_graph.waiting.threads import Woken
from nango_graph.web import bodies
from nango_sandbox.faults import WebhookDelayed, WebhookDoubled, WebhookForged, WebhookLost, WebhookSwapped

ADA, BEA = {"end_user_id": "ada"}, {"end_user_id": "bea"}
NOTHING = {"woken": 0, "busy": 0, "elsewhere": 0, "failed": 0, "later": 0}


def authorized(connection_id: str, tags: dict[str, str], **other: Any) -> dict[str, Any]:
    return {
        "from": "nango",
        "type": "auth",
        "connectionId": connection_id,
        "authMode": "OAUTH2",
        "providerConfigKey": "github",
        "provider": "github",
        "environment": "dev",
        "operation": "creation",
        "success": True,
        "tags": tags,
        **other,
    }


def tags_of(wait) -> dict[str, str]:
    return {**wait.requester.tags, "nango_agent_wait": wait.id}


async def looks(web) -> int:
    return len([one for one in await web.agent.sandbox.requests() if one.path.startswith("/connections")])


async def test_an_authorization_through_the_link_wakes_the_thread_that_waits(web, sandbox) -> None:
    await web.ask()
    wait = await web.wait()
    await sandbox.connect("github", tags_of(wait))
    assert await web.answered() == (200, NOTHING | {"because": "satisfied", "woken": 1})
    await web.settled()
    assert await web.says() == "Done."
    assert await web.state_of(wait) == "consumed"


async def test_a_connection_made_elsewhere_wakes_every_thread_of_that_person(web, sandbox) -> None:
    for thread in ("one", "two"):
        await web.ask(thread=thread)
    await web.ask(thread="other", user="bea")
    await sandbox.connect("github", ADA)
    assert await web.answered() == (200, NOTHING | {"because": "satisfied", "woken": 2})
    web.agent.model.script = [LIST, LIST]
    await web.settled()
    assert [await web.says(thread) for thread in ("one", "two", "other")] == ["Done.", "Done.", "asks"]


LIST: Any = {
    "kind": "plan",
    "steps": [{"id": "s1", "tool": "github/list-issues", "arguments": {"owner": "octo", "repo": "widgets"}}],
}


async def test_a_doubled_delivery_passes_the_wait_once(web, sandbox) -> None:
    await web.ask()
    sandbox.faults.add(WebhookDoubled())
    await sandbox.connect("github", tags_of(await web.wait()))
    first, second = await web.answered(), await web.answered()
    await web.settled()
    assert first == (200, NOTHING | {"because": "satisfied", "woken": 1})
    assert second[0] == 200
    assert second[1]["because"] in {"satisfied", "wait_is_over"}
    assert second[1]["woken"] == 0
    assert [entry.action for entry in await sandbox.ledger()] == ["list-issues"]


async def test_a_hundred_deliveries_at_the_same_moment_ask_nango_once_and_pass_the_wait_once(web, sandbox) -> None:
    await web.ask()
    wait = await web.wait()
    sandbox.set_webhook_url(None)
    connection_id = await sandbox.connect("github", tags_of(wait))
    before = await looks(web)
    delivery = authorized(connection_id, tags_of(wait))
    answers = await asyncio.gather(*(web.deliver(delivery) for _ in range(100)))
    await web.settled()
    assert {answer.status_code for answer in answers} == {200}
    assert sum(answer.json()["woken"] for answer in answers) == 1
    assert [entry.action for entry in await sandbox.ledger()] == ["list-issues"]
    assert await looks(web) - before <= 2 + 3, "a list and a probe, and what the woken run itself asks"


async def test_a_late_delivery_wakes_after_days(web, sandbox) -> None:
    await web.ask()
    sandbox.faults.add(WebhookDelayed(seconds=20 * 86400))
    await sandbox.connect("github", tags_of(await web.wait()))
    web.agent.clock.time += 20 * 86400
    await asyncio.to_thread(sandbox.clock.advance_to_next)
    assert (await web.answered())[1]["woken"] == 1
    await web.settled()
    assert await web.says() == "Done."


async def test_a_delivery_after_the_wait_was_passed_does_nothing(web, sandbox) -> None:
    await web.ask()
    wait = await web.wait()
    sandbox.set_webhook_url(None)
    connection_id = await sandbox.connect("github", tags_of(wait))
    await web.agent.decide({"type": "approve"})
    before = await looks(web)
    answer = await web.deliver(authorized(connection_id, tags_of(wait)))
    assert (answer.status_code, answer.json()) == (200, NOTHING | {"because": "wait_is_over"})
    assert await looks(web) == before, "nobody waits, so Nango is not asked"


async def test_a_lost_delivery_does_nothing_and_the_next_one_of_that_person_does(web, sandbox) -> None:
    await web.ask()
    sandbox.faults.add(WebhookLost())
    connection_id = await sandbox.connect("github", tags_of(await web.wait()))
    assert await web.says() == "asks"
    await sandbox.connect("slack", ADA)
    assert (await web.answered())[1]["because"] == "nobody_waits"
    await web.deliver(authorized(connection_id, ADA, operation="override"))
    await web.settled()
    assert await web.says() == "Done."


async def test_deliveries_in_the_wrong_order_are_taken_all_the_same(web, sandbox) -> None:
    await web.ask()
    sandbox.faults.add(WebhookSwapped(integration="github"))
    await sandbox.connect("github", tags_of(await web.wait()))
    await sandbox.connect("slack", ADA)
    assert [(await web.answered())[1]["because"] for _ in range(2)] == ["nobody_waits", "satisfied"]


async def test_a_forged_delivery_is_refused_before_it_is_read_and_nango_is_not_asked(web, sandbox) -> None:
    await web.ask()
    wait = await web.wait()
    before = await looks(web)
    sandbox.faults.add(WebhookForged())
    await sandbox.connect("github", tags_of(wait))
    status, body = await web.answered()
    assert status == 401
    assert list(body) == ["error"]
    assert await web.state_of(wait) == "open"
    assert await looks(web) == before


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        (lambda _web, _raw: {}, "no X-Nango-Hmac-Sha256"),
        (lambda _web, raw: {"X-Nango-Hmac-Sha256": hashlib.sha256(raw).hexdigest()}, "not signed"),
        (lambda web, raw: {"X-Nango-Hmac-Sha256": web.signature(raw + b" ")}, "not signed"),
        (lambda web, raw: {"X-Nango-Hmac-Sha256": web.signature(raw)[:-1]}, "not signed"),
        (lambda web, raw: [("X-Nango-Hmac-Sha256", web.signature(raw)), ("x-nango-hmac-sha256", "0" * 64)], "more"),
        (
            lambda web, raw: {
                "X-Nango-Signature": hashlib.sha256(
                    web.agent.sandbox.webhook_signing_key.get_secret_value().encode() + raw
                ).hexdigest()
            },
            "no X-Nango-Hmac-Sha256",
        ),
    ],
    ids=["missing", "a plain hash", "of another body", "cut off", "twice", "the legacy header only"],
)
async def test_a_signature_that_is_not_nangos_is_401(web, sandbox, headers, reason) -> None:
    await web.ask()
    sandbox.set_webhook_url(None)
    wait = await web.wait()
    raw = json.dumps(authorized(await sandbox.connect("github", tags_of(wait)), tags_of(wait))).encode()
    answer = await web.deliver(raw, headers=headers(web, raw))
    assert answer.status_code == 401
    assert reason in answer.json()["error"]
    assert await web.state_of(wait) == "open"


@pytest.mark.parametrize(
    ("body", "status", "because"),
    [
        (b"", 400, None),
        (b"{", 400, None),
        (b"\xff\xfe", 400, None),
        (b"[1]", 400, None),
        (b"[" * 100_000, 400, None),
        ({"type": "auth", "operation": 7}, 400, None),
        ({"type": "surprise"}, 200, "not_about_a_connection"),
        ({"type": "sync", "connectionId": "c", "providerConfigKey": "github"}, 200, "not_about_a_connection"),
        (authorized("c", {}), 200, "nobody_waits"),
        (authorized("c", {"nango_agent_wait": "of another environment"}), 200, "nobody_waits"),
        (authorized("c", {"nango_agent_wait": "' OR 1=1 --\0"}), 200, "nobody_waits"),
        (authorized("c", ADA, providerConfigKey="slack"), 200, "nobody_waits"),
        (authorized("c", BEA), 200, "nobody_waits"),
        (authorized("c", {**ADA, "organization_id": "acme"}), 200, "nobody_waits"),
        (authorized("c", ADA, success=False), 200, "not_authorized"),
        (authorized("c", ADA, operation="override", success=False), 200, "not_authorized"),
        (authorized("c", ADA, operation="refresh", success=False), 200, "refresh_failed"),
        (authorized("c", ADA, connectionId=None), 200, "nobody_waits"),
        (authorized("c", ADA), 200, "not_usable_yet"),
        (authorized("c", ADA, operation="something new"), 200, "not_usable_yet"),
    ],
)
async def test_signed_deliveries_that_change_nothing(web, body, status, because) -> None:
    await web.ask()
    wait = await web.wait()
    answer = await web.deliver(body)
    assert answer.status_code == status
    assert answer.json() == NOTHING | {"because": because} if because else list(answer.json()) == ["error"]
    assert await web.state_of(wait) == "open"
    assert await web.says() == "asks"


async def test_a_wait_of_another_tenant_than_the_tags_say_is_left_alone(web, sandbox) -> None:
    await web.ask()
    wait = await web.wait()
    sandbox.set_webhook_url(None)
    await sandbox.connect("github", ADA)
    for tags in (BEA, {**ADA, "organization_id": "acme"}, {"organization_id": "acme"}, {}):
        answer = await web.deliver(authorized("c", {**tags, "nango_agent_wait": wait.id}))
        assert answer.json() == NOTHING | {"because": "another_tenant"}
    assert await web.state_of(wait) == "open"


async def test_somebody_elses_connection_with_a_copied_wait_tag_satisfies_nothing(web, sandbox) -> None:
    await web.ask()
    wait = await web.wait()
    await sandbox.connect("github", {**BEA, "nango_agent_wait": wait.id})
    assert (await web.answered())[1]["because"] == "another_tenant"
    assert await web.state_of(wait) == "open"


async def test_a_connection_that_is_mended_wakes_whoever_waits_for_it_whatever_its_tags(web, sandbox) -> None:
    connection_id = await sandbox.connect("github", ADA)
    assert (await web.answered())[1]["because"] == "nobody_waits"
    await web.breaks(connection_id)
    await web.answered()
    await web.ask()
    assert (await web.wait()).connection_id == connection_id
    answer = await web.deliver(authorized(connection_id, {}, operation="override"))
    assert answer.json()["because"] == "not_usable_yet", "it was looked at, and Nango says that it is broken still"
    await sandbox.connect("github", ADA, connection_id)
    await web.answered()
    assert (await web.answered())[1] == NOTHING | {"because": "satisfied", "woken": 1}
    await web.settled()
    assert await web.says() == "Done."


async def test_a_failed_refresh_opens_a_wait_again_that_no_thread_has_passed(web, sandbox) -> None:
    await web.ask()
    wait = await web.wait()
    sandbox.set_webhook_url(None)
    connection_id = await sandbox.connect("github", tags_of(wait))
    failed = authorized(connection_id, tags_of(wait), operation="refresh", success=False)
    waits = web.agent.services.records.waits
    await waits.satisfy(wait.id, connection_id=connection_id, checked_by="", now=web.agent.clock.now())
    answer = await web.deliver(failed)
    assert answer.json() == NOTHING | {"because": "refresh_failed"}
    assert await web.state_of(wait) == "satisfied", "Nango says that it works"
    await web.breaks(connection_id)
    answer = await web.deliver(failed)
    assert answer.json() == NOTHING | {"because": "opened_again"}
    assert await web.state_of(wait) == "open"
    assert await web.says() == "asks"


async def test_nobody_authorizes_after_the_deadline(web, sandbox) -> None:
    await web.ask()
    wait = await web.wait()
    web.agent.clock.time += 31 * 86400
    await sandbox.connect("github", tags_of(wait))
    assert (await web.answered())[1] == NOTHING | {"because": "wait_is_over"}
    assert await web.state_of(wait) == "open", "to expire it is the sweep's business"


async def test_a_thread_that_asks_something_else_is_not_disturbed(web, sandbox) -> None:
    create = {
        "id": "s1",
        "tool": "github/create-issue",
        "arguments": {"owner": "octo", "repo": "widgets", "title": "x"},
    }
    await web.ask()
    wait = await web.wait()
    sandbox.set_webhook_url(None)
    connection_id = await sandbox.connect("github", tags_of(wait))
    web.agent.model.script = [{"kind": "plan", "steps": [create]}]
    asked = await web.agent.decide({"type": "approve"})
    assert asked.asks[0]["name"] == "github/create-issue"
    # As if the graph had not come to pass its row: the worst that a delivery can meet.
    waits = web.agent.services.records.waits
    await waits.change(wait.id, "satisfied", only_from=("consumed",), now=web.agent.clock.now())
    answer = await web.deliver(authorized(connection_id, tags_of(wait)))
    assert answer.json() == NOTHING | {"because": "satisfied", "elsewhere": 1}
    state = await web.agent.graph.aget_state({"configurable": {"thread_id": "t"}})
    assert state.interrupts[0].value["id"] == asked.question["id"]
    assert await web.agent.written() == []


async def test_a_delivery_that_comes_while_a_run_is_active_is_not_lost(web, sandbox, monkeypatch) -> None:
    """The wait is committed, the pause not checkpointed yet."""
    committed, go_on = asyncio.Event(), asyncio.Event()
    waits = web.agent.services.records.waits
    open_for = waits.open_for

    async def held(*args: Any, **kwargs: Any) -> Any:
        wait = await open_for(*args, **kwargs)
        committed.set()
        await go_on.wait()
        return wait

    monkeypatch.setattr(waits, "open_for", held)
    web.agent.model.integrations, web.agent.model.script = ["github"], [LIST]
    running = asyncio.create_task(web.agent.say("list the issues"))
    await committed.wait()
    await sandbox.connect("github", tags_of(await web.wait()))
    status, body = await web.answered()
    assert (status, body["because"], body["busy"]) == (200, "satisfied", 1)
    go_on.set()
    assert (await running).answer == "Done.", "the pause itself looks before it asks"
    await web.settled()


class Recording:
    def __init__(self, outcome: Woken | Exception) -> None:
        self.outcome = outcome
        self.woken: list[tuple[str, str | None]] = []

    async def wake(self, turn: TurnRow, *, wait_id: str | None) -> Woken:
        self.woken.append((turn.thread_id, wait_id))
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


async def test_a_thread_that_cannot_be_woken_is_left_to_the_sweep(start_web, sandbox, caplog) -> None:
    threads = Recording(RuntimeError("key sk-secret was refused"))
    async with start_web(threads=threads) as web:
        await web.ask()
        wait = await web.wait()
        await sandbox.connect("github", tags_of(wait))
        assert await web.answered() == (200, NOTHING | {"because": "satisfied", "failed": 1})
        assert await web.state_of(wait) == "satisfied"
        assert threads.woken == [("t", wait.id)]
        assert "RuntimeError" in caplog.text
        assert "sk-secret" not in caplog.text


async def test_nango_delivers_again_what_it_could_not_be_asked_about(start_web, sandbox, proxy) -> None:
    async with start_web(nango={"base_url": proxy.url}) as web:
        await web.ask()
        wait = await web.wait()
        passing_on = proxy.handle

        async def down(request, forward):
            return JSONResponse({}, 500)

        proxy.handle = down
        await sandbox.connect("github", tags_of(wait))
        assert (await web.answered())[0] == 503
        assert await web.state_of(wait) == "open"
        proxy.handle = passing_on
        await asyncio.to_thread(sandbox.clock.advance_to_next)
        assert (await web.answered())[1]["woken"] == 1


async def test_a_delivery_that_is_sent_again_and_again_does_not_use_up_nangos_quota(web) -> None:
    await web.ask()
    before = await looks(web)
    answers = [await web.deliver(authorized("c", ADA)) for _ in range(LOOKS_A_MINUTE + 20)]
    assert [answer.status_code for answer in answers] == [200] * LOOKS_A_MINUTE + [429] * 20
    assert await looks(web) - before == LOOKS_A_MINUTE
    web.agent.clock.time += 61
    assert (await web.deliver(authorized("c", ADA))).status_code == 200


async def test_a_person_who_waits_in_many_threads_costs_one_delivery_no_more_than_its_share(start_web, sandbox) -> None:
    threads = Recording("woken")
    async with start_web(threads=threads, deliveries=False) as web:
        for number in range(MOST_WAITS + 3):
            turn = TurnRow(f"turn{number}", Requester("ada"), f"thread{number}", "")
            await web.agent.services.records.turns.begin(turn, message_id="", now=1.0)
            await web.agent.services.records.waits.open_for(
                turn, integration="github", reason="missing", connection_id=None, now=web.agent.clock.now()
            )
        connection_id = await sandbox.connect("github", ADA)
        answer = await web.deliver(authorized(connection_id, ADA))
        assert answer.json() == NOTHING | {"because": "satisfied", "woken": MOST_WAITS, "later": 3}
        assert len(set(threads.woken)) == MOST_WAITS


async def test_without_a_signing_key_no_delivery_is_trusted(start_web) -> None:
    async with start_web(nango={"webhook_signing_key": None}) as web:
        answer = await web.deliver(authorized("c", ADA))
        assert answer.status_code == 503
        assert "NANGO_WEBHOOK_SIGNING_KEY" in answer.json()["error"]


async def test_what_is_too_large_is_not_read(web) -> None:
    too_large = b" " * 1_000_001
    assert (await web.deliver(too_large)).status_code == 413

    async def in_chunks():
        for _ in range(20):
            yield b" " * 100_000

    assert (await web.http.post(f"{web.url}/webhooks/nango", content=in_chunks())).status_code == 413


async def test_a_body_that_comes_drop_by_drop_is_given_up(web, monkeypatch) -> None:
    monkeypatch.setattr(bodies.read_body, "__kwdefaults__", {"seconds": 0.2})
    reader, writer = await asyncio.open_connection("127.0.0.1", int(web.url.rpartition(":")[2]))
    writer.write(b"POST /webhooks/nango HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{")
    assert b" 408 " in await asyncio.wait_for(reader.readline(), 10)
    writer.close()


async def test_whoever_leaves_in_the_middle_breaks_nothing(web) -> None:
    with socket.create_connection(("127.0.0.1", int(web.url.rpartition(":")[2]))) as left:
        left.sendall(b"POST /webhooks/nango HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{")
    assert (await web.answered())[0] == 400
    assert (await web.deliver({"type": "surprise"})).status_code == 200


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
async def test_only_post_is_for_deliveries(web, method) -> None:
    assert (await web.http.request(method, f"{web.url}/webhooks/nango")).status_code == 405


@pytest.mark.parametrize("records_url", [pytest.param("postgres", marks=pytest.mark.system)], indirect=True)
async def test_on_postgres_too_and_whatever_characters_a_delivery_holds(start_web, sandbox, records_url) -> None:
    async with start_web(settings={"database_url": records_url}) as web:
        await web.ask()
        wait = await web.wait()
        for delivery in (
            authorized("c", {"nango_agent_wait": "a\0b"}),
            authorized("c", {"end_user_id": "a\0b"}),
            authorized("a\0b", ADA),
            authorized("c", ADA, providerConfigKey="a\0b"),
        ):
            assert (await web.deliver(delivery)).json() == NOTHING | {"because": "nobody_waits"}, delivery
        while not web.recorded.answers.empty():
            web.recorded.answers.get_nowait()
        await sandbox.connect("github", tags_of(wait))
        assert await web.answered() == (200, NOTHING | {"because": "satisfied", "woken": 1})
        await web.settled()
        assert await web.says() == "Done."
