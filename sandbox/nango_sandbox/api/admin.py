"""The sandbox's own API: what a test in any language does with time, faults, keys and webhooks.

    GET    /sandbox/api/clock                     {now}
    POST   /sandbox/api/clock                     {advance: seconds}                   -> {now}
    GET    /sandbox/api/faults                    {faults: [{id, struck, pending, fault}]}
    POST   /sandbox/api/faults                    a fault, as faults/kinds.py says     -> 201 {id, ...}
    DELETE /sandbox/api/faults, .../faults/{id}   204
    GET    /sandbox/api/requests                  {requests: [...], forgotten: count}, the newest thousand
    GET    /sandbox/api/keys                      {keys: [{name, scopes}]}
    POST   /sandbox/api/keys                      {name, scopes?: [...]}               -> 201 {name, scopes, secret}
    DELETE /sandbox/api/keys/{name}               204
    GET    /sandbox/api/webhook-url               {url}
    PUT    /sandbox/api/webhook-url               {url: URL or null}                   -> {url}
    POST   /sandbox/api/connections/{integration}/{connection id}/expire, .../revoke   204
    POST   /sandbox/api/reset                     204

All of it wants an API key with every scope, is in JSON both ways, and counts for no rate limit. What is wrong is
answered as Nango does it: `{"error": {"code", "message" or "errors"}}` with 400, 401, 403 or 404. `GET
/sandbox/api/ledger` and `/sandbox/api/state`, which only show, are open to whoever is on this machine.
"""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, HttpUrl, TypeAdapter, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from nango_sandbox.api.auth import known_key, services_of
from nango_sandbox.api.scopes import is_scope
from nango_sandbox.api.validation import read_json
from nango_sandbox.connecting import expire, revoke
from nango_sandbox.errors import NangoError, issue
from nango_sandbox.faults.kinds import Fault
from nango_sandbox.faults.registry import DeclaredFault
from nango_sandbox.resetting import reset
from nango_sandbox.services import Services
from nango_sandbox.store.api_keys import EVERYTHING
from nango_sandbox.store.connections import Connection

T = TypeVar("T")

Endpoint = Callable[[Request], Awaitable[Response]]

NOTHING = 204


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Advance(_Body):
    advance: float = Field(ge=0, le=100 * 365 * 86400, allow_inf_nan=False)


def _known(scope: str) -> str:
    if not is_scope(scope):
        message = f"There is no scope {scope}"
        raise ValueError(message)
    return scope


class _NewKey(_Body):
    name: str = Field(min_length=1, max_length=255)
    scopes: list[Annotated[str, AfterValidator(_known)]] = [EVERYTHING]


class _WebhookUrl(_Body):
    url: HttpUrl | None


_ADVANCE, _NEW_KEY, _WEBHOOK_URL = TypeAdapter(_Advance), TypeAdapter(_NewKey), TypeAdapter(_WebhookUrl)
_FAULT: TypeAdapter[Fault] = TypeAdapter(Fault)


async def _allowed(request: Request) -> Services:
    if not (await known_key(request)).may(EVERYTHING):
        raise NangoError(403, "forbidden", f"Insufficient scope. Required: {EVERYTHING}")
    return services_of(request)


async def _read(request: Request, wanted: TypeAdapter[T]) -> T:
    body = await read_json(request)
    try:
        return wanted.validate_python(body)
    except ValidationError as error:
        found = [issue(each["type"], each["msg"], *map(str, each["loc"])) for each in error.errors()]
        raise NangoError(400, "invalid_body", errors=found) from error


def _now(services: Services) -> JSONResponse:
    return JSONResponse({"now": services.clock.now().isoformat()})


def _fault(declared: DeclaredFault) -> dict[str, Any]:
    return {
        "id": declared.id,
        "struck": declared.struck,
        "pending": declared.pending,
        "fault": declared.fault.model_dump(mode="json"),
    }


async def get_clock(request: Request) -> JSONResponse:
    return _now(await _allowed(request))


async def advance_clock(request: Request) -> JSONResponse:
    services = await _allowed(request)
    wanted = (await _read(request, _ADVANCE)).advance
    try:
        services.clock.advance(wanted)
    except ValueError as error:
        raise NangoError(400, "invalid_body", str(error)) from error
    return _now(services)


