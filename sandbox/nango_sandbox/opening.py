"""Opens what a sandbox works with, and sets going what goes on by itself."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

from nango_sandbox.background import Background
from nango_sandbox.clock import Clock
from nango_sandbox.faults.registry import Faults
from nango_sandbox.functions.action import Integration
from nango_sandbox.functions.queue import work_off_queue
from nango_sandbox.functions.run import Runner
from nango_sandbox.functions.syncing import run_syncs
from nango_sandbox.options import Options
from nango_sandbox.providers.authority import Authority
from nango_sandbox.providers.table import Providers
from nango_sandbox.services import Services
from nango_sandbox.serving.rate_limits import RateLimits
from nango_sandbox.serving.request_log import RequestLog
from nango_sandbox.store.api_keys import ApiKeys
from nango_sandbox.store.async_actions import AsyncActions
from nango_sandbox.store.connections import Connections
from nango_sandbox.store.database import Database, open_database
from nango_sandbox.store.grants import Grants
from nango_sandbox.store.integrations import Integrations
from nango_sandbox.store.integrations import declared as by_key
from nango_sandbox.store.keys import read_keys, read_moved, write_moved
from nango_sandbox.store.ledger import Ledger
from nango_sandbox.store.oauth_states import OAuthStates
from nango_sandbox.store.records import Records
from nango_sandbox.store.sessions import ConnectSessions
from nango_sandbox.store.syncs import Syncs
from nango_sandbox.webhooks import open_webhooks


@asynccontextmanager
async def open_services(
    database: Path | None,
    *,
    base_url: str,
    integrations: Iterable[Integration],
    clock: Clock,
    faults: Faults | None = None,
    webhook_url: str | None = None,
    options: Options | None = None,
) -> AsyncIterator[Services]:
    """Open the database, fill it if it is new, and wire the rest to it. All of it closes with the block.

    The clock is moved to where it was when the database was last used.
    """
    declared_faults = Faults() if faults is None else faults
    chosen = options or Options()
    async with open_database(database) as opened:
        moved = await read_moved(opened)
        if moved > clock.moved:
            clock.advance((moved - clock.moved).total_seconds())
        keys = await read_keys(opened, clock.now())
        declared = by_key(integrations)
        known = Integrations(opened, declared)
        await known.open(keys.created_at)
        async with open_webhooks(keys.webhook_signing_key, clock, webhook_url, declared_faults) as webhooks:
            ledger, background = Ledger(opened), Background()
            services = Services(
                base_url=base_url,
                options=chosen,
                keys=keys,
                clock=clock,
                faults=declared_faults,
                rate_limits=RateLimits(chosen.rate_limit, clock),
                request_log=RequestLog(),
                database=opened,
                api_keys=ApiKeys(opened),
                integrations=known,
                providers=Providers(declared.values()),
                connections=Connections(opened, clock),
                authority=Authority(Grants(opened), clock, timedelta(seconds=chosen.token_lifetime)),
                oauth_states=OAuthStates(opened),
                refreshing=asyncio.Lock(),
                sessions=ConnectSessions(opened, clock),
                ledger=ledger,
                runner=Runner(opened, ledger, clock, background),
                async_actions=AsyncActions(opened),
                syncs=Syncs(opened),
                records=Records(opened),
                background=background,
                webhooks=webhooks,
            )
            background.keep(lambda: work_off_queue(services))
            background.keep(lambda: run_syncs(services))
            background.keep(lambda: _keep_time(opened, clock))
            try:
                yield services
            finally:
                await background.close()
                await write_moved(opened, clock.moved)


async def _keep_time(database: Database, clock: Clock) -> None:
    """A moved clock stays moved when the sandbox starts again, even one that was killed."""
    moved = await read_moved(database)
    while True:
        moved = await clock.moved_from(moved)
        await write_moved(database, moved)
