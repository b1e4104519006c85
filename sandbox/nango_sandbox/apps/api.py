"""The apps' own APIs, which the proxy reaches: the paths of the real ones, over the functions that the actions run.

Bodies are those of the actions, a simpler form of what the real APIs take and give.
"""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from nango_sandbox.functions.action import Action, Integration
from nango_sandbox.functions.failures import ActionFailed, FunctionFailure, UpstreamFailed
from nango_sandbox.services import Services
from nango_sandbox.store.connections import Connection


class Path(NamedTuple):
    """Which action answers. `item` names the part of its output that is the answer, if not all of it is."""

    method: str
    path: str
    action: str
    item: str | None = None


_REPOSITORY, _ISSUE = "/repos/{owner}/{repo}", "/repos/{owner}/{repo}/issues/{issue_number}"
_OBJECTS = "/crm/v3/objects"

PATHS: Mapping[str, tuple[Path, ...]] = {
    "github": (
        Path("GET", "/user/repos", "list-repositories", "repositories"),
        Path("GET", _REPOSITORY, "get-repository"),
        Path("GET", f"{_REPOSITORY}/issues", "list-issues", "issues"),
        Path("POST", f"{_REPOSITORY}/issues", "create-issue"),
        Path("GET", _ISSUE, "get-issue"),
        Path("PATCH", _ISSUE, "update-issue"),
        Path("GET", f"{_ISSUE}/comments", "list-issue-comments", "comments"),
        Path("POST", f"{_ISSUE}/comments", "add-issue-comment"),
        Path("GET", f"{_REPOSITORY}/labels", "list-labels", "labels"),
        Path("POST", f"{_REPOSITORY}/labels", "create-label"),
        Path("DELETE", f"{_REPOSITORY}/labels/{{name}}", "delete-label"),
    ),
    "hubspot": (
        Path("GET", f"{_OBJECTS}/contacts", "list-contacts"),
        Path("POST", f"{_OBJECTS}/contacts/search", "search-contacts"),
        Path("POST", f"{_OBJECTS}/contacts", "create-contact"),
        Path("GET", f"{_OBJECTS}/contacts/{{contact_id}}", "get-contact"),
        Path("PATCH", f"{_OBJECTS}/contacts/{{contact_id}}", "update-contact"),
        Path("DELETE", f"{_OBJECTS}/contacts/{{contact_id}}", "delete-contact"),
        Path("GET", f"{_OBJECTS}/companies", "list-companies"),
        Path("POST", f"{_OBJECTS}/companies", "create-company"),
        Path("GET", f"{_OBJECTS}/deals", "list-deals"),
        Path("POST", f"{_OBJECTS}/deals", "create-deal"),
        Path("PATCH", f"{_OBJECTS}/deals/{{deal_id}}", "update-deal"),
        Path("DELETE", f"{_OBJECTS}/deals/{{deal_id}}", "delete-deal"),
    ),
    "slack": (
        Path("GET", "/api/conversations.list", "list-channels"),
        Path("GET", "/api/conversations.info", "get-channel-info"),
        Path("GET", "/api/conversations.history", "get-conversation-history"),
        Path("GET", "/api/search.messages", "search-messages"),
        Path("POST", "/api/chat.postMessage", "post-message"),
        Path("POST", "/api/chat.update", "update-message"),
        Path("POST", "/api/chat.delete", "delete-message"),
        Path("POST", "/api/conversations.create", "create-channel"),
        Path("POST", "/api/conversations.setTopic", "set-channel-topic"),
        Path("POST", "/api/conversations.archive", "archive-channel"),
        Path("GET", "/api/users.list", "list-users"),
        Path("GET", "/api/users.lookupByEmail", "lookup-user-by-email"),
    ),
}
"""By provider."""

VERIFICATION = "/user"
"""Answers 200 to whoever is let in; the credentials of some providers are verified there."""


def app_api(services: Services, connection: Connection, integration: Integration) -> ASGIApp | None:
    """The API of an integration's app, acting for a connection. None for an app that has none here."""

    def endpoint(path: Path, action: Action) -> Route:
        async def answer(request: Request) -> JSONResponse:
            if not await _admitted(services, integration, request):
                return JSONResponse({"message": "Bad credentials"}, 401)
            try:
                given = await _given(request, action)
            except ValueError:
                return JSONResponse({"message": "Problems parsing JSON"}, 400)
            acting = connection.model_copy(update={"integration": integration.key})
            try:
                output = await services.runner.run(acting, action, given, via="proxy")
            except UpstreamFailed as failure:
                return JSONResponse(failure.payload, failure.upstream_status)
            except ActionFailed as failure:
                return JSONResponse({"message": failure.payload["message"]}, 422)
            except FunctionFailure as failure:
                return JSONResponse({"message": str(failure)}, 500)
            return JSONResponse(output if path.item is None else output[path.item])

        return Route(path.path, answer, methods=[path.method])

    async def verified(request: Request) -> JSONResponse:
        if not await _admitted(services, integration, request):
            return JSONResponse({"message": "Bad credentials"}, 401)
        return JSONResponse({"login": connection.tags.get("end_user_id", connection.connection_id)})

    async def not_found(_: Request, __: Exception) -> JSONResponse:
        return JSONResponse({"message": "Not Found"}, 404)

    actions = {each.name: each for each in integration.actions}
    paths = [each for each in PATHS.get(integration.provider, ()) if each.action in actions]
    if not paths or integration.seed is None:
        return None
    routes = [Route(VERIFICATION, verified, methods=["GET"]), *(endpoint(each, actions[each.action]) for each in paths)]
    return Starlette(routes=routes, exception_handlers={404: not_found, 405: not_found})


async def _admitted(services: Services, integration: Integration, request: Request) -> bool:
    """Whether the request carries a token that none of those who share this API has taken back."""
    token = request.headers.get("authorization", "").partition(" ")[2]
    address = services.providers.of(integration).base_url()
    sharing = [name for name, each in services.providers.items() if each.base_url() == address]
    return await services.authority.accepts(token, *sharing)


async def _given(request: Request, action: Action) -> dict[str, Any]:
    """The action's input: from the path, the query, and the body. Raises ValueError for a body that is no JSON object."""
    sent = {**request.query_params, **request.path_params}
    properties = action.signature.input_schema().get("properties", {})
    given = {name: _typed(value, properties.get(name, {}).get("type")) for name, value in sent.items()}
    if raw := await request.body():
        body = await request.json()
        if not isinstance(body, dict):
            message = f"not an object: {raw[:20]!r}"
            raise ValueError(message)
        given = {**body, **given}
    return given


def _typed(value: str, kind: object) -> Any:
    if kind == "integer" and re.fullmatch(r"-?\d+", value):
        return int(value)
    if kind == "number" and re.fullmatch(r"-?\d+(\.\d+)?", value):
        return float(value)
    if kind == "boolean" and value in ("true", "false"):
        return value == "true"
    return value
