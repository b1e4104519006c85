"""GET /environment-variables."""

import builtins

from nango_tools.errors import Call
from nango_tools.http import Http
from nango_tools.models.environment import EnvironmentVariable
from nango_tools.models.wire import validated


class EnvironmentVariables:
    """Each is an EnvironmentVariable: a name, and a value that is unwrapped with get_secret_value()."""

    def __init__(self, http: Http) -> None:
        self._http = http

    async def list(self) -> builtins.list[EnvironmentVariable]:
        """GET /environment-variables: what functions of this environment are given. Empty where nothing is set.

        InsufficientScopeError without the scope.
        """
        call = Call("list environment variables")
        kind = builtins.list[EnvironmentVariable]
        return validated(kind, await self._http.json("GET", "/environment-variables", call), call)
