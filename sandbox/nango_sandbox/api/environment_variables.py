"""GET /environment-variables."""

from starlette.routing import Route

routes: list[Route] = []
