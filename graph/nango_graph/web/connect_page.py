"""The page behind our links: says who asked and for what, and has no effect until one of its buttons is pressed.

GET and HEAD change nothing, so previews of links in chats are harmless. POST `decision=continue` makes a fresh connect session and
goes on to Nango, which is why our links live as long as the wait; `decision=decline` ends the wait. Every state has its answer:

    200  the page; already connected; declined just now        303  on to Nango
    400, 408, 413, 415, 403  a form that is none, or not sent from this page in this browser
    401  nobody is logged in, where people log in              403  somebody else is
    404  not a link of ours, or of a wait that is not known    410  the wait has expired, or was declined
    429  too many sessions for this wait within a minute       502, 503  Nango refused; can't be reached. The wait goes on.
"""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from nango_graph.connections.accounts import label_of
from nango_graph.connections.finding import Found, find_connections
from nango_graph.connections.sessions import PATH, new_session, wait_of_token
from nango_graph.identity import Requester
from nango_graph.limits import Limit
from nango_graph.records import Wait
from nango_graph.services import Services, ServicesSource
from nango_graph.waiting.looking import satisfied_now
from nango_graph.waiting.threads import Threads
from nango_graph.web.bodies import BadBody
from nango_graph.web.forms import FIELD, StaleForm, cookie_of, read_form, seal, set_cookie
from nango_graph.web.opening import LoginNeeded, LoginUnavailable, Opener
from nango_graph.web.pages import guarded, page, templates
from nango_graph.web.waking import wake
from nango_tools import ConnectionSummary, NangoError, TransientError, UnknownConnection

SESSIONS_A_MINUTE = 5
"""For one wait, by one process."""
LABELS_A_MINUTE = 10
LABEL_SECONDS, SESSION_SECONDS = 3.0, 20.0
"""How long somebody who looks at the page waits for Nango."""
_log = logging.getLogger(__name__)


def connect_route(source: ServicesSource, threads: Threads, opener: Opener | None) -> Route:
    return Route(PATH + "{token}", _ConnectPage(source, threads, opener).answer, methods=["GET", "POST"])


class _Told(Exception):
    """Ends a request with a page that only says something."""

    def __init__(self, name: str, status: int, *, headers: Mapping[str, str] | None = None, **values: Any) -> None:
        super().__init__(name)
        self.name = name
        self.status = status
        self.headers = headers
        self.values = values


@dataclass(frozen=True, slots=True)
class _Visit:
    """Somebody who may see this wait."""

    services: Services
    wait: Wait
    token: str
    opener: Requester | None
    display_name: str

    @property
    def opener_key(self) -> str:
        return self.opener.key if self.opener else ""


