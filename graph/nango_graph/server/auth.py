"""Who may do what on a LangGraph server with login: everybody has their own threads, and nothing else.

What is not allowed here by name is refused: assistants can't be made or changed, there are no crons and no store.
Threads are filtered by the `owner` in their metadata, which clients can't choose.
"""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from langgraph_sdk import Auth
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.types import Scope

from nango_graph.identity import Requester
from nango_graph.records import Records
from nango_graph.records.owners import Owners
from nango_graph.server.jwt_settings import JwtSettings
from nango_graph.server.keys import KeysUnavailable
from nango_graph.server.tokens import NotLoggedIn, TokenChecker
from nango_graph.web.opening import LoginNeeded

OWNER = "owner"
"""The key in a thread's metadata that holds `Requester.key`."""
PAGES = "/connect/"
"""Opened in a browser: a cookie may say who it is, and the page says itself what it tells a stranger."""
SIGNED = "/webhooks/"
"""Sent by Nango and signed: no token, and the route checks the signature."""

_logger = logging.getLogger(__name__)
_NOBODY = {"identity": "", "display_name": "", "is_authenticated": False, "permissions": []}


class Login:
    """What is needed to know people by their tokens, open while the server runs."""

    def __init__(self, settings: JwtSettings) -> None:
        self.settings = settings
        self._open: tuple[TokenChecker, Records] | None = None

    @asynccontextmanager
    async def open(self, records: Records) -> AsyncIterator[None]:
        async with httpx.AsyncClient(trust_env=False) as http:
            self._open = TokenChecker(self.settings, http), records
            try:
                yield
            finally:
                self._open = None

    @property
    def checker(self) -> TokenChecker:
        return self._opened[0]

    @property
    def owners(self) -> Owners:
        return self._opened[1].owners

    @property
    def _opened(self) -> tuple[TokenChecker, Records]:
        if self._open is None:
            raise RuntimeError("Nobody can log in: serve nango_graph.server.deploy:app as http.app.")
        return self._open


async def logged_in(connection: HTTPConnection) -> Requester | LoginNeeded:
    """Whom a request of a custom route (`http.enable_custom_route_auth`) comes from. An `Opener` for the pages behind our links."""
    user: Any = connection.scope.get("user")
    requester = _requester(user)
    if requester is not None:
        return requester
    try:
        return LoginNeeded(login_url=user["login_url"])
    except (KeyError, TypeError):
        return LoginNeeded()


def create_auth(login: Login) -> Auth:
    """The `auth` of a LangGraph configuration. Refuses everything until `login` is open."""
    auth = Auth()

    @auth.authenticate
    async def authenticate(scope: Scope) -> Any:
        connection = HTTPConnection(scope)
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        if path.startswith(SIGNED):
            return _NOBODY
        try:
            token = _page_token(connection, login.settings.cookie) if _is_page(path) else _token(connection)
            requester = await login.checker.check(token)
        except NotLoggedIn as error:
            if _is_page(path):
                return {**_NOBODY, "login_url": login.settings.login_url}
            raise Auth.exceptions.HTTPException(status_code=401, detail=str(error)) from None
        except KeysUnavailable as error:
            _logger.error("Nobody can log in: %s", error)  # noqa: TRY400 - the place in the code tells nothing more
            raise HTTPException(503, "Logins can't be checked at the moment. Try again.") from None
        return {
            "identity": requester.key,
            "display_name": requester.user_id,
            "is_authenticated": True,
            "permissions": [],
            "user_id": requester.user_id,
            "organization_id": requester.organization_id,
        }

    @auth.on
    async def refuse(ctx: Any, value: Any) -> bool:  # noqa: ARG001
        return False

    @auth.on.threads.create
    async def create(ctx: Any, value: Any) -> Any:
        owner = _owner(ctx)
        if not await login.owners.claim(str(value["thread_id"]), owner):
            raise HTTPException(409, f"Thread with ID {value['thread_id']} already exists")  # as if its row were there
        return _marked(value, owner)

    @auth.on.threads.create_run
    async def create_run(ctx: Any, value: Any) -> Any:
        owner = _owner(ctx)
        thread_id = value.get("thread_id")
        if thread_id is None:
            raise HTTPException(422, "This agent waits for people, so it needs a thread: create one, and run it there.")
        if (value.get("kwargs") or {}).get("webhook"):
            # The server would send the whole state to any address, its own network's included.
            raise HTTPException(422, "Runs with a webhook are not allowed here: stream or join the run.")
        if not await login.owners.claim(str(thread_id), owner):
            raise HTTPException(404, "Thread or assistant not found.")
        return _marked(value, owner)

    @auth.on.threads.update
    async def update(ctx: Any, value: Any) -> Any:
        return _marked(value, _owner(ctx))

    @auth.on(resources="threads", actions=["read", "search", "delete"])
    async def use(ctx: Any, value: Any) -> Any:  # noqa: ARG001
        return {OWNER: _owner(ctx)}

    @auth.on(resources="assistants", actions=["read", "search"])
    async def see(ctx: Any, value: Any) -> Any:  # noqa: ARG001
        _owner(ctx)
        return {"created_by": "system"}

    return auth


def _is_page(path: str) -> bool:
    return path.startswith(PAGES)


def _page_token(connection: HTTPConnection, cookie: str | None) -> str:
    """A proxy may ask browsers for a password of its own: other schemes than Bearer are none of our business here."""
    given = connection.headers.getlist("authorization")
    if any(header.lower().startswith("bearer ") for header in given):
        return _token(connection)
    token = connection.cookies.get(cookie, "") if cookie else ""
    if not token:
        raise NotLoggedIn("You are not logged in.")
    return token


def _token(connection: HTTPConnection) -> str:
    given = connection.headers.getlist("authorization")
    if not given:
        raise NotLoggedIn("You are not logged in. Send a header `Authorization: Bearer <token>`.")
    scheme, _, token = given[0].partition(" ")
    if len(given) > 1 or scheme.lower() != "bearer" or not token.strip():
        raise NotLoggedIn("Send one header `Authorization: Bearer <token>`.")
    return token.strip()


def _requester(user: Any) -> Requester | None:
    """The person whom `authenticate` above found, and no other kind of user: Studio's could be anyone."""
    if user is None or not user.is_authenticated:
        return None
    try:
        requester = Requester(user["user_id"], user["organization_id"])
    except (KeyError, TypeError):
        return None
    return requester if requester.user_id and requester.key == user.identity else None


def _owner(ctx: Any) -> str:
    requester = _requester(ctx.user)
    if requester is None:
        raise HTTPException(403, "Forbidden")
    return requester.key


def _marked(value: Any, owner: str) -> dict[str, str]:
    """Writes the owner into the metadata, in place (the server ignores a new dict), and returns the filter."""
    metadata = value.get("metadata")
    if metadata is None:
        metadata = value["metadata"] = {}
    metadata[OWNER] = owner
    return {OWNER: owner}
