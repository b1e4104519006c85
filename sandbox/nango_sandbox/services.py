"""Everything a request needs, made once per sandbox and handed in."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from nango_sandbox.clock import Clock
from nango_sandbox.functions.action import Integration
from nango_sandbox.functions.run import Runner
from nango_sandbox.options import Options
from nango_sandbox.store.api_keys import ApiKeys
from nango_sandbox.store.connections import Connections
from nango_sandbox.store.database import Database, open_database
from nango_sandbox.store.integrations import Integrations
from nango_sandbox.store.integrations import declared as by_key
from nango_sandbox.store.keys import Keys, read_keys
from nango_sandbox.store.ledger import Ledger
from nango_sandbox.store.sessions import ConnectSessions
from nango_sandbox.webhooks import Webhooks, open_webhooks


@dataclass(frozen=True)
class Services:
    base_url: str
    options: Options
    keys: Keys
    clock: Clock
    database: Database
    api_keys: ApiKeys
    integrations: Integrations
    connections: Connections
    sessions: ConnectSessions
    ledger: Ledger
    runner: Runner
    webhooks: Webhooks


@asynccontextmanager
async def open_services(
    database: Path | None,
    *,
    base_url: str,
    integrations: Iterable[Integration],
    clock: Clock,
    webhook_url: str | None = None,
    options: Options | None = None,
) -> AsyncIterator[Services]:
    """Open the database, fill it if it is new, and wire the rest to it. All of it closes with the block."""
    async with open_database(database) as opened:
        keys = await read_keys(opened, clock.now())
        known = Integrations(opened, by_key(integrations))
        await known.open(keys.created_at)
        async with open_webhooks(keys.webhook_signing_key, clock, webhook_url) as webhooks:
            ledger = Ledger(opened)
            yield Services(
                base_url=base_url,
                options=options or Options(),
                keys=keys,
                clock=clock,
                database=opened,
                api_keys=ApiKeys(opened),
                integrations=known,
                connections=Connections(opened, clock),
                sessions=ConnectSessions(opened, clock),
                ledger=ledger,
                runner=Runner(opened, ledger, clock),
                webhooks=webhooks,
            )
