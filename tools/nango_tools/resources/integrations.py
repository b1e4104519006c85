"""/integrations: the apps that this environment offers, and the functions deployed on each."""

import builtins
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Literal, get_args

from pydantic import Secret

from nango_tools.errors import Call
from nango_tools.http import Http, path_segment
from nango_tools.models.credentials import IntegrationCredentials
from nango_tools.models.integrations import (
    Function,
    FunctionAnswer,
    FunctionPage,
    Integration,
    IntegrationAnswer,
    IntegrationChange,
    IntegrationDetails,
    IntegrationDetailsAnswer,
    IntegrationList,
    NewIntegration,
)
from nango_tools.models.wire import body, validated
from nango_tools.resources.queries import query, texts, within

Include = Literal["credentials", "webhook"]
FunctionType = Literal["action", "sync"]


class Integrations:
    """One of them is an Integration, one of its actions and syncs a Function. InsufficientScopeError without the scope,
    InvalidInput for what would not arrive as given or has another type.
    """

    def __init__(self, http: Http) -> None:
        self._http = http

    async def list(self) -> builtins.list[Integration]:
        """GET /integrations: all of the environment."""
        call = Call("list integrations")
        return validated(IntegrationList, await self._http.json("GET", "/integrations", call), call).data

    async def get(self, key: str, *, include: Sequence[Include] = ()) -> IntegrationDetails:
        """GET /integrations/{key}; `credentials` (of its OAuth app, wrapped) and `webhook` only if included.

        UnknownIntegration.
        """
        call = Call("get integration", integration_id=key)
        wanted = query(call, include=texts(call, "include", include, get_args(Include)))
        # The answer has no name of its own: tracebacks can show locals.
        return validated(
            IntegrationDetailsAnswer, await self._http.json("GET", _path(call, key), call, query=wanted), call
        ).data

    async def create(
        self,
        key: str,
        provider: str,
        *,
        display_name: str | None = None,
        credentials: IntegrationCredentials | Mapping[str, object] | None = None,
        forward_webhooks: bool | None = None,
        integration_config: Mapping[str, str] | None = None,
        custom: Mapping[str, str] | None = None,
    ) -> Integration:
        """POST /integrations.

        key: letters, digits, spaces and ~:.@_-, and not in use. provider: a name from `providers`.
        credentials: OAuthClient, AppClient or CustomClient, or a mapping with its `type`; OAuth providers need them
        forward_webhooks: whether Nango passes the provider's webhooks on (it does by default)

        InvalidInput for a key in use, an unknown provider, missing credentials, or a misspelt field (before sending).
        """
        call = Call("create integration", integration_id=key, writes=True)
        wrapped = Secret(credentials) if credentials is not None else None
        del credentials  # tracebacks can show locals
        request = body(
            NewIntegration,
            call,
            key=key,
            provider=provider,
            display_name=display_name,
            credentials=wrapped,
            forward_webhooks=forward_webhooks,
            integration_config=integration_config,
            custom=custom,
        )
        answer = await self._http.json("POST", "/integrations", call, body=request)
        return validated(IntegrationAnswer, answer, call).data

    async def update(
        self,
        key: str,
        *,
        new_key: str | None = None,
        display_name: str | None = None,
        credentials: IntegrationCredentials | Mapping[str, object] | None = None,
        forward_webhooks: bool | None = None,
        integration_config: Mapping[str, str] | None = None,
        custom: Mapping[str, str] | None = None,
    ) -> Integration:
        """PATCH /integrations/{key}: what is None stays as it is. UnknownIntegration.

        With `new_key` all that knew the integration by its old key no longer finds it.
        """
        call = Call("change integration", integration_id=key, writes=True)
        wrapped = Secret(credentials) if credentials is not None else None
        del credentials
        request = body(
            IntegrationChange,
            call,
            new_key=new_key,
            display_name=display_name,
            credentials=wrapped,
            forward_webhooks=forward_webhooks,
            integration_config=integration_config,
            custom=custom,
        )
        answer = await self._http.json("PATCH", _path(call, key), call, body=request)
        return validated(IntegrationAnswer, answer, call).data

    async def delete(self, key: str) -> None:
        """DELETE /integrations/{key}, with its connections. UnknownIntegration where there is none, or no longer."""
        call = Call("delete integration", integration_id=key, writes=True)
        await self._http.json("DELETE", _path(call, key), call)

    async def functions(
        self,
        key: str,
        *,
        type: FunctionType | None = None,  # noqa: A002 - Nango's word
        search: str | None = None,
        limit: int = 100,
    ) -> AsyncIterator[Function]:
        """GET /integrations/{key}/functions: by name, disabled ones too. An action and a sync may share a name.

        search: part of the name or description. limit: functions a page, 1 to 100, fetched as the iteration reaches
        them. UnknownIntegration.
        """
        call = Call("list functions", integration_id=key)
        path = f"{_path(call, key)}/functions"
        filters = query(call, type=type, search=search, limit=within(call, "limit", limit, 1, 100))
        seen: set[tuple[str, str]] = set()
        page = 0
        while True:
            answer = await self._http.json("GET", path, call, query=[*filters, ("page", str(page))])
            found = validated(FunctionPage, answer, call)
            fresh = 0
            for function in found.data:
                if (function.type, function.name) not in seen:
                    fresh += 1
                    seen.add((function.type, function.name))
                    yield function
            if len(found.data) < limit or not fresh:
                return
            page += 1

    async def function(self, key: str, name: str, *, type: FunctionType | None = None) -> Function:  # noqa: A002
        """GET /integrations/{key}/functions/{name}. Without `type` the action, where a sync has the same name.

        UnknownIntegration; NotFound for a function that does not exist.
        """
        call = Call(f"get function {name!r}", integration_id=key)
        path = f"{_path(call, key)}/functions/{path_segment(call, 'function name', name)}"
        answer = await self._http.json("GET", path, call, query=query(call, type=type))
        return validated(FunctionAnswer, answer, call).data


def _path(call: Call, key: str) -> str:
    return f"/integrations/{path_segment(call, 'integration id', key)}"
