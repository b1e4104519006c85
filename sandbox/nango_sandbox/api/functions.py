"""GET /integrations/{key}/functions, and one of them."""

from starlette.routing import Route

routes: list[Route] = []
