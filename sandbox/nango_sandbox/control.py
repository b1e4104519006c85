"""What whoever runs a sandbox can do with it, besides what Nango's API offers: keys, time, the ledger, end users."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, TypeVar

from pydantic import SecretStr

from nango_sandbox.api.management_mcp import PATH as MANAGEMENT_PATH
from nango_sandbox.api.scopes import is_scope
from nango_sandbox.clock import Clock
from nango_sandbox.connecting import expire, granted, revoke, store_connection
from nango_sandbox.faults.registry import Faults
from nango_sandbox.functions.action import Action
from nango_sandbox.resetting import reset
from nango_sandbox.services import Services
from nango_sandbox.serving.request_log import SeenRequest
from nango_sandbox.store.api_keys import EVERYTHING
from nango_sandbox.store.connections import Connection
from nango_sandbox.store.ledger import LedgerEntry

T = TypeVar("T")


class Control(ABC):
    """A running sandbox, wherever it runs: behind HTTP (`Sandbox`), or in this event loop (`InProcessSandbox`)."""

    clock: Clock
    faults: Faults

    @property
    @abstractmethod
    def services(self) -> Services:
        """What the sandbox works with. Raises RuntimeError when it does not run."""

    @abstractmethod
    async def run(self, work: Callable[[Services], Coroutine[Any, Any, T]]) -> T:
        """Do something where the sandbox's event loop is."""

    @property
    def base_url(self) -> str:
        return self.services.base_url

    @property
    def management_mcp_url(self) -> str:
        """The Management MCP."""
        return f"{self.base_url}{MANAGEMENT_PATH}"

    @property
    def api_key(self) -> SecretStr:
        return self.services.keys.api_key

    @property
    def webhook_signing_key(self) -> SecretStr:
        return self.services.keys.webhook_signing_key

    def set_webhook_url(self, url: str | None) -> None:
        """Where webhooks go from now on; None sends none."""
        self.services.webhooks.url = url

    async def ledger(self) -> list[LedgerEntry]:
        """Every action that ran, oldest first."""
        return await self.run(lambda services: services.ledger.entries())

    async def requests(self) -> list[SeenRequest]:
        """The requests to Nango's API that came in, oldest first: the newest thousand of them, without credentials."""

        async def seen(services: Services) -> list[SeenRequest]:
            return services.request_log.seen().requests

        return await self.run(seen)

    async def reset(self) -> None:
        """Start the apps over: their data as at the beginning, an empty ledger, no faults, no requests seen.

        Connections, keys and integrations stay.
        """
        await self.run(reset)

    async def create_api_key(self, name: str, scopes: Iterable[str] = (EVERYTHING,)) -> SecretStr:
        """A key beside the first one, with these scopes (`environment:mcp`). One of the same name ends.

        Raises ValueError for a scope that Nango does not have.
        """
        wanted = tuple(scopes)
        unknown = [each for each in wanted if not is_scope(each)]
        if unknown:
            message = f"No key can have {', '.join(unknown)}. The scopes are those of nango_sandbox.api.scopes."
            raise ValueError(message)

        async def created(services: Services) -> SecretStr:
            return (await services.api_keys.put(name, wanted)).secret

        return await self.run(created)

    async def deploy(self, integration: str, *actions: Action) -> None:
        """Deploy actions, as `nango deploy` does: in the place of those of the same names, or beside the others.

        Raises KeyError for an unknown integration. When the sandbox starts again, it has what it was given.
        """

        async def deployed(services: Services) -> None:
            services.integrations.deploy(integration, actions)

        await self.run(deployed)

    async def connect(self, integration: str, tags: dict[str, str], connection_id: str | None = None) -> str:
        """Make a connection as if its end user had authorized it, webhook included. Returns the connection id.

        Raises KeyError for an unknown integration.
        """
        chosen = self.services.integrations[integration]

        async def connected(services: Services) -> str:
            connection = await store_connection(
                services, chosen, await granted(services, chosen), connection_id=connection_id, tags=tags, verified=True
            )
            return connection.connection_id

        return await self.run(connected)

    async def expire(self, connection_id: str, integration: str) -> None:
        """Let the credentials of a connection expire now. Nango refreshes them at their next use, if it can.

        Raises KeyError for an unknown connection, ValueError for one without credentials.
        """
        await self.run(lambda services: _to_connection(services, connection_id, integration, expire))

    async def revoke(self, connection_id: str, integration: str) -> None:
        """Remove the app at the provider, as its user does it: access token, refresh token or key are dead there.

        Nango is not told. Until the token expires the app answers 401, afterwards the refresh fails. Raises KeyError for
        an unknown connection, ValueError for one without credentials.
        """
        await self.run(lambda services: _to_connection(services, connection_id, integration, revoke))


async def _to_connection(
    services: Services,
    connection_id: str,
    integration: str,
    happening: Callable[[Services, Connection], Coroutine[Any, Any, object]],
) -> None:
    connection = await services.connections.get(connection_id, integration)
    if connection is None:
        message = f"There is no connection {connection_id} of {integration}."
        raise KeyError(message)
    await happening(services, connection)
