"""Faults: what goes wrong is exactly what was declared, once, and whoever declares in vain is told."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import httpx
import pytest
from pydantic import ValidationError

from nango_sandbox import InProcessSandbox, Sandbox, create_app
from nango_sandbox.control import Control
from nango_sandbox.faults import (
    Dropped,
    FaultNotMetError,
    Latency,
    Malformed,
    RaceLost,
    Status,
)

CLOSED = (httpx.RemoteProtocolError, httpx.ReadError)


class Running:
    """A sandbox, a client of its API, and one connection of Alice's."""

    def __init__(self, sandbox: Control, http: httpx.AsyncClient, connection_id: str) -> None:
        self.sandbox = sandbox
        self.http = http
        self.headers = {"connection-id": connection_id, "provider-config-key": "slack"}

    async def post_message(self, text: str) -> httpx.Response:
        body = {"action_name": "post-message", "input": {"channel": "general", "text": text}}
        return await self.http.post("/action/trigger", headers=self.headers, json=body)

    async def post_over_mcp(self, text: str) -> httpx.Response:
        params = {"name": "post-message", "arguments": {"channel": "general", "text": text}}
        headers = {**self.headers, "Accept": "application/json, text/event-stream"}
        call = {"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": params}
        return await self.http.post("/mcp", headers=headers, json=call)

    async def ran(self) -> list[str]:
        """The texts that were posted, as the ledger has it."""
        return [str(each.input["text"]) for each in await self.sandbox.ledger() if isinstance(each.input, dict)]


@pytest.fixture(params=["over HTTP", "in-process"])
async def running(request: pytest.FixtureRequest) -> AsyncIterator[Running]:
    async with AsyncExitStack() as stack:
        sandbox: Control
        if request.param == "over HTTP":
            sandbox, transport = await stack.enter_async_context(Sandbox()), None
        else:
            sandbox = await stack.enter_async_context(InProcessSandbox())
            transport = sandbox.transport
        key = {"Authorization": f"Bearer {sandbox.api_key.get_secret_value()}"}
        client = httpx.AsyncClient(base_url=sandbox.base_url, headers=key, transport=transport, trust_env=False)
        http = await stack.enter_async_context(client)
        yield Running(sandbox, http, await sandbox.connect("slack", {"end_user_id": "alice"}))


async def test_a_connection_dropped_before_the_effect_leaves_nothing(running: Running) -> None:
    running.sandbox.faults.add(Dropped(when="before", action="post-message"))
    with pytest.raises(httpx.RemoteProtocolError):
        await running.post_message("lost")
    assert await running.ran() == []
    assert (await running.post_message("second")).status_code == 200
    assert await running.ran() == ["second"]


@pytest.mark.parametrize("when", ["after", "midway"])
async def test_a_connection_dropped_later_hides_what_took_effect(running: Running, when: str) -> None:
    running.sandbox.faults.add(Dropped.model_validate({"when": when, "times": 2}))
    for send in (running.post_message, running.post_over_mcp):
        with pytest.raises(httpx.RemoteProtocolError):
            await send("hidden")
    assert await running.ran() == ["hidden", "hidden"]


async def test_half_an_answer_arrives_before_the_connection_drops(running: Running) -> None:
    running.sandbox.faults.add(Dropped(when="midway"))
    got = b""

    async def read() -> None:
        nonlocal got
        async with running.http.stream("GET", "/integrations") as answer:
            assert answer.status_code == 200
            async for chunk in answer.aiter_bytes():
                got += chunk

    with pytest.raises(httpx.RemoteProtocolError):
        await read()
    whole = (await running.http.get("/integrations")).content
    assert got
    assert whole.startswith(got)
    assert len(got) < len(whole)


async def test_a_reset_is_a_read_error(running: Running) -> None:
    running.sandbox.faults.add(Dropped(when="after", reset=True))
    with pytest.raises(httpx.ReadError):
        await running.post_message("reset")
    assert await running.ran() == ["reset"]


async def test_a_status_answers_in_the_place_of_nango(running: Running) -> None:
    running.sandbox.faults.add(Status(status=429, headers={"Retry-After": "7"}))
    running.sandbox.faults.add(Status(status=503, body="<h1>no</h1>"))
    running.sandbox.faults.add(Status(status=502, body={"a": 1}, after_effect=True))
    limited = await running.post_message("one")
    assert (limited.status_code, limited.headers["retry-after"]) == (429, "7")
    assert limited.json()["error"] == {"code": "too_many_request", "method": "POST", "path": "/action/trigger"}
    page = await running.post_message("two")
    assert (page.status_code, page.text) == (503, "<h1>no</h1>")
    assert page.headers["content-type"].startswith("text/html")
    assert await running.ran() == []
    gateway = await running.post_message("three")
    assert (gateway.status_code, gateway.json()) == (502, {"a": 1})
    assert await running.ran() == ["three"]
    assert (await running.post_message("four")).status_code == 200