async def list_faults(request: Request) -> JSONResponse:
    services = await _allowed(request)
    return JSONResponse({"faults": [_fault(each) for each in services.faults]})


async def declare_fault(request: Request) -> JSONResponse:
    services = await _allowed(request)
    return JSONResponse(_fault(services.faults.add(await _read(request, _FAULT))), 201)


async def clear_faults(request: Request) -> Response:
    (await _allowed(request)).faults.clear()
    return Response(status_code=NOTHING)


async def remove_fault(request: Request) -> Response:
    services = await _allowed(request)
    if not services.faults.remove(request.path_params["id"]):
        raise NangoError(404, "not_found", "There is no such fault.")
    return Response(status_code=NOTHING)


async def list_requests(request: Request) -> JSONResponse:
    requests, forgotten = (await _allowed(request)).request_log.seen()
    return JSONResponse({"requests": [each.model_dump(mode="json") for each in requests], "forgotten": forgotten})


async def list_keys(request: Request) -> JSONResponse:
    services = await _allowed(request)
    keys = await services.api_keys.all()
    return JSONResponse({"keys": [{"name": each.name, "scopes": list(each.scopes)} for each in keys]})


async def create_key(request: Request) -> JSONResponse:
    services = await _allowed(request)
    wanted = await _read(request, _NEW_KEY)
    key = await services.api_keys.put(wanted.name, wanted.scopes)
    created = {"name": key.name, "scopes": list(key.scopes), "secret": key.secret.get_secret_value()}
    return JSONResponse(created, 201)


async def delete_key(request: Request) -> Response:
    services = await _allowed(request)
    if not await services.api_keys.delete(request.path_params["name"]):
        raise NangoError(404, "not_found", "There is no such key.")
    return Response(status_code=NOTHING)


async def get_webhook_url(request: Request) -> JSONResponse:
    return JSONResponse({"url": (await _allowed(request)).webhooks.url})


async def set_webhook_url(request: Request) -> JSONResponse:
    services = await _allowed(request)
    wanted = await _read(request, _WEBHOOK_URL)
    services.webhooks.url = None if wanted.url is None else str(wanted.url)
    return JSONResponse({"url": services.webhooks.url})


def _to_connection(happening: Callable[[Services, Connection], Awaitable[object]]) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        services = await _allowed(request)
        connection = await services.connections.get(
            request.path_params["connection_id"], request.path_params["integration"]
        )
        if connection is None:
            raise NangoError(404, "not_found", "There is no such connection.")
        try:
            await happening(services, connection)
        except ValueError as error:
            raise NangoError(400, "invalid_body", str(error)) from error
        return Response(status_code=NOTHING)

    return endpoint


async def start_over(request: Request) -> Response:
    await reset(await _allowed(request))
    return Response(status_code=NOTHING)


routes = [
    Route("/sandbox/api/clock", get_clock, methods=["GET"]),
    Route("/sandbox/api/clock", advance_clock, methods=["POST"]),
    Route("/sandbox/api/faults", list_faults, methods=["GET"]),
    Route("/sandbox/api/faults", declare_fault, methods=["POST"]),
    Route("/sandbox/api/faults", clear_faults, methods=["DELETE"]),
    Route("/sandbox/api/faults/{id:int}", remove_fault, methods=["DELETE"]),
    Route("/sandbox/api/requests", list_requests, methods=["GET"]),
    Route("/sandbox/api/keys", list_keys, methods=["GET"]),
    Route("/sandbox/api/keys", create_key, methods=["POST"]),
    Route("/sandbox/api/keys/{name}", delete_key, methods=["DELETE"]),
    Route("/sandbox/api/webhook-url", get_webhook_url, methods=["GET"]),
    Route("/sandbox/api/webhook-url", set_webhook_url, methods=["PUT"]),
    Route("/sandbox/api/connections/{integration}/{connection_id}/expire", _to_connection(expire), methods=["POST"]),
    Route("/sandbox/api/connections/{integration}/{connection_id}/revoke", _to_connection(revoke), methods=["POST"]),
    Route("/sandbox/api/reset", start_over, methods=["POST"]),
]
