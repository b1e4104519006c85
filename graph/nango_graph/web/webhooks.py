"""The route that receives Nango's webhooks: the signature before anything else, then whoever waited is woken.

Every delivery has its answer, JSON; 2xx means "do not send it again" (Nango delivers at most three times: at once, after 3 and 9
seconds):

    503  no signing key is set; or Nango could not be asked about it, and shall deliver it again
    413, 408, 400  too large; too slow; ended early, or signed but no delivery as Nango makes them
    401  X-Nango-Hmac-Sha256 is missing, there twice, or not of this body (X-Nango-Signature does not count)
    429  Nango was asked about this person and integration often enough within a minute
    200  {"because": ..., "woken": 1, "busy": 0, "elsewhere": 0, "failed": 0, "later": 0}

`because` says what it meant (`waiting/notices.py`; "action_finished" of an asynchronous action, whose result whoever waits for it
fetches then; "not_about_a_connection" for other types), the numbers what became of the threads: a run was made; one is going on now, and sees the connection itself or is woken by a sweep; the thread asks something
else by now, or has ended; waking failed, and a sweep does it; waits beyond `MOST_WAITS`, which a sweep takes.
"""

import asyncio
from collections import Counter

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from nango_graph.services import ServicesSource
from nango_graph.waiting.notices import Notices, TooOften
from nango_graph.waiting.threads import Threads
from nango_graph.web.bodies import BadBody, read_body
from nango_graph.web.waking import wake
from nango_tools import AsyncActionWebhook, AuthWebhook, InvalidSignature, NangoError, WebhookError, webhooks

PATH = "/webhooks/nango"
MAX_BODY = 1_000_000
LOOKING_SECONDS = 10.0
"""For asking Nango: it gives up on our answer after 20 seconds."""


def webhook_route(source: ServicesSource, threads: Threads) -> Route:
    notices = Notices()

    async def receive(request: Request) -> Response:
        services = await source()
        signing_key = services.settings.nango.webhook_signing_key
        if signing_key is None:
            return _problem(503, "NANGO_WEBHOOK_SIGNING_KEY is not set, so no delivery can be trusted.")
        try:
            body = await read_body(request, most=MAX_BODY)
            webhooks.verify(signing_key, body, request.headers)
            webhook = webhooks.parse(body)
        except BadBody as error:
            return _problem(error.status, str(error))
        except InvalidSignature as error:
            return _problem(401, str(error))
        except WebhookError as error:
            return _problem(400, str(error))
        if isinstance(webhook, AsyncActionWebhook):
            await services.records.async_actions.finished(webhook.payload.id, now=services.clock.now())
            return _taken("action_finished", Counter(), later=0)
        if not isinstance(webhook, AuthWebhook):
            return _taken("not_about_a_connection", Counter(), later=0)
        try:
            async with asyncio.timeout(LOOKING_SECONDS):
                notice = await notices.take(services, webhook)
        except TooOften:
            return _problem(429, "Nango was asked about this often enough just now.", {"Retry-After": "60"})
        except (NangoError, TimeoutError):
            # Not ours to judge now: Nango delivers again, and a sweep finds the connection anyway.
            return _problem(503, "Nango could not be asked about this delivery.")
        outcomes = await asyncio.gather(*(wake(services, threads, wait) for wait in notice.waits))
        return _taken(notice.because, Counter(outcomes), later=notice.later)

    return Route(PATH, receive, methods=["POST"])


def _taken(because: str, outcomes: Counter[str], *, later: int) -> Response:
    counted = {name: outcomes[name] for name in ("woken", "busy", "elsewhere", "failed")}
    return JSONResponse({"because": because, **counted, "later": later})


def _problem(status: int, message: str, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse({"error": message}, status, headers)