@pytest.mark.parametrize("status", [200, 204, 304, 400, 401, 500, 504, 599])
async def test_any_status_can_be_answered(running: Running, status: int) -> None:
    with running.sandbox.faults.add(Status(status=status)):
        answer = await running.http.get("/integrations")
    assert answer.status_code == status
    assert (answer.content == b"") == (status in (204, 304))
    if answer.content:
        assert answer.json()["error"]["code"]


async def test_a_malformed_answer_ends_in_the_middle_and_the_effect_stays(running: Running) -> None:
    running.sandbox.faults.add(Malformed(times=2))
    answer = await running.post_message("cut")
    with pytest.raises(json.JSONDecodeError):
        answer.json()
    assert answer.status_code == 200
    event = await running.post_over_mcp("cut too")
    assert event.headers["content-type"].startswith("text/event-stream")
    assert event.text.startswith("event: message")
    assert "\n\n" not in event.text
    assert await running.ran() == ["cut", "cut too"]


async def test_the_lost_race_hides_what_an_action_came_to_on_both_paths(running: Running) -> None:
    running.sandbox.faults.add(RaceLost(action="post-message", times=2))
    for _ in range(2):
        unknown = {"action_name": "nope", "input": {}}
        refused = await running.http.post("/action/trigger", headers=running.headers, json=unknown)
        assert refused.status_code == 404, "what does not run has no race"
    answer = await running.post_message("one")
    assert answer.status_code == 500
    error = answer.json()["error"]
    assert error["code"] == "action_script_failure"
    assert error["payload"]["error"].startswith("Task ")
    assert error["payload"]["error"].endswith(" is in progress")
    event = await running.post_over_mcp("two")
    message = json.loads(event.text.partition("data: ")[2])
    assert (message["id"], message["error"]["code"]) == (7, -32603)
    told = json.loads(message["error"]["message"])
    assert (told["type"], told["status"]) == ("action_script_failure", 500)
    assert told["payload"]["error"].endswith(" is in progress")
    assert await running.ran() == ["one", "two"]
    assert (await running.post_message("three")).status_code == 200


async def test_latency_is_time_of_the_sandboxs_clock(running: Running) -> None:
    running.sandbox.faults.add(Latency(seconds=3600))
    before = running.sandbox.clock.now()
    slow = asyncio.create_task(running.http.get("/integrations"))
    await asyncio.to_thread(running.sandbox.clock.advance_to_next)
    assert (await slow).status_code == 200
    assert (running.sandbox.clock.now() - before).total_seconds() >= 3600


async def test_a_client_that_gives_up_does_not_stop_what_it_asked_for(running: Running) -> None:
    running.sandbox.faults.add(Latency(seconds=3600))
    running.http.timeout = httpx.Timeout(5, read=0.05)
    with pytest.raises(httpx.ReadTimeout):
        await running.post_message("late")
    assert await running.ran() == []
    await asyncio.to_thread(running.sandbox.clock.advance_to_next)
    async with asyncio.timeout(5):
        while not await running.ran():  # noqa: ASYNC110 - it runs in another thread
            await asyncio.sleep(0)
    assert await running.ran() == ["late"]


async def test_latency_and_what_comes_after_it_add_up(running: Running) -> None:
    running.sandbox.faults.add(Latency(seconds=0, real=True, times=None))
    running.sandbox.faults.add(Status(status=503))
    assert (await running.http.get("/integrations")).status_code == 503
    assert (await running.http.get("/integrations")).status_code == 200
    assert [each.struck for each in running.sandbox.faults] == [2, 1]


