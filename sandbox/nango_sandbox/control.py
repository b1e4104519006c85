"""What whoever runs a sandbox can do with it, besides what Nango's API offers: keys, time, the ledger, end users."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, TypeVar

from pydantic import SecretStr

from nango_sandbox.clock import Clock
from nango_sandbox.connecting import granted_token, store_connection
from nango_sandbox.services import Services
from nango_sandbox.store.api_keys import EVERYTHING
from nango_sandbox.store.ledger import LedgerEntry

T = TypeVar("T")


class Control(ABC):
    """A running sandbox, wherever it runs: behind HTTP (`Sandbox`), or in this event loop (`InProcessSandbox`)."""

    clock: Clock

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

    async def create_api_key(self, name: str, scopes: Iterable[str] = (EVERYTHING,)) -> SecretStr:
        """A key beside the first one, with these scopes (`environment:mcp`). One of the same name ends."""

        async def created(services: Services) -> SecretStr:
            return (await services.api_keys.put(name, scopes)).secret

        return await self.run(created)

    async def connect(self, integration: str, tags: dict[str, str], connection_id: str | None = None) -> str:
        """Make a connection as if its end user had authorized it, webhook included. Returns the connection id.

        Raises KeyError for an unknown integration.
        """
        chosen = self.services.integrations[integration]

        async def connected(services: Services) -> str:
            connection = await store_connection(
                services, chosen, granted_token(services), connection_id=connection_id, tags=tags
            )
            return connection.connection_id

        return await self.run(connected)
