"""The Management MCP: POST /mcp on the host name mcp.localhost."""

from starlette.routing import Route

routes: list[Route] = []
