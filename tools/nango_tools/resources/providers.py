"""GET /providers: the apps that Nango knows how to talk to."""

import builtins

from nango_tools.errors import Call
from nango_tools.http import Http, path_segment
from nango_tools.models.providers import Provider, ProviderAnswer, ProviderList
from nango_tools.models.wire import validated
from nango_tools.resources.queries import query


class Providers:
    """Each is a Provider, whose name is what an integration's `provider` says."""

    def __init__(self, http: Http) -> None:
        self._http = http

    async def list(self, search: str | None = None) -> builtins.list[Provider]:
        """GET /providers: some 800 of them, without paging. search: part of a name; empty where none has it.

        InvalidKeyError where the key is refused.
        """
        call = Call("list providers")
        answer = await self._http.json("GET", "/providers", call, query=query(call, search=search))
        return validated(ProviderList, answer, call).data

    async def get(self, name: str) -> Provider:
        """GET /providers/{name}. NotFound for one that Nango does not know."""
        call = Call(f"get provider {name!r}")
        path = f"/providers/{path_segment(call, 'provider name', name)}"
        return validated(ProviderAnswer, await self._http.json("GET", path, call), call).data
