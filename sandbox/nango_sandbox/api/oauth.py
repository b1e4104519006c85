"""The OAuth dance of an end user: /oauth/connect, the callback, and the sandbox's own provider."""

from starlette.routing import Route

routes: list[Route] = []
