"""What belongs to the environment itself: its variables, and the key that signs its webhooks."""

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from nango_sandbox.api.auth import with_api_key
from nango_sandbox.api.validation import refuse_query
from nango_sandbox.store.keys import rotate_signing_key


async def list_environment_variables(request: Request) -> JSONResponse:
    services = await with_api_key(request, "variables:read")
    refuse_query(request)
    variables = services.options.environment_variables.items()
    return JSONResponse([{"name": name, "value": value} for name, value in variables])


async def rotate_webhook_signing_key(request: Request) -> JSONResponse:
    services = await with_api_key(request, "webhook_signing_key:rotate")
    refuse_query(request)
    key = await rotate_signing_key(services.database, services.keys)
    services.webhooks.sign_with(key)
    return JSONResponse({"data": {"webhook_signing_key": key.get_secret_value()}})


routes = [
    Route("/environment-variables", list_environment_variables, methods=["GET"]),
    Route("/environment/webhook-signing-key/rotate", rotate_webhook_signing_key, methods=["POST"]),
]
