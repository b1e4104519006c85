"""Waits on a server with the project's own configurations: their links, their webhook route, their sweep, their login."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from langgraph_sdk import get_client
from langgraph_sdk.client import LangGraphClient
from langgraph_sdk.errors import NotFoundError

from langgraph_servers import LOGIN, environ_of, langgraph_dev
from nango_sandbox import Sandbox
from opened_links import open_link

ISSUES = "List the open issues in octo/widgets on GitHub"
COOKIE = LOGIN["NANGO_AGENT_JWT_COOKIE"]
LOGIN_PAGE = {"NANGO_AGENT_JWT_LOGIN_URL": "https://login.example/start"}
PATIENCE = 30.0


async def _ask(client: LangGraphClient, text: str) -> tuple[str, Any]:
    thread = (await client.threads.create(graph_id="nango_agent"))["thread_id"]
    await client.runs.wait(thread, "nango_agent", input={"messages": [{"type": "human", "content": text}]})
    return thread, await _next_question(client, thread, after=None)


async def _next_question(client: LangGraphClient, thread: str, *, after: Any) -> Any:
    """The first request of the question that follows `after`; None if the thread comes to its end."""
    async with asyncio.timeout(PATIENCE):
        while True:
            state = await client.threads.get_state(thread)
            found = [one["value"]["action_requests"][0] for task in state["tasks"] for one in task["interrupts"]]
            if found and found[0] != after:
                return found[0]
            if not state["tasks"]:
                return None
            await asyncio.sleep(0.05)


def _confirmed(request: dict[str, Any]) -> dict[str, Any]:
    edited = {"name": request["name"], "args": {**request["args"], "confirm": "yes"}}
    return {"resume": {"decisions": [{"type": "edit", "edited_action": edited}]}}


@pytest.mark.parametrize("environ", [{}, {"BG_JOB_ISOLATED_LOOPS": "true"}], ids=["one loop", "a loop for each run"])
async def test_without_login_webhook_and_sweep_wake_a_thread_which_asks_before_it_uses_the_account(
    environ: dict[str, str], tmp_path: Path
) -> None:
    jobs = ("--n-jobs-per-worker", "10")
    async with Sandbox() as sandbox, langgraph_dev(tmp_path, {**environ_of(sandbox), **environ}, *jobs) as server:
        client = server.client
        for by, text in (("webhook", ISSUES), ("sweep", "List the channels on slack")):
            sandbox.set_webhook_url(f"{server.url}/webhooks/nango" if by == "webhook" else None)
            before = len(await sandbox.ledger())
            thread, question = await _ask(client, text)
            assert question["args"]["connect_link"].startswith(f"{server.url}/connect/")
            await open_link(question["args"]["connect_link"], {})
            question = await _next_question(client, thread, after=question)
            assert question["name"] == "confirm_account"
            assert "connected" in question["args"]["account"]
            assert len(await sandbox.ledger()) == before, "it is used by nobody yet"
            await client.runs.wait(thread, "nango_agent", command=_confirmed(question))
            assert await _next_question(client, thread, after=question) is None
            assert len(await sandbox.ledger()) == before + 1
        assert "Traceback" not in server.log.read_text()


async def test_with_login_only_the_requester_gets_on_from_the_link_and_the_account_is_used_at_once(
    tmp_path: Path, issue_token: Callable[..., str], serve: Callable[..., Any]
) -> None:
    ada, mallory = issue_token("ada", "acme"), issue_token("mallory", "acme")
    async with Sandbox() as sandbox, serve(tmp_path, sandbox, LOGIN_PAGE) as server:
        sandbox.set_webhook_url(f"{server.url}/webhooks/nango")
        clients = [
            get_client(url=server.url, api_key=None, headers={"Authorization": f"Bearer {token}"})
            for token in (ada, mallory)
        ]
        async with clients[0] as client, clients[1] as stranger, httpx.AsyncClient(trust_env=False) as http:
            thread, question = await _ask(client, ISSUES)
            row = await client.threads.get(thread)
            link = question["args"]["connect_link"]
            expired = issue_token("ada", "acme", exp=1_000_000_000)
            for cookies, status in (
                ({}, 401),
                ({COOKIE: expired}, 401),
                ({COOKIE: mallory}, 403),
                ({COOKIE: issue_token("ada", "other")}, 403),
                ({COOKIE: ada}, 200),
            ):
                page = await http.get(link, headers=_as_cookies(cookies))
                assert page.status_code == status
                assert ("GitHub" in page.text) == (status == 200)
                assert ('href="https://login.example/start"' in page.text) == (status == 401)
                if status != 200:
                    sent = {"decision": "continue"}
                    assert (await http.post(link, headers=_as_cookies(cookies), data=sent)).status_code == status
            assert (await http.get(link, headers={"Authorization": f"Bearer {ada}"})).status_code == 200
            assert (await http.get(link, headers={"x-auth-scheme": "langsmith"})).status_code == 401
            assert (await http.post(f"{server.url}/webhooks/nango", json={"type": "auth"})).status_code == 401

            await open_link(link, {COOKIE: ada})
            assert await _next_question(client, thread, after=question) is None, "its opener is known"
            state = await client.threads.get_state(thread)
            assert "#7" in state["values"]["messages"][-1]["content"]  # type: ignore[index]
            (read,) = await sandbox.ledger()
            assert read.end_user_id == "ada"
            owned = (await client.threads.get(thread))["metadata"]
            assert owned["owner"] == row["metadata"]["owner"]
            assert await stranger.threads.search() == []
            for run in await client.runs.list(thread):
                await client.runs.join(thread, run["run_id"])
            assert [run["status"] for run in await client.runs.list(thread)] == ["success", "success"]
            with pytest.raises(NotFoundError):
                await stranger.threads.get_state(thread)
        assert "Traceback" not in server.log.read_text()


def _as_cookies(cookies: dict[str, str]) -> dict[str, str]:
    return {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())} if cookies else {}
