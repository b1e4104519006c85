"""/connections: find, read, import, change and delete the accounts that users connected."""

from collections.abc import AsyncIterator, Mapping, Sequence

from pydantic import JsonValue, Secret

from nango_tools.errors import Call, InvalidInput, Outcome
from nango_tools.http import Http, path_segment
from nango_tools.models.connections import (
    Connection,
    ConnectionChange,
    ConnectionPage,
    ConnectionSummary,
    ConnectionWithCredentials,
    ImportedConnection,
    MetadataChange,
)
from nango_tools.models.credentials import Credentials
from nango_tools.models.end_users import EndUserProfile
from nango_tools.models.wire import body, validated
from nango_tools.resources.queries import joined, query, tag_filters, within


class Connections:
    """One of them is a Connection, in listings a ConnectionSummary. What changes one answers nothing.

    InvalidInput for what would not arrive as given or has another type, InsufficientScopeError without the scope.
    """

    def __init__(self, http: Http) -> None:
        self._http = http

    async def list(
        self,
        *,
        tags: Mapping[str, str] | None = None,
        integration_ids: Sequence[str] | None = None,
        connection_id: str | None = None,
        search: str | None = None,
        end_user_id: str | None = None,
        end_user_organization_id: str | None = None,
        limit: int = 100,
    ) -> AsyncIterator[ConnectionSummary]:
        """GET /connections: newest first, those that all of the filters fit.

        tags: all of them; keys are compared in lower case, values exactly
        integration_ids: one of them; an empty sequence matches nothing
        connection_id: exactly. search: part of a connection id, an end user's id, name or e-mail
        end_user_id, end_user_organization_id: of the deprecated end_user only; connections made with tags lack it
        limit: connections a page, 1 to 2000. Pages are fetched as the iteration reaches them; a connection made or
        deleted meanwhile shifts them: nothing is given twice, but one may be missed.
        """
        call = Call("list connections")
        if integration_ids is not None and not integration_ids:
            return
        filters = [
            *tag_filters(call, tags or {}),
            *query(
                call,
                integrationId=None if integration_ids is None else joined(call, "integration_ids", integration_ids),
                connectionId=connection_id,
                search=search,
                endUserId=end_user_id,
                endUserOrganizationId=end_user_organization_id,
                limit=within(call, "limit", limit, 1, 2000),
            ),
        ]
        seen: set[tuple[str, str]] = set()
        page = 0
        while True:
            answer = await self._http.json("GET", "/connections", call, query=[*filters, ("page", str(page))])
            found = validated(ConnectionPage, answer, call).connections
            fresh = 0
            for item in found:
                if (item.integration_id, item.connection_id) not in seen:
                    fresh += 1
                    seen.add((item.integration_id, item.connection_id))
                    yield item
            if len(found) < limit or not fresh:
                return
            page += 1

    async def get(self, connection_id: str, integration_id: str, *, force_refresh: bool = False) -> Connection:
        """GET /connections/{id}. Nango refreshes an expired token on the way, with `force_refresh` any token.

        The credentials in the answer are dropped unread. UnknownConnection, UnknownIntegration;
        ReauthorizationRequired where the refresh fails.
        """
        call = Call("get connection", connection_id, integration_id)
        return validated(Connection, await self._get(call, force_refresh=force_refresh or None), call)

    async def get_with_credentials(
        self, connection_id: str, integration_id: str, *, force_refresh: bool = False, refresh_token: bool = False
    ) -> ConnectionWithCredentials:
        """GET /connections/{id}: as `get`, and the credentials, wrapped; with `refresh_token` that is among them.

        They are empty where the API key lacks the `read_credentials` scope. An agent needs neither.
        """
        call = Call("get connection", connection_id, integration_id)
        options = {"force_refresh": force_refresh or None, "refresh_token": refresh_token or None}
        return validated(ConnectionWithCredentials, await self._get(call, **options), call)

    async def _get(self, call: Call, **options: bool | None) -> JsonValue:
        answer: JsonValue = await self._http.json(
            "GET", _path(call), call, query=query(call, provider_config_key=call.integration_id, **options)
        )
        return answer

    async def import_connection(
        self,
        integration_id: str,
        credentials: Credentials | Mapping[str, object],
        *,
        tags: Mapping[str, str],
        connection_id: str | None = None,
        metadata: Mapping[str, object] | None = None,
        connection_config: Mapping[str, object] | None = None,
        end_user: EndUserProfile | Mapping[str, object] | None = None,
        webhook_url_override: str | None = None,
    ) -> Connection:
        """POST /connections: make a connection of credentials that were got elsewhere, or give one new credentials.

        credentials: one of nango_tools' *Credentials, or a mapping with its `type` to make one of
        tags: at most 10. All of them, each time: importing over a connection replaces what it has, with none too.
        connection_id: None has Nango choose one; that of an existing connection replaces its credentials

        InvalidInput for a misspelt field (before sending), and for credentials of the wrong type or that the provider
        refuses; UnknownIntegration.
        """
        call = Call("import connection", connection_id, integration_id, writes=True)
        wrapped = Secret(credentials)
        del credentials  # tracebacks can show locals
        request = body(
            ImportedConnection,
            call,
            integration_id=integration_id,
            connection_id=connection_id,
            credentials=wrapped,
            tags=tags,
            metadata=metadata,
            connection_config=connection_config,
            end_user=end_user,
            webhook_url_override=webhook_url_override,
        )
        return validated(Connection, await self._http.json("POST", "/connections", call, body=request), call)

    async def patch(
        self,
        connection_id: str,
        integration_id: str,
        *,
        tags: Mapping[str, str] | None = None,
        end_user: EndUserProfile | Mapping[str, object] | None = None,
        webhook_url_override: str | None = None,
    ) -> None:
        """PATCH /connections/{id}: what is None stays as it is.

        tags: replace those it has, all of them. end_user: the deprecated one, which rewrites the tags made from it.
        webhook_url_override: where Nango sends webhooks about this connection; "" takes that back

        UnknownConnection, UnknownIntegration; InvalidInput where there is nothing to change.
        """
        call = Call("change connection", connection_id, integration_id, writes=True)
        request = body(ConnectionChange, call, tags=tags, end_user=end_user, webhook_url_override=webhook_url_override)
        if not request:
            raise InvalidInput("there is nothing to change", call=call, outcome=Outcome.NOT_SENT)
        where = query(call, provider_config_key=integration_id)
        await self._http.json("PATCH", _path(call), call, query=where, body=request)

    async def delete(self, connection_id: str, integration_id: str) -> None:
        """DELETE /connections/{id}. UnknownConnection where there is none, or no longer."""
        call = Call("delete connection", connection_id, integration_id, writes=True)
        await self._http.json("DELETE", _path(call), call, query=query(call, provider_config_key=integration_id))

    async def set_metadata(
        self, connection_ids: str | Sequence[str], integration_id: str, metadata: Mapping[str, object]
    ) -> None:
        """POST /connections/metadata: replaces the whole metadata of one or several connections of an integration.

        UnknownConnection where one of them does not exist.
        """
        await self._metadata("POST", "set metadata", connection_ids, integration_id, metadata)

    async def update_metadata(
        self, connection_ids: str | Sequence[str], integration_id: str, metadata: Mapping[str, object]
    ) -> None:
        """PATCH /connections/metadata: replaces the given keys, and keeps the others. Nested objects are not merged.

        UnknownConnection where one of them does not exist.
        """
        await self._metadata("PATCH", "update metadata", connection_ids, integration_id, metadata)

    async def _metadata(
        self,
        method: str,
        operation: str,
        connection_ids: str | Sequence[str],
        integration_id: str,
        metadata: Mapping[str, object],
    ) -> None:
        one = connection_ids if isinstance(connection_ids, str) else None
        call = Call(operation, one, integration_id, writes=True)
        request = body(
            MetadataChange, call, connection_ids=connection_ids, integration_id=integration_id, metadata=metadata
        )
        await self._http.json(method, "/connections/metadata", call, body=request)


def _path(call: Call) -> str:
    return f"/connections/{path_segment(call, 'connection id', call.connection_id or '')}"
