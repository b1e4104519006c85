"""`nango-agent run` and `chat` against a Nango that is somewhere else: here, a sandbox in the test's process."""

import json
import re

import pytest
from starlette.responses import Response

from nango_graph.cli.autopilot import authorize
from nango_sandbox import Sandbox

UNKNOWN_KEY = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
async def sandbox():
    async with Sandbox() as running:
        yield running


def environment(sandbox, **more):
    return {
        "NANGO_BASE_URL": sandbox.base_url,
        "NANGO_API_KEY": sandbox.api_key.get_secret_value(),
        "NANGO_AGENT_MODEL": "rule-based",
        **more,
    }


async def run(start, *arguments, environ):
    process = await start("run", *arguments, environ=environ)
    return await process.finish(), process.output


async def test_a_run_prints_its_question_and_is_continued_by_thread(start, sandbox, tmp_path):
    environ = environment(sandbox)
    status, output = await run(
        start, "--wait", "0", "Create an issue in octo/widgets titled 'Login broken'", environ=environ
    )
    assert status == 3
    thread = re.search(r"--thread (\w+)", output)[1]
    await authorize(re.search(r"http\S+session_token=\w+", output)[0])

    status, output = await run(start, "--thread", thread, environ=environ)
    assert status == 3, "the connection that was made while nothing ran is found"
    assert "github/create-issue" in output
    assert "title: Login broken" in output

    answer = tmp_path / "answer.json"
    answer.write_text(json.dumps({"decisions": []}))
    status, output = await run(start, "--thread", thread, "--answer", str(answer), environ=environ)
    assert status == 3
    assert "1 decisions are needed" in output
    assert [entry for entry in await sandbox.ledger() if entry.access != "read"] == []

    answer.write_text(json.dumps({"decisions": [{"type": "approve"}]}))
    status, output = await run(start, "--thread", thread, "--answer", str(answer), environ=environ)
    assert status == 0
    assert [entry.action for entry in await sandbox.ledger()] == ["create-issue"]

    status, output = await run(start, "--thread", thread, "--answer", str(answer), environ=environ)
    assert status == 1
    assert "Nothing is asked" in output
    assert len(await sandbox.ledger()) == 1


async def test_a_run_polls_for_the_connection_it_misses(start, sandbox):
    process = await start("run", "How many open issues does octo/gadgets have?", environ=environment(sandbox))
    await authorize(re.search(r"http\S+session_token=\w+", await process.expect("expires_at"))[0])
    assert await process.finish() == 0
    assert [entry.action for entry in await sandbox.ledger()] == ["list-issues"]


async def test_a_run_ends_at_its_deadline_although_nango_fails_after_it_told_of_the_connection(start, sandbox, proxy):
    environ = environment(sandbox, NANGO_BASE_URL=proxy.url)
    _, output = await run(start, "--wait", "0", "How many open issues does octo/gadgets have?", environ=environ)
    thread = re.search(r"--thread (\w+)", output)[1]
    await sandbox.connect("github", {"end_user_id": "local-user"})
    looks = []

    async def ill(request, forward):
        if request.url.path != "/connections":
            return await forward()
        looks.append(request)
        return await forward() if len(looks) == 1 else Response(status_code=503)

    proxy.handle = ill
    status, output = await run(start, "--thread", thread, "--wait", "3", environ=environ)
    assert status == 3, output
    assert output.count("Waiting for you") == 1
    assert 2 <= len(looks) <= 20


@pytest.mark.parametrize(
    ("environ", "named"),
    [
        ({}, "NANGO_API_KEY"),
        ({"NANGO_API_KEY": UNKNOWN_KEY}, "OPENAI_API_KEY"),
        ({"NANGO_SECRET_KEY": UNKNOWN_KEY, "NANGO_BASE_URL": "ftp://x", "OPENAI_API_KEY": "k"}, "NANGO_BASE_URL"),
    ],
)
@pytest.mark.parametrize("command", [["run", "list issues"], ["chat"]])
async def test_a_missing_setting_is_one_sentence_that_names_it(start, environ, named, command):
    process = await start(*command, environ=environ)
    assert await process.finish() == 2
    assert named in process.output
    assert len(process.output.strip().splitlines()) == 1


