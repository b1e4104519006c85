"""GET /environment-variables."""

import builtins

from nango_tools.errors import Call
from nango_tools.http import Http
from nango_tools.models.environment import EnvironmentVariable
from nango_tools.models.wire import validated


class EnvironmentVariables:
    def __init__(self, http: Http) -> None:
        self._http = http

    async def list(self) -> builtins.list[EnvironmentVariable]:
        """GET /environment-variables: what functions of this environment are given; values are wrapped."""
        call = Call("list environment variables")
        kind = builtins.list[EnvironmentVariable]
        return validated(kind, await self._http.json("GET", "/environment-variables", call), call)
