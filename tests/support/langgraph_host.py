"""A host that is `langgraph dev`: deploy/langgraph.json with a login for everybody, or langgraph.json with one user and none."""

import asyncio
import contextlib
import shutil
import signal
import socket
import time
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
from langgraph_sdk import get_client
from langgraph_sdk.client import LangGraphClient
from langgraph_sdk.errors import NotFoundError

from due_waits import next_due
from langgraph_servers import LOGIN, ROOT, Server, environ_of, langgraph_dev, token_for
from nango_graph import Records
from nango_graph.waiting.sweep import MOST
from nango_sandbox import Sandbox
from noting_model import NotingModel, request_to_list
from wait_scenarios import DAY, Fate, Passage, go_through
from waiting_hosts import PATIENCE, View
from webhook_post import Post

EVERY = 5.0
"""Seconds between two passes of the sweep, as `sweeping` has it."""
_LOOKS = 15
"""That are taken one by one; then time jumps, and the last of the passes in between is all that is left of them."""
_BACK = 365 * DAY
"""Where its clock begins: the server dates runs by the machine's, and an answer from before its question does not count."""
_ASSISTANT = "nango_agent"
_NOBODY = View(question=None, finished=False, words="", waits=[])


class LangGraphHost:
    """Threads and users are called as the scenario calls them. The server can be killed, and comes back where it was."""

    def __init__(
        self, sandbox: Sandbox, folder: Path, database_url: str | None, records: Records, *, login: bool
    ) -> None:
        self.name = "langgraph dev" + (", login" if login else "")
        self.sandbox = sandbox
        self.records = records
        self.model = NotingModel(notes=folder / "planned.txt")
        self.login = login
        self._folder = folder
        self._database_url = database_url
        self._now = time.time() - _BACK
        self._round = 0
        self._clients: dict[str, LangGraphClient] = {}
        self._server: Server | None = None
        self._serving = contextlib.AsyncExitStack()
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}"

    def now(self) -> float:
        return self._now

    def cookies(self, user: str) -> Mapping[str, str]:
        return {LOGIN["NANGO_AGENT_JWT_COOKIE"]: token_for(user)} if self.login else {}

    async def ask(self, thread: str, text: str, *, user: str) -> None:
        await self._client(user).threads.create(thread_id=self._id(thread), graph_id=_ASSISTANT)
        await self._run(thread, user, input={"messages": [{"type": "human", "content": text}]})

    async def view(self, thread: str) -> View:
        try:
            state = await self._client(thread).threads.get_state(self._id(thread))
        except NotFoundError:
            return _NOBODY  # a killed server has lost its row
        values: Any = state["values"]
        found = [one["value"] for task in state["tasks"] for one in task["interrupts"]]
        question = found[0] if found else None
        items = (values.get("asked") or {}).get("items", []) if question else []
        return View(
            question=question,
            finished=question is None and not state["tasks"],
            words=values["messages"][-1]["content"],
            waits=[item["wait_id"] for item in items if item["about"] == "connect"],
        )

    async def knows(self, thread: str) -> bool:
        """Is there a row of the thread, as its user sees it?"""
        try:
            await self._client(thread).threads.get(self._id(thread))
        except NotFoundError:
            return False
        return True

    async def look(self, thread: str) -> None:
        await self._run(thread, thread, input=None)

    async def decide(self, thread: str, decision: Mapping[str, Any], *, user: str) -> None:
        await self._run(thread, user, command={"resume": {"decisions": [decision]}})

    async def let_pass(self, seconds: float) -> None:
        until = self._now + seconds
        for _ in range(_LOOKS):
            due = await next_due(self.records)
            if due is None or due + EVERY >= until:
                break
            await self._at(due + EVERY, sweep=True)
        if until - MOST > self._now:
            await self._at(until - MOST, sweep=True)
        await self._at(until)

    async def sweep(self) -> None:
        await self._at(self._now + EVERY, sweep=True)

    async def afresh(self) -> None:
        """The same names are other threads from now on, nobody has connected an account, and no plan was asked for."""
        self._round += 1
        self.model.notes.unlink(missing_ok=True)
        await self.sandbox.run(_forget_connections)

    async def start(self) -> None:

        environ = {
            **environ_of(self.sandbox),
            **(LOGIN if self.login else {}),
            **({"NANGO_AGENT_DATABASE_URL": self._database_url} if self._database_url else {}),
            "WAITING_SERVER_NOW": str(self._now),
            "WAITING_SERVER_NOTES": str(self.model.notes),
            "WAITING_SERVER_LOGIN": "yes" if self.login else "",
            "PYTHONPATH": str(ROOT / "tests" / "support"),
        }
        served = langgraph_dev(
            self._folder,
            environ,
            "--n-jobs-per-worker",
            "10",
            "--allow-blocking",
            config="deploy/langgraph.json" if self.login else "langgraph.json",
            graph="waiting_server:graph",
            app="waiting_server:app",
            port=self._port,
        )
        self._server = await self._serving.enter_async_context(served)

    async def kill(self) -> None:
        """SIGKILL. `langgraph dev` writes its rows to files now and then; whether it did before it was killed is chance."""
        for client in self._clients.values():
            await client.http.client.aclose()
        self._clients.clear()
        await self._serving.aclose()
        shutil.rmtree(self._folder / ".langgraph_api", ignore_errors=True)

    async def will_be_killed(self, *, after: str) -> None:
        """SIGKILL when it has committed that a wait is in this state."""
        await self._order(deadly=[after])

    async def is_killed(self) -> None:
        """Returns when it was, by what was ordered."""
        assert self._server is not None
        assert await asyncio.to_thread(self._server.process.wait, PATIENCE) == -signal.SIGKILL
        await self.kill()

    async def _at(self, moment: float, *, sweep: bool = False) -> None:
        if moment > self._now:
            self.sandbox.clock.advance(moment - self._now)
            self._now = moment
        await self._order(sweep=sweep)

    async def _order(self, *, sweep: bool = False, deadly: Sequence[str] = ()) -> None:
        orders = {"now": self._now, "sweep": sweep, "deadly": deadly}
        async with httpx.AsyncClient(base_url=self.url, trust_env=False, timeout=PATIENCE) as http:
            (await http.post("/webhooks/test", json=orders)).raise_for_status()

    async def _run(self, thread: str, user: str, **sent: Any) -> None:
        await self._client(user).runs.wait(self._id(thread), _ASSISTANT, raise_error=True, **sent)

    def _id(self, thread: str) -> str:
        """The server takes UUIDs only."""
        return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{self._round} {thread}"))

    def _client(self, user: str) -> LangGraphClient:
        if user not in self._clients:
            headers = {"Authorization": f"Bearer {token_for(user)}"} if self.login else {}
            self._clients[user] = get_client(url=self.url, api_key=None, headers=headers)
        return self._clients[user]


async def _forget_connections(services: Any) -> None:
    for connection in await services.connections.newest_first():
        await services.connections.delete(connection.connection_id, connection.integration)


async def one_after_the_other(host: LangGraphHost, post: Post, seconds: float, fates: Sequence[Fate]) -> list[Passage]:
    """As `wait_and_authorize`, where all threads are of one user: whatever ends one wait ends them all."""
    passages = []
    for fate in fates:
        await host.ask(fate, request_to_list(fate), user=fate)
        await host.let_pass(seconds)
        passages.append(await go_through(host, post, fate))
        await host.afresh()
    return passages


@contextlib.asynccontextmanager
async def langgraph_host(
    sandbox: Sandbox, folder: Path, database_url: str | None = None, *, login: bool
) -> AsyncIterator[LangGraphHost]:
    (folder / "data").mkdir(mode=0o700, exist_ok=True)
    records = await Records.open(database_url or folder / "data" / "records.db")
    host = LangGraphHost(sandbox, folder, database_url, records, login=login)
    try:
        await host.start()
        yield host
    finally:
        await host.kill()
        await records.close()
