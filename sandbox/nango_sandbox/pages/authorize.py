"""The provider's page: somebody asks for access to the user's account. Stands for github.com and the rest."""

from urllib.parse import urlencode

from jinja2 import Environment
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from nango_sandbox.api.auth import services_of
from nango_sandbox.api.oauth import authorize_path, client_id_of, redirect_uri
from nango_sandbox.errors import NangoError
from nango_sandbox.functions.action import Integration
from nango_sandbox.pages.connect import refused
from nango_sandbox.pages.forms import read_form
from nango_sandbox.pages.rendering import page
from nango_sandbox.services import Services

ASKED = ("response_type", "client_id", "redirect_uri", "scope", "state", "code_challenge", "code_challenge_method")


def authorize_routes(templates: Environment) -> list[Route]:
    async def show(request: Request) -> Response:
        asked = {name: request.query_params.get(name, "") for name in ASKED}
        try:
            integration = _asking(services_of(request), request.path_params["provider"], asked)
        except NangoError as error:
            return refused(templates, error)
        return page(
            templates,
            "authorize.html",
            integration=integration,
            asked=asked,
            path=authorize_path(integration.provider),
            scopes=asked["scope"].split(),
        )

    async def answer(request: Request) -> Response:
        services, provider = services_of(request), request.path_params["provider"]
        try:
            form = await read_form(request, max_fields=20)
            asked = {name: form.get(name, "") for name in ASKED}
            _asking(services, provider, asked)
        except NangoError as error:
            return refused(templates, error)
        if form.get("decision") == "authorize":
            code = await services.authority.code(
                provider,
                client_id=asked["client_id"],
                redirect_uri=asked["redirect_uri"],
                scopes=asked["scope"].split(),
                challenge=asked["code_challenge"],
            )
            told = {"code": code}
        else:
            told = {"error": "access_denied", "error_description": "The user denied the request."}
        return RedirectResponse(f"{asked['redirect_uri']}?{urlencode({**told, 'state': asked['state']})}", 302)

    path = authorize_path("{provider}")
    return [Route(path, show, methods=["GET"]), Route(path, answer, methods=["POST"])]


def _asking(services: Services, provider: str, asked: dict[str, str]) -> Integration:
    """The integration whose OAuth app asks. Raises NangoError 400: never is the browser sent to an unknown address."""
    found = [
        each
        for each in services.integrations.values()
        if each.provider == provider and client_id_of(services, each) == asked["client_id"]
    ]
    if not found:
        raise NangoError(400, "invalid_client", "The provider does not know the app that asks.")
    if asked["redirect_uri"] != redirect_uri(services):
        raise NangoError(400, "invalid_redirect_uri", "The app that asks may not send you there.")
    if asked["response_type"] != "code" or asked["code_challenge_method"] != "S256" or not asked["code_challenge"]:
        raise NangoError(400, "invalid_request", "The app does not ask as it has to.")
    return found[0]
