"""The graph on `langgraph dev`, driven over HTTP as Studio and agent-chat-ui do it."""

import asyncio
from typing import Any

import pytest
from langgraph_sdk.client import LangGraphClient

from nango_graph import Context
from nango_graph.cli.autopilot import authorize
from nango_sandbox import Sandbox

pytestmark = pytest.mark.asyncio(loop_scope="module")

REQUEST = "Create an issue in octo/widgets on GitHub titled 'Broken login'"
APPROVED = {"decisions": [{"type": "approve"}]}


async def test_a_request_waits_for_the_account_then_for_approval_and_writes_once(server: Any, sandbox: Sandbox) -> None:
    client: LangGraphClient = server.client
    thread = (await client.threads.create())["thread_id"]

    question = await _run(client, thread, input=_said(REQUEST))
    (connect,) = question["action_requests"]
    assert connect["name"] == "connect_account"
    assert connect["args"]["integration"] == "github"
    assert question["review_configs"][0]["allowed_decisions"] == ["approve", "reject"]
    assert connect["args"]["connect_link"].startswith(f"{server.url}/connect/"), "ours: it lives as long as the wait"
    await authorize(connect["args"]["connect_link"])

    # Nobody logs in here, so whoever had the link may have connected an account of theirs.
    question = await _run(client, thread, command={"resume": APPROVED})
    (account,) = question["action_requests"]
    assert account["name"] == "confirm_account"
    assert "local-user" not in account["args"]["account"], "that is a tag of ours, and tells nothing of the account"
    question = await _run(client, thread, command={"resume": _confirmed(account)})
    (write,) = question["action_requests"]
    assert write["name"] == "github/create-issue"
    assert write["args"]["title"] == "Broken login"
    assert [entry for entry in await sandbox.ledger() if entry.access != "read"] == []

    # The whole answer as agent-chat-ui sends it, on the stream that it uses.
    assert await _run(client, thread, command={"resume": APPROVED}) is None
    writes = [entry for entry in await sandbox.ledger() if entry.access != "read"]
    assert [(entry.action, entry.status) for entry in writes] == [("create-issue", "succeeded")]
    assert writes[0].end_user_id == "local-user", "a server without auth has one user: the deployment's"
    assert "Broken login" in await _answer(client, thread)

    # The second message of the thread: nothing is asked, the account is known.
    assert await _run(client, thread, input=_said("List the open issues in octo/widgets on GitHub")) is None
    assert "Broken login" in await _answer(client, thread)
    assert (await sandbox.ledger())[-1].action == "list-issues"


async def test_a_context_can_not_choose_whose_accounts_are_used(server: Any, sandbox: Sandbox) -> None:
    await sandbox.connect("slack", {"end_user_id": "victim"})
    thread = (await server.client.threads.create())["thread_id"]
    question = await _run(
        server.client,
        thread,
        input=_said("List the channels on slack"),
        context={"user_id": "victim", "actor": "victim"},
    )
    assert question["action_requests"][0]["name"] == "connect_account"


async def test_a_doubled_click_on_a_link_question_confirms_no_account_and_approves_no_write(
    server: Any, sandbox: Sandbox
) -> None:
    client: LangGraphClient = server.client
    await sandbox.connect("slack", {"end_user_id": "local-user"})
    for by, asked in (("our link", "confirm_account"), ("Nango's own", "slack/post-message")):
        thread = (await client.threads.create())["thread_id"]
        said = _said("Post the names of the deals in HubSpot to #general in Slack")
        question = await _run(client, thread, input=said)
        if by == "our link":
            await authorize(question["action_requests"][0]["args"]["connect_link"])
        else:
            await sandbox.connect("hubspot", {"end_user_id": "local-user"})
        before = len(await sandbox.ledger())
        click = {"resume": APPROVED}
        runs = [
            await client.runs.create(thread, "nango_agent", command=click, multitask_strategy="enqueue")
            for _ in range(2)
        ]
        for run in runs:
            await client.runs.join(thread, run["run_id"])
        written = [entry for entry in (await sandbox.ledger())[before:] if entry.access != "read"]
        assert written == []
        state = await client.threads.get_state(thread)
        (interrupt,) = [one for task in state["tasks"] for one in task["interrupts"]]
        assert interrupt["value"]["action_requests"][0]["name"] == asked
        assert "before this was asked" in interrupt["value"]["problem"]
        await sandbox.run(_forget_hubspot)


