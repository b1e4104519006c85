"""Everything a request needs, made once per sandbox and handed in."""

import asyncio
from dataclasses import dataclass

from nango_sandbox.background import Background
from nango_sandbox.clock import Clock
from nango_sandbox.faults.registry import Faults
from nango_sandbox.functions.run import Runner
from nango_sandbox.options import Options
from nango_sandbox.providers.authority import Authority
from nango_sandbox.providers.table import Providers
from nango_sandbox.serving.rate_limits import RateLimits
from nango_sandbox.serving.request_log import RequestLog
from nango_sandbox.store.api_keys import ApiKeys
from nango_sandbox.store.async_actions import AsyncActions
from nango_sandbox.store.connections import Connections
from nango_sandbox.store.database import Database
from nango_sandbox.store.integrations import Integrations
from nango_sandbox.store.keys import Keys
from nango_sandbox.store.ledger import Ledger
from nango_sandbox.store.oauth_states import OAuthStates
from nango_sandbox.store.records import Records
from nango_sandbox.store.sessions import ConnectSessions
from nango_sandbox.store.syncs import Syncs
from nango_sandbox.webhooks import Webhooks


@dataclass(frozen=True)
class Services:
    base_url: str
    options: Options
    keys: Keys
    clock: Clock
    faults: Faults
    rate_limits: RateLimits
    request_log: RequestLog
    database: Database
    api_keys: ApiKeys
    integrations: Integrations
    providers: Providers
    connections: Connections
    authority: Authority
    oauth_states: OAuthStates
    refreshing: asyncio.Lock
    sessions: ConnectSessions
    ledger: Ledger
    runner: Runner
    async_actions: AsyncActions
    syncs: Syncs
    records: Records
    background: Background
    webhooks: Webhooks
