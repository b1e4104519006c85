"""deploy/langgraph.json on `langgraph dev`: every route of the installed server against everybody who isn't the owner."""

import asyncio
import json
import os
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import httpx
import jwt
import pytest
import pytest_asyncio
from langgraph_sdk import get_client
from langgraph_sdk.client import LangGraphClient
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from nango_sandbox import Sandbox

pytestmark = pytest.mark.asyncio(loop_scope="module")

CANARY = "canary of ada at acme"
SAID = {"messages": [{"type": "human", "content": f"Create an issue in octo/widgets on GitHub titled '{CANARY}'"}]}
LIST_ROUTES = """
import json
from langgraph_api.api import protected_routes, shadowable_meta_routes, unshadowable_meta_routes
routes = [*unshadowable_meta_routes, *shadowable_meta_routes, *protected_routes]
found = [(method, one.path) for one in routes for method in (getattr(one, "methods", None) or [])]
print(json.dumps(sorted(set(map(tuple, found)))))
"""
PUBLIC = {"/", "/ok", "/info", "/metrics"}
"""These answer anybody, and hold nothing of anybody."""


@dataclass(frozen=True)
class Victim:
    client: LangGraphClient
    thread: str
    run: str
    checkpoint: str
    assistant: str
    key: str = "organization:acme/user:ada"

    async def all_there_is(self) -> str:
        """Everything about the thread, as its owner sees it."""
        seen = [
            await self.client.threads.get(self.thread),
            await self.client.threads.get_state(self.thread),
            await self.client.threads.get_history(self.thread, limit=100),
            await self.client.runs.list(self.thread),
        ]
        return json.dumps(seen, sort_keys=True)


@pytest.fixture(scope="session")
def routes() -> list[tuple[str, str]]:
    """All of the installed server, the dormant ones as well. Looked up in a process of its own: it reads its environment."""
    environ = {
        "PATH": os.environ["PATH"],
        "MIGRATIONS_PATH": "__inmem",
        "DATABASE_URI": ":memory:",
        "REDIS_URI": "fake",
        "LANGGRAPH_RUNTIME_EDITION": "inmem",
        "LANGSERVE_GRAPHS": "{}",
        "LANGSMITH_LANGGRAPH_API_VARIANT": "local_dev",
        "LANGSMITH_TRACING": "false",
    }
    listed = subprocess.run(
        [sys.executable, "-c", LIST_ROUTES], env=environ, check=True, capture_output=True, text=True
    )
    return [(method, path) for method, path in json.loads(listed.stdout.splitlines()[-1])]


