"""The routes of `langgraph.json` where the test itself sweeps."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from nango_graph.server import services
from nango_graph.server.app import create_app
from nango_graph.server.dev import without_login
from nango_graph.services import ServicesSource
from nango_graph.waiting.threads import Threads


@asynccontextmanager
async def _nobody_sweeps(services: ServicesSource, threads: Threads) -> AsyncIterator[None]:
    yield


app = create_app(services, without_login, sweeping=_nobody_sweeps)