class _ConnectPage:
    def __init__(self, source: ServicesSource, threads: Threads, opener: Opener | None) -> None:
        self._source = source
        self._threads = threads
        self._opener = opener
        self._templates = templates()
        self._sessions = Limit(SESSIONS_A_MINUTE)
        self._labels = Limit(LABELS_A_MINUTE)

    async def answer(self, request: Request) -> Response:
        try:
            visit = await self._visit(request)
            _tell_of_its_end(visit)
            return await (self._act(request, visit) if request.method == "POST" else self._show(request, visit))
        except _Told as told:
            return page(
                self._templates, "told.html", told.status, headers=told.headers, about=told.name, **_ALL | told.values
            )

    async def _visit(self, request: Request) -> _Visit:
        """Who may see nothing is told nothing: neither whose the wait is, nor what for, nor what became of it."""
        services, token = await self._source(), request.path_params["token"]
        wait_id = wait_of_token(services.settings, token)
        if wait_id is None:
            raise _Told("unknown", 404)
        opener = await self._who_opens(request)
        wait = await services.records.waits.get(wait_id)
        if wait is None:
            raise _Told("unknown", 404)
        if opener is not None and opener != wait.requester:
            raise _Told("somebody_else", 403, user=opener.user_id)
        return _Visit(services, wait, token, opener, await _display_name(services, wait.integration))

    async def _who_opens(self, request: Request) -> Requester | None:
        if self._opener is None:
            return None
        try:
            who = await self._opener(request)
        except LoginUnavailable:
            raise _Told("login_unavailable", 503, headers={"Retry-After": "30"}) from None
        if who is None or isinstance(who, LoginNeeded):
            who = who or LoginNeeded()
            url = who.login_url if who.login_url and urlsplit(who.login_url).scheme in {"http", "https"} else ""
            raise _Told("login", 401, headers={"WWW-Authenticate": "Bearer"}, because=who.because, login_url=url)
        return who

    async def _show(self, request: Request, visit: _Visit) -> Response:
        settings, wait = visit.services.settings, visit.wait
        cookie = cookie_of(request)
        shown = page(
            self._templates,
            "ask.html",
            200,
            forms_lead_to=" ".join(f"{scheme}:" for scheme in _schemes(visit.services)),
            user=wait.requester.user_id,
            organization=wait.requester.organization_id,
            integration=visit.display_name,
            account=await self._account_to_mend(visit),
            reason="broken" if wait.reason == "missing" and wait.connection_id else wait.reason,
            until=wait.deadline,
            verified=visit.opener is not None,
            field=FIELD,
            seal=seal(settings, cookie=cookie, about=visit.token, opener=visit.opener_key),
        )
        set_cookie(shown, request, settings, cookie)
        return shown

    async def _act(self, request: Request, visit: _Visit) -> Response:
        try:
            form = await read_form(request, visit.services.settings, about=visit.token, opener=visit.opener_key)
        except StaleForm:
            raise _Told("stale", 403) from None
        except BadBody as error:
            raise _Told("bad_form", error.status, because=str(error)) from None
        match form.get("decision"):
            case "continue":
                return guarded(RedirectResponse(await self._link(visit), 303))
            case "decline":
                await self._decline(visit)
                raise _Told("declined", 200, integration=visit.display_name)
            case _:
                raise _Told("bad_form", 400, because="It says neither continue nor decline.")

    async def _decline(self, visit: _Visit) -> None:
        services, wait = visit.services, visit.wait
        if await services.records.waits.decline(wait.id, now=services.clock.now()):
            await wake(services, self._threads, wait)
        else:
            await _tell_if_over(visit)

    async def _link(self, visit: _Visit) -> str:
        """Nango's link of a fresh session. Raises `_Told`; the wait is as it was then, unless the connection is there."""
        services, wait = visit.services, visit.wait
        if not self._sessions.take(wait.id, services.clock.now()):
            raise _Told("too_often", 429, headers={"Retry-After": str(self._sessions.seconds)})
        try:
            async with asyncio.timeout(SESSION_SECONDS):
                if await satisfied_now(services, [wait]):
                    await wake(services, self._threads, wait)
                await _tell_if_over(visit)
                link = await _fresh_link(services, wait)
        except (TransientError, TimeoutError):
            raise _Told("unreachable", 503, headers={"Retry-After": "30"}) from None
        except NangoError as error:
            # The reason is for whoever runs this: it names integrations and settings.
            _log.error("No connect session for %s could be made: %s", wait.integration, error)
            raise _Told("refused", 502) from None
        if urlsplit(link).scheme not in _schemes(services):
            _log.error("Nango's connect links are not https: set the address of its Connect page there.")
            raise _Told("refused", 502)
        # Before the link is given out: what comes through it is then known to be unverified.
        await services.records.waits.opened(wait.id, unverified=visit.opener is None, now=services.clock.now())
        await _tell_if_over(visit)
        return link

    async def _account_to_mend(self, visit: _Visit) -> str:
        """The label of the account to authorize again; empty if there is none, or Nango can't be asked at once."""
        services, wait = visit.services, visit.wait
        if wait.connection_id is None or not self._labels.take(wait.id, services.clock.now()):
            return ""
        try:
            async with asyncio.timeout(LABEL_SECONDS):
                found = await find_connections(services, wait.requester, {wait.integration})
        except (NangoError, TimeoutError):
            return ""
        there = {connection.connection_id: connection for connection in _all(found[wait.integration])}
        connection = there.get(wait.connection_id)
        return label_of(connection, visit.display_name) if connection else ""


_ALL: dict[str, Any] = {"integration": "", "user": "", "because": "", "login_url": ""}
"""What pages that only say something may name."""


def _all(found: Found) -> list[ConnectionSummary]:
    return [*found.broken, *found.usable, *(one.connection for one in found.unconfirmed)]


def _schemes(services: Services) -> tuple[str, ...]:
    """Of Nango's connect links. Chrome applies `form-action` to where the answer to a form redirects, and which host that is
    is Nango's to say. Plain http is only for a Nango that is itself reached so: one on this machine or in a private network.
    """
    return ("https", "http") if urlsplit(services.settings.nango.base_url).scheme == "http" else ("https",)


async def _display_name(services: Services, integration: str) -> str:
    try:
        async with asyncio.timeout(LABEL_SECONDS):
            names = {each.key: each.display_name for each in await services.catalog.integrations()}
    except (NangoError, TimeoutError):
        return integration
    return names.get(integration, integration)


async def _fresh_link(services: Services, wait: Wait) -> str:
    found = (await find_connections(services, wait.requester, {wait.integration}))[wait.integration]
    try:
        return (await new_session(services, wait, found)).connect_link
    except UnknownConnection:
        # The one to mend was deleted this moment: a new one does as well.
        return (await new_session(services, wait, Found())).connect_link


async def _tell_if_over(visit: _Visit) -> None:
    """Looks again: raises `_Told` if somebody has ended the wait meanwhile."""
    wait = await visit.services.records.waits.get(visit.wait.id)
    if wait is None:
        raise _Told("unknown", 404)
    _tell_of_its_end(_Visit(visit.services, wait, visit.token, visit.opener, visit.display_name))


def _tell_of_its_end(visit: _Visit) -> None:
    wait = visit.wait
    if wait.state in {"satisfied", "consumed"}:
        raise _Told("connected", 200, integration=visit.display_name)
    if wait.state == "cancelled":
        raise _Told("declined", 410, integration=visit.display_name)
    if wait.state == "expired" or wait.deadline <= visit.services.clock.now():
        raise _Told("expired", 410, integration=visit.display_name)
