"""What `langgraph dev` serves in these tests instead of `nango_graph.server`: the same graph and routes, with a clock that a test
moves, a sweep that it orders, and a model that notes its plans. It can be told to be killed at a point that a test names.

Environment: WAITING_SERVER_NOW (seconds since the epoch), _NOTES (the model's file), _LOGIN (anything: people log in).
"""

import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from agents import MovableClock
from nango_graph.records.waits import Waits
from nango_graph.server import server_settings
from nango_graph.server.app import create_app
from nango_graph.services import Services, ServicesPerLoop, ServicesSource, open_services
from nango_graph.waiting.sweep import Sweep, sweeping
from nango_graph.waiting.threads import Threads
from nango_graph.workflow import build_graph
from noting_model import NotingModel

ORDERS = "/webhooks/test"
"""Where no login is asked for."""
_NEVER = 1e9

clock = MovableClock()
clock.time = float(os.environ["WAITING_SERVER_NOW"])
_sweeps: list[Sweep] = []
_deadly: set[str] = set()
"""States of a wait: the process is killed when one has been committed."""


class _KillingWaits(Waits):
    async def satisfy(self, *args: Any, **kwargs: Any) -> bool:
        return self._killed(await super().satisfy(*args, **kwargs), "satisfied")

    async def change(self, wait_id: str, state: Any, **kwargs: Any) -> bool:
        return self._killed(await super().change(wait_id, state, **kwargs), state)

    def _killed(self, changed: bool, state: str) -> bool:
        if changed and state in _deadly:
            os.kill(os.getpid(), signal.SIGKILL)
        return changed


@asynccontextmanager
async def _open_services() -> AsyncIterator[Services]:
    model = NotingModel(notes=Path(os.environ["WAITING_SERVER_NOTES"]))
    async with open_services(server_settings(), model=model, clock=clock) as services:
        services.records.waits = _KillingWaits(services.records.waits._database)
        yield services


@asynccontextmanager
async def _sweeping_at_once_and_when_told(services: ServicesSource, threads: Threads) -> AsyncIterator[None]:
    async with sweeping(services, threads, every=_NEVER, looks_a_minute=1_000_000) as sweep:
        _sweeps.append(sweep)
        yield


async def _obey(request: Request) -> JSONResponse:
    """{"now": seconds since the epoch, "sweep": whether there is a pass of the sweep then, "deadly": [states]}"""
    orders = await request.json()
    clock.time = orders["now"]
    _deadly.update(orders["deadly"])
    return JSONResponse(asdict(await _sweeps[0].once()) if orders["sweep"] else {})


services = ServicesPerLoop(_open_services)
graph = build_graph(services).compile()
if os.environ.get("WAITING_SERVER_LOGIN"):
    from nango_graph.server.auth import logged_in
    from nango_graph.server.deploy import PUBLISHED, with_login

    app = create_app(
        services,
        with_login,
        opener=logged_in,
        middleware=[PUBLISHED],
        sweeping=_sweeping_at_once_and_when_told,
    )
else:
    from nango_graph.server.dev import without_login

    app = create_app(services, without_login, sweeping=_sweeping_at_once_and_when_told)
app.router.routes.append(Route(ORDERS, _obey, methods=["POST"]))