async def test_every_checkpoint_is_stored_before_the_next_node_ends_whatever_the_run_asks_for(server: Any) -> None:
    client: LangGraphClient = server.client
    before = _notes(server)
    for durability in ("async", "exit"):
        thread = (await client.threads.create())["thread_id"]
        await client.runs.wait(
            thread, "nango_agent", input=_said("Hello, what can you do?"), durability=durability, raise_error=True
        )
    notes = _notes(server)[len(before) :]
    stored = [line.split()[1] for line in notes if line.startswith("stored")]
    assert len(stored) > 8, "one before the first node and one after each node, in both runs"
    for checkpoint in stored:
        ended = [line for line in notes if line == f"ended-after {checkpoint}"]
        assert not ended or notes.index(f"stored {checkpoint}") < notes.index(ended[0])
    assert sum(line.startswith("ended-after") for line in notes) >= len(stored) - 2


async def test_a_run_without_a_thread_is_told_in_words_that_it_needs_one(server: Any) -> None:
    said = _said("List the open issues in octo/widgets on GitHub")
    events = [part async for part in server.client.runs.stream(None, "nango_agent", input=said)]
    assert events[-1].event == "error"
    assert events[-1].data["error"] == "UsageError"
    assert "needs a checkpointer and a thread" in events[-1].data["message"]


async def test_the_assistant_takes_messages_and_describes_all_its_settings(server: Any) -> None:
    client: LangGraphClient = server.client
    (assistant,) = await client.assistants.search()
    schemas = await client.assistants.get_schemas(assistant["assistant_id"])
    assert list((schemas["input_schema"] or {})["properties"]) == ["messages"]
    assert list((schemas["output_schema"] or {})["properties"]) == ["messages"]
    fields = (schemas["context_schema"] or {})["properties"]
    assert set(fields) == set(Context.model_fields)
    for name, field in fields.items():
        assert field.get("description"), name
        assert "default" in field, name


async def test_runs_may_have_loops_of_their_own(server_with_a_loop_for_each_run: Any, sandbox: Sandbox) -> None:
    server = server_with_a_loop_for_each_run
    await sandbox.connect("github", {"end_user_id": "grace"})
    threads = [(await server.client.threads.create())["thread_id"] for _ in range(2)]
    for _ in range(2):
        said = _said("List the open issues in octo/widgets on GitHub")
        assert await asyncio.gather(*(_run(server.client, thread, input=said) for thread in threads)) == [None, None]
        for thread in threads:
            assert "#7" in await _answer(server.client, thread)
    assert "Traceback" not in server.log.read_text()


async def _forget_hubspot(services: Any) -> None:
    for connection in await services.connections.newest_first():
        if connection.integration == "hubspot":
            await services.connections.delete(connection.connection_id, "hubspot")


def _confirmed(request: dict[str, Any]) -> dict[str, Any]:
    args = {**request["args"], "confirm": "yes"}
    return {"decisions": [{"type": "edit", "edited_action": {"name": request["name"], "args": args}}]}


def _said(text: str) -> dict[str, Any]:
    return {"messages": [{"type": "human", "content": text}]}


async def _run(client: LangGraphClient, thread: str, **request: Any) -> Any:
    """Streams a run to its end, as the chat interfaces do. Returns the question that is open then, or None."""
    errors = [
        part.data
        async for part in client.runs.stream(
            thread, "nango_agent", stream_mode=["values", "messages-tuple", "custom"], **request
        )
        if part.event == "error"
    ]
    assert errors == []
    interrupts = [
        interrupt for task in (await client.threads.get_state(thread))["tasks"] for interrupt in task["interrupts"]
    ]
    assert len(interrupts) <= 1, "user interfaces can answer one interrupt at a time"
    return interrupts[0]["value"] if interrupts else None


async def _answer(client: LangGraphClient, thread: str) -> str:
    values: Any = (await client.threads.get_state(thread))["values"]
    assert values["messages"][-1]["type"] == "ai"
    return str(values["messages"][-1]["content"])


def _notes(server: Any) -> list[str]:
    log = server.folder / "saver.log"
    return log.read_text().splitlines() if log.exists() else []
