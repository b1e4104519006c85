"""GET /sync/status, POST /sync/trigger, /sync/start, /sync/pause."""

from starlette.routing import Route

routes: list[Route] = []
