"""GET /integrations/{key}/functions, one of them, and its code."""

import inspect
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from nango_sandbox.api.auth import with_api_key
from nango_sandbox.api.connection_body import wire_time
from nango_sandbox.api.names import INTEGRATION_KEY, WORD
from nango_sandbox.api.scripts import schedule
from nango_sandbox.api.validation import closed, read_path, read_query
from nango_sandbox.errors import NangoError
from nango_sandbox.functions.action import Sync
from nango_sandbox.functions.deployed import Deployed, deployed
from nango_sandbox.services import Services

_TYPE = {"type": "string", "enum": ["action", "sync", "on-event"]}
_LIST = closed(
    {
        "type": _TYPE,
        "search": {"type": "string", "minLength": 1, "maxLength": 255, "transform": "strip"},
        "limit": {"type": "integer", "minimum": 1, "maximum": 100},
        "page": {"type": "integer", "minimum": 0},
    }
)
_ONE = closed({"type": _TYPE})
_LIMIT = 20


def _body(services: Services, each: Deployed) -> dict[str, Any]:
    function = each.function
    return {
        "name": function.name,
        "description": function.description,
        "scopes": list(function.scopes),
        "type": each.kind,
        "input": each.input,
        "returns": each.returns,
        "json_schema": {"definitions": each.definitions()},
        **(schedule(function) if isinstance(function, Sync) else {}),
        "id": each.id,
        "enabled": function.enabled,
        "last_deployed": wire_time(services.keys.created_at, "Z"),
        "source": "repo",
    }


def _of(services: Services, key: str) -> list[Deployed]:
    if key not in services.integrations:
        raise NangoError(404, "not_found", "Integration does not exist")
    return [each for each in deployed(services.integrations) if each.integration.key == key]


async def list_functions(request: Request) -> JSONResponse:
    """`search` is part of a name."""
    services = await with_api_key(request, "integrations:list_functions", "functions:list")
    query = read_query(request, _LIST)
    key = read_path(request, uniqueKey=INTEGRATION_KEY)["uniqueKey"]
    limit, page = int(query.get("limit", _LIMIT)), int(query.get("page", 0))
    wanted = query.get("search", "").lower()
    found = [
        each
        for each in _of(services, key)
        if query.get("type") in (None, each.kind) and wanted in each.function.name.lower()
    ]
    return JSONResponse(
        {
            "data": [_body(services, each) for each in found[page * limit : (page + 1) * limit]],
            "pagination": {"total": len(found), "page": page, "limit": limit},
        }
    )


async def _function(request: Request) -> tuple[Services, Deployed]:
    """Without a type it is the action, if an action and a sync have the name."""
    services = await with_api_key(request, "functions:read")
    query = read_query(request, _ONE)
    path = read_path(request, uniqueKey=INTEGRATION_KEY, functionName=WORD)
    for each in _of(services, path["uniqueKey"]):
        if each.function.name == path["functionName"] and query.get("type") in (None, each.kind):
            return services, each
    raise NangoError(404, "not_found", "Function does not exist")


async def get_function(request: Request) -> JSONResponse:
    return JSONResponse({"data": _body(*await _function(request))})


async def get_code(request: Request) -> JSONResponse:
    """The source of the Python function, where a real server has TypeScript."""
    _, each = await _function(request)
    try:
        code = inspect.getsource(each.function.function)
    except (OSError, TypeError) as error:
        raise NangoError(404, "not_found", "The code of this function is not known") from error
    return JSONResponse({"type": each.kind, "code": code})


routes = [
    Route("/integrations/{uniqueKey}/functions", list_functions, methods=["GET"]),
    Route("/integrations/{uniqueKey}/functions/{functionName}", get_function, methods=["GET"]),
    Route("/integrations/{uniqueKey}/functions/{functionName}/code", get_code, methods=["GET"]),
]
