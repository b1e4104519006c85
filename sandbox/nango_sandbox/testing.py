"""Fixtures of pytest for whoever builds on Nango: a sandbox for each test, moved clocks, faults, webhooks.

    # conftest.py
    pytest_plugins = ["nango_sandbox.testing"]

    nango_sandbox               a Sandbox that serves real HTTP
    nango_sandbox_in_process    an InProcessSandbox, in the event loop of the test
    nango_sandbox_clock         the Clock of both
    nango_sandbox_faults        the Faults of both; one that was never met fails the test
    nango_webhooks              a WebhookReceiver
    nango_sandbox_integrations  what is there to connect; override it with your own
    nango_sandbox_options       the Options; override it too

It needs pytest and pytest-asyncio (`pip install nango-agent[testing]`), in either of its modes.
"""

from collections.abc import AsyncIterator, Iterator, Sequence

import pytest
import pytest_asyncio

from nango_sandbox.apps import all_apps
from nango_sandbox.clock import Clock
from nango_sandbox.faults import FaultNotMetError, Faults
from nango_sandbox.functions.action import Integration
from nango_sandbox.options import Options
from nango_sandbox.serving.in_process import InProcessSandbox
from nango_sandbox.serving.server import Sandbox
from nango_sandbox.webhook_receiver import WebhookReceiver


@pytest.fixture
def nango_sandbox_integrations() -> Sequence[Integration]:
    """GitHub, Slack and HubSpot with their data. Override it to offer your own."""
    return all_apps()


@pytest.fixture
def nango_sandbox_options() -> Options:
    """A sandbox as it is by default. Override it for a rate limit, environment variables, upstreams of the proxy."""
    return Options()


@pytest.fixture
def nango_sandbox_clock() -> Clock:
    """The time of the sandboxes of this test: `advance(seconds)`."""
    return Clock()


@pytest.fixture
def nango_sandbox_faults() -> Iterator[Faults]:
    """The faults of the sandboxes of this test. One that is still declared and was never met fails the test."""
    faults = Faults()
    yield faults
    if pending := faults.pending():
        raise FaultNotMetError(f"No request or webhook met these faults: {pending!r}")


@pytest_asyncio.fixture
async def nango_sandbox(
    nango_sandbox_integrations: Sequence[Integration],
    nango_sandbox_options: Options,
    nango_sandbox_clock: Clock,
    nango_sandbox_faults: Faults,
) -> AsyncIterator[Sandbox]:
    """A sandbox on a free port of this machine, with a database in memory."""
    async with Sandbox(
        integrations=nango_sandbox_integrations,
        options=nango_sandbox_options,
        clock=nango_sandbox_clock,
        faults=nango_sandbox_faults,
    ) as sandbox:
        yield sandbox


@pytest_asyncio.fixture
async def nango_sandbox_in_process(
    nango_sandbox_integrations: Sequence[Integration],
    nango_sandbox_options: Options,
    nango_sandbox_clock: Clock,
    nango_sandbox_faults: Faults,
) -> AsyncIterator[InProcessSandbox]:
    """A sandbox without a socket; its `transport` goes to a client."""
    async with InProcessSandbox(
        integrations=nango_sandbox_integrations,
        options=nango_sandbox_options,
        clock=nango_sandbox_clock,
        faults=nango_sandbox_faults,
    ) as sandbox:
        yield sandbox


@pytest_asyncio.fixture
async def nango_webhooks() -> AsyncIterator[WebhookReceiver]:
    """Receives webhooks from the sandboxes that it is told of: `nango_webhooks.receive_from(nango_sandbox)`."""
    async with WebhookReceiver() as receiver:
        yield receiver