@pytest.mark.parametrize(
    ("fault", "met"),
    [
        (Status(status=503, method="get", path="/integrations"), [True, False, False, False]),
        (Status(status=503, path="/conn*"), [False, True, False, False]),
        (Status(status=503, path="/conn*", integration="slack"), [False, True, False, False]),
        (Status(status=503, integration="slack"), [False, True, True, True]),
        (Status(status=503, integration="github"), [False, False, False, False]),
        (Status(status=503, connection_id="hers"), [False, True, True, True]),
        (Status(status=503, connection_id="his"), [False, False, False, False]),
        (Status(status=503, action="post-message"), [False, False, True, True]),
        (Status(status=503, action="post-message", path="/mcp"), [False, False, False, True]),
        (Status(status=503, action="other"), [False, False, False, False]),
    ],
)
async def test_a_fault_strikes_what_it_names_and_nothing_else(running: Running, fault: Status, met: list[bool]) -> None:
    await running.sandbox.connect("slack", {"end_user_id": "alice"}, connection_id="hers")
    running.headers["connection-id"] = "hers"
    answers = []
    for number in range(4):
        declared = running.sandbox.faults.add(fault)
        match number:
            case 0:
                answer = await running.http.get("/integrations?a=/conn")
            case 1:
                answer = await running.http.get("/connections/hers", params={"provider_config_key": "slack"})
            case 2:
                answer = await running.post_message("x")
            case _:
                answer = await running.post_over_mcp("x")
        answers.append(answer.status_code == 503)
        assert declared.pending != answers[-1]
        declared.remove()
    assert answers == met


async def test_a_fault_that_nobody_met_is_told(running: Running) -> None:
    faults = running.sandbox.faults
    message = r"No request or webhook met this fault: Status\(.*path='/never'"
    with pytest.raises(FaultNotMetError, match=message), faults.add(Status(status=503, path="/never")):
        await running.http.get("/integrations")
    assert faults.pending() == []
    with pytest.raises(FaultNotMetError, match="struck 1 times"), faults.add(Status(status=503, times=2)):
        await running.http.get("/integrations")
    forever = faults.add(Status(status=503, times=None))
    assert faults.pending() == [forever]
    assert [(await running.http.get("/integrations")).status_code for _ in range(3)] == [503, 503, 503]
    assert faults.pending() == []
    faults.clear()
    assert (await running.http.get("/integrations")).status_code == 200
    with pytest.raises(ZeroDivisionError), faults.add(Status(status=503)):
        _ = 1 / 0


async def test_the_sandboxs_own_pages_meet_no_fault(running: Running) -> None:
    running.sandbox.faults.add(Dropped(when="before", times=None))
    assert (await running.http.get("/")).status_code == 200
    assert (await running.http.get("/sandbox/api/ledger")).status_code == 200


def test_what_cannot_be_is_refused_when_it_is_declared() -> None:
    for wrong in (
        {"status": 99},
        {"status": 600},
        {"status": 200, "times": 0},
        {"status": 200, "pathh": "/x"},
        {"status": 200, "headers": {"a": "b\r\nc: d"}},
        {"status": 200, "headers": {"a b": "c"}},
    ):
        with pytest.raises(ValidationError):
            Status.model_validate(wrong)
    with pytest.raises(ValidationError):
        Latency(seconds=float("nan"))
    with pytest.raises(ValidationError):
        Dropped.model_validate({"when": "sometimes"})


async def test_a_server_that_cannot_drop_connections_says_so() -> None:
    async with InProcessSandbox() as sandbox:
        transport = httpx.ASGITransport(create_app(sandbox.services))
        sandbox.faults.add(Dropped(when="before"))
        async with httpx.AsyncClient(transport=transport, base_url=sandbox.base_url) as http:
            with pytest.raises(RuntimeError, match="cannot drop a connection"):
                await http.get("/integrations")


async def test_requests_are_remembered_without_their_credentials(running: Running) -> None:
    await running.http.get("/connections?tags[end_user_id]=alice&connect_session_token=secret-1")
    await running.http.get("/nowhere", headers={"X-Api-Key": "secret-2", "Cookie": "a=secret-3"})
    running.sandbox.faults.add(Dropped(when="before"))
    with pytest.raises(CLOSED):
        await running.post_message("x")
    seen = await running.sandbox.requests()
    assert [(each.method, each.path, each.status) for each in seen] == [
        ("GET", "/connections", 400),
        ("GET", "/nowhere", 404),
        ("POST", "/action/trigger", None),
    ]
    assert seen[0].query == [("tags[end_user_id]", "alice"), ("connect_session_token", "***")]
    assert seen[2].headers["connection-id"] == running.headers["connection-id"]
    told = repr(seen) + json.dumps([each.model_dump(mode="json") for each in seen])
    for secret in ("secret-1", "secret-2", "secret-3", running.sandbox.api_key.get_secret_value()):
        assert secret not in told
