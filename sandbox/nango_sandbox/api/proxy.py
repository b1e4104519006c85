"""/proxy/{path}: requests to an app's own API with the connection's credentials."""

from starlette.routing import Route

routes: list[Route] = []
