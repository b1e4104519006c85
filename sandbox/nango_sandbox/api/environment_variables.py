"""GET /environment-variables."""

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from nango_sandbox.api.auth import with_api_key
from nango_sandbox.api.validation import refuse_query


async def list_environment_variables(request: Request) -> JSONResponse:
    services = await with_api_key(request, "variables:read")
    refuse_query(request)
    variables = services.options.environment_variables.items()
    return JSONResponse([{"name": name, "value": value} for name, value in variables])


routes = [Route("/environment-variables", list_environment_variables, methods=["GET"])]
