"""GET /records: what syncs have copied."""

from starlette.routing import Route

routes: list[Route] = []
