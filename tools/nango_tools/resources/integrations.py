"""GET /integrations."""

import builtins

from nango_tools.errors import Call
from nango_tools.http import Http
from nango_tools.models.integrations import Integration, IntegrationList
from nango_tools.models.wire import validated


class Integrations:
    def __init__(self, http: Http) -> None:
        self._http = http

    async def list(self) -> builtins.list[Integration]:
        call = Call("list integrations")
        return validated(IntegrationList, await self._http.json("GET", "/integrations", call), call).data
