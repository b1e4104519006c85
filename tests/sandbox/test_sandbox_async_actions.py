"""Asynchronous actions: the queue, polling, retries, webhooks, and a sandbox that starts again."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any

import httpx
import pytest
from pydantic import AfterValidator, BaseModel, Field

from nango_sandbox.functions.action import Action, Call, Integration
from nango_sandbox.functions.failures import ActionFailed
from nango_sandbox.serving.in_process import InProcessSandbox
from nango_sandbox.store.async_actions import AsyncAction
from nango_sandbox.webhook_receiver import WebhookReceiver

PATIENCE = 10


class Functions:
    """What runs, in order; `wait` lets a function go on only when it is set."""

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.changed = asyncio.Condition()
        self.wait = asyncio.Event()

    def app(self) -> Integration:
        async def note(call: Call, given: dict[str, Any]) -> Any:
            await self._add(given["name"])
            return given.get("output")

        async def wait(call: Call, given: dict[str, Any]) -> str:
            await self._add(given["name"])
            await self.wait.wait()
            return "waited"

        async def fail(call: Call, given: dict[str, Any]) -> None:
            await self._add("fail")
            raise ActionFailed("no", count=len(self.ran))

        functions = note, wait, fail
        actions = tuple(Action(each.__name__, "Does what it says.", "write", each) for each in functions)
        return Integration("app", "app", "App", "NONE", actions=actions)

    async def until(self, count: int) -> list[str]:
        async with asyncio.timeout(PATIENCE), self.changed:
            await self.changed.wait_for(lambda: len(self.ran) >= count)
            return self.ran

    async def _add(self, name: str) -> None:
        async with self.changed:
            self.ran.append(name)
            self.changed.notify_all()


class App:
    def __init__(self, sandbox: InProcessSandbox, connection_id: str) -> None:
        self.sandbox = sandbox
        self.connection_id = connection_id
        self.http = httpx.AsyncClient(
            base_url=sandbox.base_url,
            transport=sandbox.transport,
            headers={"Authorization": f"Bearer {sandbox.api_key.get_secret_value()}"},
        )

    async def queue(self, action: str, retries: int = 0, **given: Any) -> str:
        headers = {
            "connection-id": self.connection_id,
            "provider-config-key": "app",
            "x-async": "true",
            "x-max-retries": str(retries),
        }
        answer = await self.http.post("/action/trigger", headers=headers, json={"action_name": action, "input": given})
        assert answer.status_code == 202
        location = f"/action/{answer.json()['id']}"
        assert (answer.headers["location"], answer.json()["statusUrl"]) == (location, location)
        return location

    async def result(self, location: str) -> httpx.Response:
        """The answer when it is no longer 404. Each look is a call, so that this does not spin."""
        async with asyncio.timeout(PATIENCE):
            while (answer := await self.http.get(location)).status_code == 404:
                pass
            return answer


@pytest.fixture
def functions() -> Functions:
    return Functions()


@pytest.fixture
async def app(functions: Functions) -> AsyncIterator[App]:
    async with InProcessSandbox(integrations=[functions.app()]) as sandbox:
        yield App(sandbox, await sandbox.connect("app", {"end_user_id": "alice"}))


async def test_the_outcome_is_not_found_until_it_is_there_and_stays(app: App, functions: Functions) -> None:
    location = await app.queue("wait", name="a")
    await functions.until(1)
    answer = await app.http.get(location)
    message = f"No action '{location.removeprefix('/action/')}' found"
    assert (answer.status_code, answer.json()) == (404, {"error": {"code": "not_found", "message": message}})
    functions.wait.set()
    assert (await app.result(location)).json() == "waited"
    assert (await app.http.get(location)).json() == "waited"
    (entry,) = await app.sandbox.ledger()
    assert (entry.action, entry.via, entry.end_user_id, entry.output) == ("wait", "rest", "alice", "waited")


async def test_one_runs_at_a_time_in_the_order_in_which_they_came(app: App, functions: Functions) -> None:
    await app.queue("wait", name="first")
    locations = [await app.queue("note", name=str(number), output=number) for number in range(5)]
    await functions.until(1)
    assert [(await app.http.get(each)).status_code for each in locations] == [404] * 5
    assert functions.ran == ["first"]
    functions.wait.set()
    assert [(await app.result(each)).json() for each in locations] == [0, 1, 2, 3, 4]
    assert functions.ran == ["first", "0", "1", "2", "3", "4"]


async def test_synchronous_actions_do_not_wait_for_the_queue(app: App, functions: Functions) -> None:
    await app.queue("wait", name="queued")
    await functions.until(1)
    headers = {"connection-id": app.connection_id, "provider-config-key": "app"}
    body = {"action_name": "note", "input": {"name": "at once", "output": 1}}
    assert (await app.http.post("/action/trigger", headers=headers, json=body)).json() == 1
    functions.wait.set()


async def test_a_failure_is_the_answer_of_the_synchronous_call(app: App) -> None:
    answer = await app.result(await app.queue("fail"))
    assert (answer.status_code, answer.json()["error"]) == (
        500,
        {
            "message": "The action script failed with a runtime error",
            "code": "action_script_runtime_error",
            "payload": {"count": 1, "message": "no"},
        },
    )


async def test_what_fails_is_run_again_as_often_as_was_asked_for_and_others_come_between(
    app: App, functions: Functions
) -> None:
    location = await app.queue("fail", retries=2)
    await app.queue("note", name="between", output=1)
    assert await functions.until(2) == ["fail", "between"]
    for _ in range(2):
        assert (await app.http.get(location)).status_code == 404
        assert 4 < await asyncio.to_thread(app.sandbox.clock.advance_to_next) <= 5
    answer = await app.result(location)
    assert (answer.status_code, answer.json()["error"]["payload"]["count"]) == (500, 4)
    assert [each.action for each in await app.sandbox.ledger()] == ["fail", "note", "fail", "fail"]


async def test_null_is_never_found_and_the_webhook_tells_that_it_is_done(app: App, webhooks: WebhookReceiver) -> None:
    webhooks.receive_from(app.sandbox)
    location = await app.queue("note", name="a")
    delivery = await webhooks.next()
    assert delivery.genuine
    assert delivery.body == {
        "from": "nango",
        "type": "async_action",
        "connectionId": app.connection_id,
        "providerConfigKey": "app",
        "payload": {"id": location.removeprefix("/action/"), "statusUrl": location},
    }
    assert (await app.http.get(location)).status_code == 404


@pytest.fixture
async def webhooks() -> AsyncIterator[WebhookReceiver]:
    async with WebhookReceiver() as receiver:
        yield receiver


@pytest.mark.parametrize("id", ["nope", "123", "cdc3c3e3-aeae-43ef-a8f0"])
async def test_an_id_must_be_one(app: App, id: str) -> None:  # noqa: A002
    answer = await app.http.get(f"/action/{id}")
    assert (answer.status_code, answer.json()) == (
        400,
        {
            "error": {
                "code": "invalid_uri_params",
                "errors": [{"code": "invalid_format", "message": "Invalid UUID", "path": ["id"]}],
            }
        },
    )


async def test_a_key_that_may_not_run_actions_may_not_ask_for_their_outcomes(app: App) -> None:
    location = await app.queue("note", name="a", output="secret")
    await app.result(location)
    key = await app.sandbox.create_api_key("reader", ["environment:mcp"])
    answer = await app.http.get(location, headers={"Authorization": f"Bearer {key.get_secret_value()}"})
    assert answer.status_code == 403


async def test_an_action_whose_connection_ends_before_its_turn_fails(app: App, functions: Functions) -> None:
    await app.queue("wait", name="first")
    await functions.until(1)
    location = await app.queue("note", name="second", output=1)
    gone = await app.http.delete(f"/connections/{app.connection_id}", params={"provider_config_key": "app"})
    assert gone.status_code == 200
    functions.wait.set()
    answer = await app.result(location)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "unknown_connection")
    assert functions.ran == ["first"]


async def test_what_waited_runs_after_a_restart_and_what_ran_is_not_repeated(
    tmp_path: Path, functions: Functions
) -> None:
    file = tmp_path / "sandbox.db"
    async with InProcessSandbox(file, integrations=[functions.app()]) as sandbox:
        app = App(sandbox, await sandbox.connect("app", {}))
        running = await app.queue("wait", name="running")
        waiting = await app.queue("note", name="waiting", output="late")
        await functions.until(1)
    assert functions.ran == ["running"]
    async with InProcessSandbox(file, integrations=[functions.app()]) as sandbox:
        again = App(sandbox, app.connection_id)
        assert (await again.result(waiting)).json() == "late"
        answer = await again.result(running)
        assert (answer.status_code, answer.json()["error"]["code"]) == (500, "action_script_failure")
        assert functions.ran == ["running", "waiting"]
        assert [(each.action, each.status) for each in await sandbox.ledger()] == [
            ("wait", "failed"),
            ("note", "succeeded"),
        ]


async def test_what_ran_when_the_process_was_killed_is_not_repeated(tmp_path: Path, functions: Functions) -> None:
    file = tmp_path / "sandbox.db"
    async with InProcessSandbox(file, integrations=[functions.app()]) as sandbox:
        app = App(sandbox, await sandbox.connect("app", {}))
        now = sandbox.clock.now()
        killed = AsyncAction(
            connection_id=app.connection_id,
            integration="app",
            action="note",
            input={"name": "again"},
            retries=5,
            due=now,
        ).model_copy(update={"started_at": now})
        # As the database is when the process ends in the middle: nothing was told to stop.
        async with sandbox.services.database.transaction() as rows:
            values = (killed.id, killed.model_dump_json())
            await rows.execute("INSERT INTO async_actions (id, body) VALUES (?, ?)", values)
    async with InProcessSandbox(file, integrations=[functions.app()]) as sandbox:
        answer = await App(sandbox, app.connection_id).result(f"/action/{killed.id}")
        assert (answer.status_code, answer.json()["error"]["code"]) == (500, "action_script_failure")
        assert "interrupted" in answer.json()["error"]["payload"]["error"]
        (entry,) = await sandbox.ledger()
        assert (entry.status, entry.input, functions.ran) == ("failed", {"name": "again"}, [])


class Contact(BaseModel):
    full_name: str = Field(serialization_alias="fullName")


async def cancel(call: Call, given: dict[str, Any]) -> None:
    raise asyncio.CancelledError


async def cancel_itself(call: Call, given: dict[str, Any]) -> None:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    await asyncio.sleep(0)


async def half_a_pair(call: Call, given: dict[str, Any]) -> str:
    return "\ud800"


async def told_half_a_pair(call: Call, given: dict[str, Any]) -> None:
    raise ActionFailed("\ud800")


async def unchecked(call: Call, given: Annotated[Any, AfterValidator(lambda value: value["missing"])]) -> None:
    return None


async def refused(call: Call, given: dict[str, Any]) -> None:
    async with httpx.AsyncClient(trust_env=False) as http:
        await http.get("http://127.0.0.1:1/")


async def upstream(call: Call, given: dict[str, Any]) -> None:
    request = httpx.Request("GET", "http://localhost/")
    httpx.Response(402, json={"pay": "first"}, request=request).raise_for_status()


async def model(call: Call, given: dict[str, Any]) -> list[Contact]:
    return [Contact(full_name="Ada")]


INTERNAL = 500, "script_internal_error"
OUTCOMES: list[tuple[Any, int, str | None]] = [
    (cancel, *INTERNAL),
    (cancel_itself, 500, "action_script_failure"),
    (half_a_pair, *INTERNAL),
    (told_half_a_pair, *INTERNAL),
    (unchecked, *INTERNAL),
    (refused, 500, "script_network_error"),
    (upstream, 424, "script_http_error"),
    (model, 200, None),
]


@pytest.mark.parametrize(("function", "status", "code"), OUTCOMES, ids=lambda each: getattr(each, "__name__", None))
async def test_whatever_a_function_does_the_next_one_runs(function: Any, status: int, code: str | None) -> None:
    async def fine(call: Call, given: Any) -> str:
        return "fine"

    actions = (Action("bad", "Does harm.", "write", function), Action("fine", "Runs.", "write", fine))
    async with InProcessSandbox(integrations=[Integration("app", "app", "App", "NONE", actions=actions)]) as sandbox:
        app = App(sandbox, await sandbox.connect("app", {"end_user_id": "alice"}))
        bad, after = await app.queue("bad"), await app.queue("fine")
        answer = await app.result(bad)
        assert answer.status_code == status
        assert (answer.json() if code is None else answer.json()["error"]["code"]) == (code or [{"fullName": "Ada"}])
        assert (await app.result(after)).json() == "fine"
        headers = {"connection-id": app.connection_id, "provider-config-key": "app"}
        now = await app.http.post("/action/trigger", headers=headers, json={"action_name": "bad", "input": {}})
        assert now.status_code == status


@pytest.mark.parametrize("depth", [150, 200, 250, 400])
async def test_what_is_nested_deep_can_be_read_again(depth: int) -> None:
    made: Any = 1
    for _ in range(depth):
        made = {"a": made}

    async def deep(call: Call, given: Any) -> Any:
        return made

    action = Action("deep", "Nests.", "write", deep)
    async with InProcessSandbox(integrations=[Integration("app", "app", "App", "NONE", actions=(action,))]) as sandbox:
        app = App(sandbox, await sandbox.connect("app", {"end_user_id": "alice"}))
        assert (await app.result(await app.queue("deep"))).json() == made
        assert (await app.result(await app.queue("deep"))).json() == made
        assert [each.output for each in await sandbox.ledger()] == [made, made]
