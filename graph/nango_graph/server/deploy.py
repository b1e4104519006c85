"""What `deploy/langgraph.json` names: login, and our own routes beside the LangGraph server.

Without JWT settings this can't be imported, so the server does not start; nor does it where its own address is not known.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.middleware import Middleware

from nango_graph.server import server_settings, services
from nango_graph.server.addresses import require_public_url
from nango_graph.server.app import create_app
from nango_graph.server.auth import Login, create_auth, logged_in
from nango_graph.server.published import OnlyPublished
from nango_graph.server.starting import check_configuration, check_policy, require_login

_login = Login(require_login(os.environ))
auth = create_auth(_login)


@asynccontextmanager
async def with_login() -> AsyncIterator[None]:
    check_configuration(os.environ)
    check_policy(os.environ)
    require_public_url(server_settings())
    async with _login.open((await services()).records):
        yield


PUBLISHED = Middleware(OnlyPublished)
app = create_app(services, with_login, opener=logged_in, middleware=[PUBLISHED])
