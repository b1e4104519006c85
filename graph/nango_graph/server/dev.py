"""Our own routes beside the LangGraph server of `langgraph.json`: Studio on this machine, one user, no login."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.middleware import Middleware

from nango_graph.server import services
from nango_graph.server.app import create_app
from nango_graph.server.starting import check_policy, refuse_login
from nango_graph.server.visitors import AllowedVisitors, OnlyAllowed


@asynccontextmanager
async def without_login() -> AsyncIterator[None]:
    refuse_login(os.environ)
    check_policy(os.environ)
    yield


ALLOWED = Middleware(OnlyAllowed, AllowedVisitors.from_environ(os.environ))
app = create_app(services, without_login, middleware=[ALLOWED])
