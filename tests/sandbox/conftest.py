"""A sandbox with real HTTP, and a client that shows its key."""

from collections.abc import AsyncIterator

import httpx
import pytest

from nango_sandbox import Sandbox
from nango_sandbox.apps import all_apps
from nango_sandbox.functions.action import Integration

PLAIN = (
    Integration("private-api-bearer", "private-api-bearer", "Private API (Bearer Auth)", "API_KEY"),
    Integration("private-api-basic", "private-api-basic", "Private API (Basic Auth)", "BASIC"),
    Integration("no-auth", "unauthenticated", "Unauthenticated", "NONE"),
)


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(integrations=(*all_apps(), *PLAIN)) as running:
        yield running


@pytest.fixture
async def http(sandbox: Sandbox) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": f"Bearer {sandbox.api_key.get_secret_value()}"}
    async with httpx.AsyncClient(base_url=sandbox.base_url, headers=headers, trust_env=False) as client:
        yield client
