"""GET /connections and GET /connections/{id}."""

from collections.abc import AsyncIterator, Mapping, Sequence

from nango_tools.errors import Call, InvalidInput, Outcome
from nango_tools.http import Http, path_segment
from nango_tools.models.connections import Connection, ConnectionPage, ConnectionSummary
from nango_tools.models.wire import validated


class Connections:
    def __init__(self, http: Http) -> None:
        self._http = http

    async def list(
        self,
        *,
        tags: Mapping[str, str] | None = None,
        integration_ids: Sequence[str] | None = None,
        connection_id: str | None = None,
        limit: int = 100,
    ) -> AsyncIterator[ConnectionSummary]:
        """Connections, newest first, that have all of `tags` and belong to one of `integration_ids`.

        Tag keys are compared in lower case, values exactly. An empty `integration_ids` matches nothing. Pages of
        `limit` (1 to 2000) are fetched as the iteration reaches them. A connection made or deleted meanwhile shifts
        the pages: nothing is given twice, but one may be missed.
        """
        call = Call("list connections")
        query = [(f"tags[{key}]", value) for key, value in (tags or {}).items()]
        if integration_ids is not None:
            if not integration_ids:
                return
            if any("," in integration_id for integration_id in integration_ids):
                raise InvalidInput("an integration id holds a comma", call=call, outcome=Outcome.NOT_SENT)
            query.append(("integrationId", ",".join(integration_ids)))
        if connection_id is not None:
            query.append(("connectionId", connection_id))
        seen: set[tuple[str, str]] = set()
        page = 0
        while True:
            paging = [("limit", str(limit)), ("page", str(page))]
            answer = await self._http.json("GET", "/connections", call, query=[*query, *paging])
            found = validated(ConnectionPage, answer, call).connections
            fresh = [item for item in found if (item.integration_id, item.connection_id) not in seen]
            for item in fresh:
                seen.add((item.integration_id, item.connection_id))
                yield item
            if len(found) < limit or not fresh:
                return
            page += 1

    async def get(self, connection_id: str, integration_id: str) -> Connection:
        """One connection. Nango refreshes its token on the way, so this can raise ReauthorizationRequired."""
        call = Call("get connection", connection_id=connection_id, integration_id=integration_id)
        path = f"/connections/{path_segment(call, 'connection id', connection_id)}"
        answer = await self._http.json("GET", path, call, query=[("provider_config_key", integration_id)])
        return validated(Connection, answer, call)
