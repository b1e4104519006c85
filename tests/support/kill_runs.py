"""Kills processes at points, and lets others go on with their threads."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from forked_orders import PID, Ended, Processes
from kill_judging import Outcome, counted, in_the_records, judge, named, problem_of, wrote
from kill_points import Kill, Point, Whole
from kill_scenarios import SCENARIOS
from killed_plans import USER, Order
from nango_sandbox import Sandbox
from postgres_databases import drop_database, make_database, url_of
from serving import free_port, served
from truthful_person import LEDGER

_AHEAD = 600.0
"""Seconds after which a killed process's claims are over."""


@dataclass
class Accounts:
    """Stands before a sandbox: kills a process whose call is on its way, and tells a person what has happened."""

    sandbox: Sandbox
    folder: Path
    http: httpx.AsyncClient
    kill: Kill | None = None
    calls: list[str] = field(default_factory=list)
    on_their_way: int = 0
    _idle: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        request = Request(scope, receive)
        try:
            body = await request.body()
        except ClientDisconnect:
            # Killed while it was still sending: nothing has arrived.
            return
        answer = await self._answer(request, body)
        with contextlib.suppress(OSError):
            await answer(scope, receive, send)

    async def _answer(self, request: Request, body: bytes) -> Response:
        if request.url.path == LEDGER:
            entries = await self.sandbox.ledger()
            return JSONResponse([[f"{one.integration}/{one.action}", one.input] for one in entries if wrote(one)])
        if request.url.path != "/action/trigger":
            return await self._passed_on(request, body)
        self.calls.append(json.loads(body)["action_name"])
        kill = self.kill if self.kill and len(self.calls) == self.kill.at else None
        if kill and kill.on in {"arrived", "late"}:
            self._end_process()
            if kill.on == "arrived":
                return Response(status_code=503)
        self.on_their_way += 1
        try:
            answer = await self._passed_on(request, body)
        finally:
            self.on_their_way -= 1
            self._idle.set()
        if kill and kill.on == "ran":
            self._end_process()
        return answer

    def _end_process(self) -> None:
        os.kill(int((self.folder / PID).read_text()), signal.SIGKILL)

    async def _passed_on(self, request: Request, body: bytes) -> Response:
        headers = [(name, value) for name, value in request.headers.raw if name not in {b"host", b"accept-encoding"}]
        address = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        answer = await self.http.request(request.method, address, headers=headers, content=body)
        kept = {
            name: value
            for name, value in answer.headers.items()
            if name not in {"content-length", "transfer-encoding", "content-encoding", "connection", "date", "server"}
        }
        return Response(answer.content, answer.status_code, kept)

    async def quiet(self) -> None:
        """What a killed process had sent is not stopped by its death."""
        while self.on_their_way:
            self._idle.clear()
            await self._idle.wait()


class Place:
    """Where one worker runs its points: a program that forks, and databases like a prepared one for each point."""

    def __init__(self, run: Processes, folder: Path, postgres: Any) -> None:
        self._run = run
        self._folder = folder
        self._postgres = postgres
        self._template = ""

    async def prepare(self) -> None:
        """Makes the tables once."""
        first = self._folder / "prepared"
        first.mkdir(parents=True)
        if self._postgres:
            self._template = make_database(self._postgres)
        url = url_of(self._postgres, self._template) if self._postgres else None
        ended = await self._run(Order(str(first), "http://127.0.0.1:9", "none", "write", url, prepare=True))
        assert not ended.signal, ended.told
        assert "failed" not in ended.told, ended.told["failed"]

    async def whole(self, scenario: str, first: Kill | None = None) -> Whole:
        """What is done where nobody is killed; after a kill, what the next process does."""
        async with self._opened(scenario) as (order, accounts):
            if first is not None:
                accounts.kill = first
                await self._run(order)
                await accounts.quiet()
                accounts.kill, accounts.calls = None, []
            ended = await self._run(replace(order, ahead=_AHEAD if first else 0.0))
            ledger = await accounts.sandbox.ledger()
        written = counted(ledger)
        problem = problem_of(ended)
        if not problem and written.total() != SCENARIOS[scenario].writes:
            problem = f"{written.total()} writes, not {SCENARIOS[scenario].writes}: {dict(written)}"
        steps = ended.told.get("steps", {})
        return Whole(scenario, ended.commits, accounts.calls, dict(written), steps, problem)

    async def killed(self, point: Point, whole: Whole) -> Outcome:
        begun = time.monotonic()
        async with self._opened(point.scenario, point.goes_on) as (order, accounts):
            deaths: list[Ended] = []
            done_before: list[tuple[set[str], Counter[str]]] = []
            for nth, kill in enumerate(point.kills):
                accounts.kill, accounts.calls = kill, []
                ended = await self._run(
                    replace(
                        order,
                        ahead=_AHEAD * nth,
                        kill_after=kill.at if kill.on == "event" else None,
                        kill_after_calls=kill.at if kill.on == "calls" else None,
                    )
                )
                await accounts.quiet()
                deaths.append(ended)
                if ended.signal != signal.SIGKILL:
                    break
                at_the_time = Counter(map(named, await accounts.sandbox.ledger()))
                done_before.append((set(in_the_records(order)), at_the_time))
            accounts.kill = None
            if deaths[-1].signal == signal.SIGKILL:
                # Half of those who come after wait for the claims of the dead one to end.
                ahead = _AHEAD * len(deaths) if point.seed % 2 else 0.0
                last = await self._run(replace(order, ahead=ahead))
            else:
                last = deaths.pop()
            ledger = await accounts.sandbox.ledger()
            outcome = Outcome(str(point), len(deaths), [one.commits[-1] if one.commits else "" for one in deaths])
            judge(outcome, order, whole, last, ledger, done_before)
        outcome.seconds = round(time.monotonic() - begun, 2)
        return outcome

    @contextlib.asynccontextmanager
    async def _opened(self, scenario: str, goes_on: str = "wake") -> AsyncIterator[tuple[Order, Accounts]]:
        folder, name = self._folder / "point", ""
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self._folder / "prepared", folder)
        if self._postgres:
            name = make_database(self._postgres, self._template)
        url = url_of(self._postgres, name) if name else None
        listener, address = free_port()
        try:
            async with (
                Sandbox() as sandbox,
                httpx.AsyncClient(base_url=sandbox.base_url, trust_env=False, timeout=60) as http,
            ):
                for integration in ("github", "slack"):
                    await sandbox.connect(integration, {"end_user_id": USER})
                accounts = Accounts(sandbox, folder, http)
                async with served(accounts, listener):
                    yield (
                        Order(str(folder), address, sandbox.api_key.get_secret_value(), scenario, url, goes_on),
                        accounts,
                    )
        finally:
            if name:
                drop_database(self._postgres, name)