@pytest.fixture(scope="module")
def intruders(issue_token: Callable[..., str]) -> dict[str, dict[str, str]]:
    def bearer(token: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {token}"}

    claims = jwt.decode(issue_token("ada", "acme"), options={"verify_signature": False})
    studio = {"x-auth-scheme": "langsmith", "x-api-key": "lsv2_pt_x", "x-tenant-id": "t", "x-user-id": "ada"}
    return {
        "nobody": {},
        "whoever says that they are Studio": studio,
        "an unsigned token": bearer(jwt.encode(claims, None, "none")),
        "a token of another signer": bearer(jwt.encode(claims, "x" * 64, "HS256")),
        "the right token as a cookie": {"Cookie": f"login={issue_token('ada', 'acme')}"},
        "mallory of another tenant": bearer(issue_token("mallory", "other")),
        "mallory as Studio": bearer(issue_token("mallory", "other")) | studio,
        "a colleague": bearer(issue_token("bob", "acme")),
        "ada of another tenant": bearer(issue_token("ada", "other")),
        "ada without an organization": bearer(issue_token("ada")),
        "acme as a user": bearer(issue_token("acme/user:ada")),
        "somebody named as ada's key": bearer(issue_token("organization:acme/user:ada")),
    }


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def victim(server_with_login: Any, issue_token: Callable[..., str]) -> AsyncIterator[Victim]:
    server = server_with_login
    headers = {"Authorization": f"Bearer {issue_token('ada', 'acme')}"}
    async with get_client(url=server.url, headers=headers, api_key=None) as client:
        thread = (await client.threads.create())["thread_id"]
        run = await client.runs.create(thread, "nango_agent", input=SAID)
        await client.runs.join(thread, run["run_id"])
        state = await client.threads.get_state(thread)
        assert [one["value"]["kind"] for task in state["tasks"] for one in task["interrupts"]] == ["connections"]
        (assistant,) = await client.assistants.search()
        checkpoint = str(state["checkpoint"]["checkpoint_id"])
        yield Victim(client, thread, run["run_id"], checkpoint, assistant["assistant_id"])


def _attacks(method: str, path: str, of: Victim) -> list[dict[str, Any]]:
    """What is sent to a route, as arguments of httpx. Raises `KeyError` for a route that nobody thought about."""
    run = {"assistant_id": of.assistant, "input": SAID}
    smuggled: dict[str, Any] = {
        "metadata": {"owner": of.key},
        "config": {
            "metadata": {"owner": of.key},
            "configurable": {"user_id": "ada", "owner": of.key, "thread_id": of.thread},
        },
    }
    checkpoint = {"thread_id": of.thread, "checkpoint_id": of.checkpoint, "checkpoint_ns": ""}
    runs = [
        run,
        run | smuggled | {"checkpoint": checkpoint, "multitask_strategy": "rollback"},
        run | {"context": {"user_id": "ada", "organization_id": "acme"}, "if_not_exists": "create"},
        {"assistant_id": of.assistant, "command": {"resume": {"decisions": [{"type": "approve"}]}}},
    ]
    cron = run | {"schedule": "* * * * *"}
    item = {"namespace": [of.key], "key": "k"}
    rpc = {"jsonrpc": "2.0", "id": 1}
    bodies: dict[tuple[str, str], list[Any]] = {
        ("POST", "/internal/truncate"): [{}],
        ("POST", "/deploy"): [{}],
        ("POST", "/assistants"): [{"graph_id": "nango_agent", "metadata": {"created_by": "system"}}],
        ("POST", "/assistants/search"): [{}, {"metadata": {"owner": of.key}}],
        ("POST", "/assistants/count"): [{}],
        ("POST", "/assistants/{assistant_id}/latest"): [{"version": 1}],
        ("POST", "/assistants/{assistant_id}/versions"): [{}],
        ("PATCH", "/assistants/{assistant_id}"): [{"context": {"user_id": "mallory"}, "metadata": {"owner": "me"}}],
        ("POST", "/runs"): [*runs, run | {"on_completion": "keep"}],
        ("POST", "/runs/stream"): runs,
        ("POST", "/runs/wait"): runs,
        ("POST", "/runs/batch"): [[one] for one in runs],
        ("POST", "/runs/cancel"): [{"thread_id": of.thread, "run_ids": [of.run]}, {"status": "all"}],
        ("POST", "/runs/crons"): [cron],
        ("POST", "/runs/crons/search"): [{}, {"thread_id": of.thread}],
        ("POST", "/runs/crons/count"): [{}],
        ("PATCH", "/runs/crons/{cron_id}"): [{"schedule": "* * * * *"}],
        ("POST", "/threads/{thread_id}/runs/{run_id}/cancel"): [None],
        ("POST", "/threads/{thread_id}/runs"): runs,
        ("POST", "/threads/{thread_id}/runs/stream"): runs,
        ("POST", "/threads/{thread_id}/runs/wait"): runs,
        ("POST", "/threads/{thread_id}/runs/crons"): [cron],
        ("POST", "/threads"): [
            {"thread_id": of.thread},
            {"thread_id": of.thread, "if_exists": "do_nothing", "metadata": {"owner": of.key}},
            {"metadata": {"owner": of.key, "graph_id": "nango_agent"}},
        ],
        ("POST", "/threads/search"): [
            {},
            {"metadata": {"owner": of.key}},
            {"ids": [of.thread]},
            {"metadata": {"$or": [{"owner": of.key}, {}]}},
            {"values": {}, "status": "interrupted", "select": ["thread_id", "values"]},
            {"extract": {"all": "values"}},
        ],
        ("POST", "/threads/count"): [{}, {"metadata": {"owner": of.key}}],
        ("POST", "/threads/prune"): [{"thread_ids": [of.thread], "strategy": "delete"}],
        ("PATCH", "/threads/{thread_id}"): [{"metadata": {"owner": "organization:other/user:mallory"}}],
        ("POST", "/threads/{thread_id}/state"): [
            {"values": {"messages": []}},
            {"values": None, "checkpoint": checkpoint},
        ],
        ("POST", "/threads/{thread_id}/copy"): [None],
        ("POST", "/threads/{thread_id}/history"): [{}, {"checkpoint": checkpoint, "metadata": {"owner": of.key}}],
        ("POST", "/threads/{thread_id}/state/checkpoint"): [{"checkpoint": checkpoint, "subgraphs": True}],
        ("PUT", "/store/items"): [item | {"value": {"v": 1}}],
        ("DELETE", "/store/items"): [item],
        ("POST", "/store/items/search"): [{"namespace_prefix": []}],
        ("POST", "/store/namespaces"): [{}],
        ("POST", "/ui/{graph_id}"): [{"name": "x"}],
        ("POST", "/mcp"): [rpc | {"method": "tools/list"}],
        ("POST", "/a2a/{assistant_id}"): [
            rpc | {"method": "tasks/get", "params": {"id": of.run, "contextId": of.thread}}
        ],
        ("POST", "/a2a/{assistant_id}/"): [rpc | {"method": "tasks/get", "params": {"id": of.run}}],
        ("POST", "/threads/{thread_id}/stream/events"): [{"channels": ["values", "updates", "messages", "input"]}],
        ("POST", "/threads/{thread_id}/commands"): [
            {"id": 1, "method": "run.start", "params": run},
            {"id": 2, "method": "input.respond", "params": {"response": {"decisions": [{"type": "approve"}]}}},
            {"id": 3, "method": "agent.getTree", "params": {}},
            {"id": 4, "method": "state.get", "params": {}},
        ],
    }
    if method in {"GET", "HEAD", "DELETE"} and (method, path) not in bodies:
        query = {"owner": of.key, "namespace": of.key, "key": "k", "include": "ttl", "subgraphs": "true"}
        return [{}, {"params": query}]
    return [{} if body is None else {"json": body} for body in bodies[method, path]]


def _filled(path: str, of: Victim) -> str:
    names = {
        "thread_id": of.thread,
        "run_id": of.run,
        "checkpoint_id": of.checkpoint,
        "assistant_id": of.assistant,
        "graph_id": "nango_agent",
        "cron_id": str(uuid.uuid4()),
        "operation_id": "x",
        "namespace": "x",
    }
    return path.format(**names)


async def _send(http: httpx.AsyncClient, method: str, path: str, **arguments: Any) -> tuple[int, str]:
    """Status and body; of a stream what comes in two seconds."""
    body = b""
    async with http.stream(method, path, **arguments) as response:
        try:
            async with asyncio.timeout(2.0):
                async for chunk in response.aiter_bytes():
                    body += chunk
        except TimeoutError:
            assert response.headers["content-type"].startswith("text/event-stream"), f"{method} {path} hangs"
        return response.status_code, body.decode()


def _refused(method: str, path: str, status: int, body: str) -> bool:
    """Some protocols say it within an answer 200: streams, and the commands of the event protocol."""
    if status >= 400:
        return True
    if path.endswith(("/stream", "/stream/events")) and status == 200:
        return body == "" or (body.startswith("event: error\r\n") and "404" in body and body.count("event:") == 1)
    if path.endswith("/commands") and status == 200:
        return bool(json.loads(body)["type"] == "error")
    return False


def _is_for_everybody(method: str, path: str, arguments: dict[str, Any], of: Victim) -> bool:
    """What whoever is logged in may do: use the assistant, search, and make threads of their own."""
    if of.thread in json.dumps(arguments.get("json", "")) and not path.endswith(("/search", "/count")):
        return False
    return method in {"GET", "HEAD", "POST"} and path in {
        *(
            "/assistants/search",
            "/assistants/count",
            "/assistants/{assistant_id}",
            "/assistants/{assistant_id}/versions",
        ),
        *("/assistants/{assistant_id}/graph", "/assistants/{assistant_id}/schemas"),
        *("/assistants/{assistant_id}/subgraphs", "/assistants/{assistant_id}/subgraphs/{namespace}"),
        *("/threads", "/threads/search", "/threads/count"),
    }


async def test_no_route_shows_or_changes_anything_of_somebody_elses(
    server_with_login: Any,
    victim: Victim,
    routes: list[tuple[str, str]],
    intruders: dict[str, dict[str, str]],
) -> None:
    before = await victim.all_there_is()
    assert CANARY in before
    checks, leaks = 0, []
    for name, headers in intruders.items():
        logged_in = "Authorization" in headers and "token" not in name
        async with httpx.AsyncClient(base_url=server_with_login.url, headers=headers, timeout=30) as http:
            for method, path in routes:
                for arguments in _attacks(method, path, victim):
                    status, body = await _send(http, method, _filled(path, victim), **arguments)
                    checks += 1
                    allowed = path in PUBLIC or (logged_in and _is_for_everybody(method, path, arguments, victim))
                    shows = CANARY in body or victim.key in body or (path in PUBLIC and victim.thread in body)
                    if shows or not (allowed or _refused(method, path, status, body)) or status in {500, 502, 503}:
                        leaks.append(f"{name}: {method} {path} {arguments} answers {status}: {body[:300]}")
    assert leaks == [], "\n".join(leaks)
    assert await victim.all_there_is() == before
    print(f"{checks} requests by {len(intruders)} intruders to {len(routes)} routes: {len(leaks)} leaks")  # noqa: T201
    assert checks > 1000


async def test_nobody_else_can_follow_a_thread_through_a_websocket(
    server_with_login: Any, victim: Victim, intruders: dict[str, dict[str, str]]
) -> None:
    state = await victim.client.threads.get_state(victim.thread)
    (interrupt,) = [one["id"] for task in state["tasks"] for one in task["interrupts"]]
    before = await victim.all_there_is()
    url = f"{server_with_login.url.replace('http', 'ws')}/threads/{victim.thread}/stream/events"
    answer = {"interrupt_id": interrupt, "namespace": [], "response": {"decisions": [{"type": "approve"}]}}
    commands = [
        {"id": 1, "method": "subscription.subscribe", "params": {"channels": ["values", "messages", "input"]}},
        {"id": 2, "method": "input.respond", "params": answer},
        {"id": 3, "method": "run.start", "params": {"assistant_id": victim.assistant, "input": SAID}},
        {"id": 4, "method": "agent.getTree", "params": {"run_id": victim.run}},
    ]
    for name, headers in intruders.items():
        seen = ""
        try:
            async with asyncio.timeout(5), connect(url, additional_headers=headers) as socket:
                for command in commands:
                    await socket.send(json.dumps(command))
                async for message in socket:
                    seen += str(message)
        except (InvalidStatus, ConnectionClosed, TimeoutError):
            pass
        assert CANARY not in seen, name
        assert victim.key not in seen, name
        assert '"run_id"' not in seen, name
    assert await victim.all_there_is() == before


async def test_the_owner_is_whoever_is_logged_in_whatever_the_metadata_says(
    server_with_login: Any, victim: Victim, issue_token: Callable[..., str]
) -> None:
    mine = "organization:other/user:mallory"
    headers = {"Authorization": f"Bearer {issue_token('mallory', 'other')}"}
    async with get_client(url=server_with_login.url, headers=headers, api_key=None) as client:
        made = await client.threads.create(metadata={"owner": victim.key, "kept": "yes"}, graph_id="nango_agent")
        assert made["metadata"] == {"owner": mine, "kept": "yes", "graph_id": "nango_agent"}
        thread = made["thread_id"]
        await client.threads.update(thread, metadata={"owner": victim.key})
        asked_for: Any = {
            "metadata": {"owner": victim.key},
            "config": {"metadata": {"owner": victim.key}},
        }
        await client.runs.wait(thread, "nango_agent", input=SAID, **asked_for)
        fresh = str(uuid.uuid4())
        await client.runs.wait(fresh, "nango_agent", input=SAID, if_not_exists="create", **asked_for)
        copied = await client.http.post(f"/threads/{thread}/copy", json=None)
        for one in (thread, fresh, copied["thread_id"]):
            assert [(await client.threads.get(one))["metadata"]["owner"]] == [mine]  # type: ignore[index]
            described = [*(await client.threads.get_history(one, limit=50)), *(await client.runs.list(one))]
            assert {(each["metadata"] or {}).get("owner", mine) for each in described} <= {mine}
        assert {one["thread_id"] for one in await client.threads.search(limit=100)} >= {
            thread,
            fresh,
            copied["thread_id"],
        }
        assert await client.threads.search(metadata={"owner": victim.key}) == []
    owned = await victim.client.threads.search(limit=100)
    assert [one["thread_id"] for one in owned] == [victim.thread]
    assert await victim.client.threads.count(metadata={"owner": mine}) == 0


async def test_a_run_uses_the_accounts_of_whoever_is_logged_in_whatever_it_says(
    server_with_login: Any, sandbox: Sandbox, issue_token: Callable[..., str]
) -> None:
    """Vera has connected Slack. Mallory says in every way that she is Vera, and is asked to connect Slack."""
    await sandbox.connect("slack", {"end_user_id": "vera", "organization_id": "acme"})
    said = {"messages": [{"type": "human", "content": "List the channels on slack"}]}
    vera = {"user_id": "vera", "organization_id": "acme", "actor": "vera"}
    user = {"identity": "organization:acme/user:vera", "is_authenticated": True, **vera}
    headers = {
        "Authorization": f"Bearer {issue_token('mallory', 'other')}",
        "x-user-id": "vera",
        "x-langgraph-auth-user": json.dumps(user),
    }
    attempts: list[dict[str, Any]] = [
        {"context": vera},
        {"context": {**vera, "langgraph_auth_user": user}},
        {"config": {"configurable": {**vera, "langgraph_auth_user_id": "organization:acme/user:vera"}}},
        {"config": {"configurable": {**vera, "langgraph_auth_user": user}}},
        {"checkpoint": {"langgraph_auth_user": user, "checkpoint_ns": ""}},
        {"metadata": {"langgraph_auth_user": user, **vera}},
    ]
    ran = 0
    async with httpx.AsyncClient(base_url=server_with_login.url, headers=headers, timeout=30) as http:
        for attempt in attempts:
            thread = (await http.post("/threads", json={})).json()["thread_id"]
            body = {"assistant_id": "nango_agent", "input": said, **attempt}
            answered = await http.post(f"/threads/{thread}/runs/wait", json=body)
            if answered.status_code == 422:
                continue
            ran += 1
            state = (await http.get(f"/threads/{thread}/state")).json()
            (interrupt,) = [one for task in state["tasks"] for one in task["interrupts"]]
            assert interrupt["value"]["action_requests"][0]["name"] == "connect_account", attempt
        assert ran >= 3
        http.headers["Authorization"] = f"Bearer {issue_token('vera', 'acme')}"
        thread = (await http.post("/threads", json={})).json()["thread_id"]
        await http.post(f"/threads/{thread}/runs/wait", json={"assistant_id": "nango_agent", "input": said})
        state = (await http.get(f"/threads/{thread}/state")).json()
        assert "general" in state["values"]["messages"][-1]["content"], "her own token does it"


@pytest.mark.parametrize(
    ("path", "body", "says"),
    [
        ("/runs", {}, "needs a thread"),
        ("/runs/wait", {}, "needs a thread"),
        ("/runs/stream", {}, "needs a thread"),
        ("/threads/{thread}/runs", {"webhook": "https://1.1.1.1/x"}, "webhook"),
        ("/threads/{thread}/runs", {"webhook": "/threads/search"}, "ebhook"),
    ],
)
async def test_runs_that_nobody_could_answer_or_that_send_the_state_away_are_refused_in_words(
    path: str, body: dict[str, Any], says: str, server_with_login: Any, issue_token: Callable[..., str]
) -> None:
    headers = {"Authorization": f"Bearer {issue_token('carol', 'acme')}"}
    async with httpx.AsyncClient(base_url=server_with_login.url, headers=headers, timeout=30) as http:
        thread = (await http.post("/threads", json={})).json()["thread_id"]
        run = {"assistant_id": "nango_agent", "input": SAID, **body}
        refused = await http.post(path.format(thread=thread), json=run)
        assert refused.status_code == 422
        assert says in refused.text
        assert (await http.get(f"/threads/{thread}/runs")).json() == []


async def test_our_own_routes_know_who_is_logged_in_and_cookies_count_on_pages_only(
    server_with_login: Any, issue_token: Callable[..., str]
) -> None:
    token = issue_token("ada", "acme")
    bearer, cookie = {"Authorization": f"Bearer {token}"}, {"Cookie": f"login={token}"}
    studio = {"x-auth-scheme": "langsmith"}
    expired = {"Authorization": f"Bearer {issue_token('ada', 'acme', exp=1)}"}
    cases: list[tuple[str, str, dict[str, str], int, str | None]] = [
        ("GET", "/connect/abc", {}, 200, None),
        ("GET", "/connect/abc", cookie, 200, "ada"),
        ("POST", "/connect/abc", cookie, 200, "ada"),
        ("GET", "/connect/abc", bearer, 200, "ada"),
        ("GET", "/connect/abc", expired, 200, None),
        ("GET", "/connect/abc", expired | cookie, 200, None),
        ("GET", "/connect/abc", {"Authorization": "Basic eDp5"} | cookie, 200, "ada"),
        ("GET", "/connect/abc", {"Authorization": "Basic eDp5"}, 200, None),
        ("GET", "/runs/ours", {"Authorization": "Basic eDp5"} | cookie, 401, None),
        ("GET", "/connect/abc", {"Cookie": "login=nonsense"}, 200, None),
        ("GET", "/connect/abc", studio, 200, None),
        ("POST", "/webhooks/nango", {}, 200, None),
        ("POST", "/webhooks/nango", {"Authorization": "Basic x"}, 200, None),
        ("GET", "/runs/ours", bearer, 200, "ada"),
        ("GET", "/runs/ours", cookie, 401, None),
        ("GET", "/runs/ours", {}, 401, None),
        ("GET", "/runs/ours", studio, 401, None),
        ("GET", "/unpublished", bearer, 404, None),
        ("GET", "/connect/../runs/ours", {}, 401, None),
        ("GET", "/connect/%2e%2e/threads", {}, 404, None),
        ("GET", "//internal/debug/thread/x", bearer, 404, None),
        ("GET", "/connect/..%2fthreads/search", {}, 404, None),
    ]
    async with httpx.AsyncClient(base_url=server_with_login.url, timeout=30) as http:
        for method, path, headers, status, user in cases:
            answered = await http.request(method, path, headers=headers)
            assert answered.status_code == status, (method, path, headers, answered.text)
            if status == 200:
                assert answered.json()["user"] == user, (method, path, headers)
            assert token not in answered.text
    log = server_with_login.log.read_text()
    assert token not in log
    assert token.rpartition(".")[2] not in log
