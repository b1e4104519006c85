"""The sandbox's own API under /sandbox/api: faults, time, keys, credentials."""

from starlette.routing import Route

routes: list[Route] = []
