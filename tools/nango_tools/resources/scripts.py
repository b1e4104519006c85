"""GET /scripts/config: every function deployed in the environment."""

from nango_tools.errors import Call
from nango_tools.http import Http
from nango_tools.models.integrations import IntegrationFunctions
from nango_tools.models.wire import validated


class Scripts:
    """The functions come by integration, as IntegrationFunctions."""

    def __init__(self, http: Http) -> None:
        self._http = http

    async def config(self) -> list[IntegrationFunctions]:
        """GET /scripts/config: the actions and syncs of each integration, disabled ones too.

        Nango has no paging here and ignores its own filter. InsufficientScopeError without the scope.
        """
        call = Call("list functions")
        answer = await self._http.json("GET", "/scripts/config", call, query=[("format", "nango")])
        return validated(list[IntegrationFunctions], answer, call)
