"""The route that receives Nango's webhooks: checks the signature before anything else, then wakes whoever waited.

Nango delivers at most three times and signs the raw body (`X-Nango-Hmac-Sha256`); unknown types are answered with 2xx.
"""

from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from nango_graph.services import Services
from nango_graph.waiting.notices import threads_to_wake
from nango_tools import AuthWebhook, InvalidSignature, NangoError, WebhookError, webhooks

PATH = "/webhooks/nango"
MAX_BODY = 1_000_000


def create_webhook_app(services: Services, wake: Callable[[str], Awaitable[None]]) -> Starlette:
    """`wake` is called with the id of each thread that can go on; it must not wait for the thread to finish."""

    async def receive(request: Request) -> Response:
        signing_key = services.settings.nango.webhook_signing_key
        if signing_key is None:
            return JSONResponse({"error": "NANGO_WEBHOOK_SIGNING_KEY is not set, so no delivery can be trusted."}, 503)
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_BODY:
                return JSONResponse({"error": f"more than {MAX_BODY} bytes"}, 413)
        try:
            webhooks.verify(signing_key, body, request.headers)
            webhook = webhooks.parse(body)
        except InvalidSignature as error:
            return JSONResponse({"error": str(error)}, 401)
        except WebhookError as error:
            return JSONResponse({"error": str(error)}, 400)
        if not isinstance(webhook, AuthWebhook):
            return JSONResponse({"woken": 0})
        try:
            threads = await threads_to_wake(services, webhook)
        except NangoError:
            # Not ours to judge now: Nango delivers again, and polling finds the connection anyway.
            return JSONResponse({"error": "Nango could not be asked about this delivery."}, 503)
        for thread_id in threads:
            await wake(thread_id)
        return JSONResponse({"woken": len(threads)})

    return Starlette(routes=[Route(PATH, receive, methods=["POST"])])
