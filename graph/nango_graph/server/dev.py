"""Our own routes beside the LangGraph server of `langgraph.json`: Studio on this machine, one user, no login."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from nango_graph.server import services
from nango_graph.server.app import create_app
from nango_graph.server.starting import refuse_login


@asynccontextmanager
async def without_login() -> AsyncIterator[None]:
    refuse_login(os.environ)
    yield


app = create_app(services, without_login)
