"""The connect page: the end user says yes or no. Plain forms, so that it works without JavaScript.

Another site cannot post them: it has no session token, and its forms are refused.
"""

import secrets
from typing import Any

from jinja2 import Environment
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from nango_sandbox.api.auth import services_of, session_of
from nango_sandbox.connecting import authorize, deny, granted
from nango_sandbox.errors import NangoError
from nango_sandbox.functions.action import Integration
from nango_sandbox.pages.forms import read_form
from nango_sandbox.pages.rendering import page
from nango_sandbox.services import Services
from nango_sandbox.store.sessions import ConnectSession


def refused(templates: Environment, error: NangoError) -> Response:
    """The page that says why something did not work."""
    found = {"code": error.error["code"], "message": error.error.get("message", "")}
    return page(templates, "connect_refused.html", error.status, **found)


def done(templates: Environment, session: ConnectSession, integration: Integration, *, denied: bool) -> Response:
    """The page at the end, whatever the end user decided."""
    return page(
        templates, "connect_done.html", who=_who(session), integration=integration, denied=denied, session=session
    )


def connect_routes(templates: Environment) -> list[Route]:
    async def show(request: Request) -> Response:
        services = services_of(request)
        try:
            session = await session_of(services, request.query_params.get("session_token", ""))
        except NangoError as error:
            return refused(templates, error)
        offered = [each for key, each in sorted(services.integrations.items()) if session.allows(key)]
        return page(
            templates,
            "connect.html",
            session=session,
            who=_who(session),
            offered=offered,
            form_id=secrets.token_urlsafe(12),
        )

    async def answer(request: Request) -> Response:
        services = services_of(request)
        try:
            form = await read_form(request, max_fields=10)
            session, integration = await _choice(services, form)
            denied = form.get("decision") == "deny"
            await _answer_once(services, session, integration, form)
        except NangoError as error:
            return refused(templates, error)
        return done(templates, session, integration, denied=denied)

    return [
        Route("/connect", show, methods=["GET"]),
        Route("/connect", answer, methods=["POST"]),
    ]


async def _choice(services: Services, form: dict[str, str]) -> tuple[ConnectSession, Integration]:
    session = await session_of(services, form.get("session_token", ""))
    integration = services.integrations.get(form.get("integration", ""))
    if integration is None:
        raise NangoError(404, "not_found", "There is no such integration.")
    if form.get("decision") not in ("authorize", "deny"):
        raise NangoError(400, "invalid_body", "The answer is neither authorize nor deny.")
    return session, integration


async def _answer_once(
    services: Services, session: ConnectSession, integration: Integration, form: dict[str, str]
) -> None:
    """A form that comes twice (a double click, a reload) counts once. One that was refused may come again."""
    form_id = f"{form['form']}/{integration.key}" if form.get("form") else None
    if form_id is not None and not await services.sessions.claim(session.token, form_id):
        return
    try:
        if form.get("decision") == "deny":
            await deny(services, session, integration)
        else:
            credentials = await _credentials(services, session, integration, form)
            await authorize(services, session, integration, credentials)
    except NangoError:
        if form_id is not None:
            await services.sessions.release(session.token, form_id)
        raise


async def _credentials(
    services: Services, session: ConnectSession, integration: Integration, form: dict[str, str]
) -> dict[str, Any]:
    """What the end user typed; for OAuth, what the provider would have given out."""
    names = {"API_KEY": {"apiKey": "api_key"}, "BASIC": {"username": "username", "password": "password"}}
    wanted = names.get(integration.auth_mode)
    if wanted is None:
        return await granted(services, integration, session)
    typed = {name: form.get(field, "").strip() for name, field in wanted.items()}
    if not next(iter(typed.values())):
        raise NangoError(400, "invalid_body", f"{integration.display_name} needs what the form asks for.")
    return {"type": integration.auth_mode, **typed}


def _who(session: ConnectSession) -> dict[str, str]:
    """Whom the page addresses: name, email and organization, as far as the tags tell."""
    tags = session.tags
    name = tags.get("end_user_display_name") or tags.get("end_user_email") or tags.get("end_user_id") or "an end user"
    return {
        "name": name,
        "email": tags.get("end_user_email", ""),
        "organization": tags.get("organization_display_name") or tags.get("organization_id", ""),
    }