async def test_settings_are_read_from_a_dotenv_file_under_what_is_really_set(start, sandbox, tmp_path):
    lines = [f"{name}={value}" for name, value in environment(sandbox, NANGO_API_KEY=UNKNOWN_KEY).items()]
    (tmp_path / ".env").write_text("\n".join(lines))
    status, output = await run(start, "list the channels", environ={})
    assert status == 1
    assert "NANGO_API_KEY" in output
    status, output = await run(
        start, "--wait", "0", "list the channels", environ={"NANGO_API_KEY": sandbox.api_key.get_secret_value()}
    )
    assert status == 3
    assert "slack" in output


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"NANGO_API_KEY": UNKNOWN_KEY}, "refused the API key"),
        ({"NANGO_BASE_URL": "http://127.0.0.1:9"}, "NANGO_BASE_URL"),
        (
            {"NANGO_AGENT_MODEL": "m", "OPENAI_API_KEY": "sk-canary", "OPENAI_BASE_URL": "http://127.0.0.1:9/v1"},
            "OPENAI_BASE_URL",
        ),
    ],
)
async def test_a_fault_is_one_sentence_and_nothing_is_executed(start, sandbox, changed, said):
    status, output = await run(start, "what is new?", environ=environment(sandbox, **changed))
    assert status == 1
    assert said in output
    assert "Traceback" not in output
    assert "canary" not in output
    assert await sandbox.ledger() == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["run"],
        ["run", "x", "--thread", "y"],
        ["run", "x", "--answer", "f"],
        ["run", "--thread", "nope"],
        ["chat", "--thread", "nope"],
    ],
)
async def test_wrong_use_is_one_sentence(start, sandbox, arguments):
    process = await start(*arguments, environ=environment(sandbox))
    assert await process.finish() == 2
    assert len(process.output.strip().splitlines()) == 1


async def test_a_chat_goes_on_by_polling_when_nango_can_deliver_nothing(start, sandbox):
    chat = await start("chat", environ=environment(sandbox))
    await chat.expect("> ")
    await chat.send("How many open issues does octo/gadgets have?")
    shown = await chat.expect("waiting: ")
    await authorize(re.search(r"http\S+session_token=\w+", shown)[0])
    await chat.expect("Connected.")
    await chat.expect("> ")
    await chat.send("quit")
    assert await chat.finish() == 0


@pytest.mark.parametrize(
    ("url", "ends_with"), [("foo://user:canary@bar", 2), ("postgresql+psycopg://user:canary@127.0.0.1:9/agent", 1)]
)
async def test_records_that_can_not_be_opened_are_one_sentence_without_the_password(start, sandbox, url, ends_with):
    status, output = await run(start, "list the channels", environ=environment(sandbox, NANGO_AGENT_DATABASE_URL=url))
    assert status == ends_with
    assert "NANGO_AGENT_DATABASE_URL" in output
    assert "Traceback" not in output
    assert "canary" not in output


@pytest.mark.parametrize(("port", "named"), [("99999", "is no port"), ("3999", "NANGO_WEBHOOK_SIGNING_KEY")])
async def test_a_webhook_port_that_could_receive_nothing_is_refused(start, sandbox, port, named):
    process = await start("chat", "--webhook-port", port, environ=environment(sandbox))
    assert await process.finish() == 2
    assert named in process.output


async def test_a_deadline_that_is_no_number_is_refused(start, sandbox):
    process = await start("run", "--wait", "nan", "list the channels", environ=environment(sandbox))
    assert await process.finish() == 2
    assert "nan is no number of seconds" in process.output
