"""Servers and databases that the tests of this folder share."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest
import pytest_asyncio

from langgraph_servers import LOGIN, Server, environ_of, langgraph_dev, token_for
from nango_sandbox import Sandbox


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox() as sandbox:
        yield sandbox


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    saver = f"{Path(__file__).parent / 'slow_saver.py'}:open_saver"
    async with langgraph_dev(folder, environ_of(sandbox), saver=saver) as server:
        yield server


@pytest.fixture(scope="session")
def issue_token() -> Callable[..., str]:
    return token_for


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server_with_login(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """deploy/langgraph.json, with routes that tell whom they see."""
    folder = tmp_path_factory.mktemp("deploy")
    app = f"{Path(__file__).parent / 'routes_that_tell.py'}:app"
    environ = {**environ_of(sandbox), **LOGIN}
    options = ("--n-jobs-per-worker", "4")
    async with langgraph_dev(folder, environ, *options, config="deploy/langgraph.json", app=app) as server:
        yield server


@pytest.fixture(scope="session")
def serve() -> Callable[..., AbstractAsyncContextManager[Server]]:
    """deploy/langgraph.json, from a folder that may have been served from before."""

    def serving(folder: Path, sandbox: Sandbox, environ: Mapping[str, str]) -> AbstractAsyncContextManager[Server]:
        return langgraph_dev(folder, {**environ_of(sandbox), **LOGIN, **environ}, config="deploy/langgraph.json")

    return serving


@pytest.fixture(scope="session")
def start() -> Callable[..., AbstractAsyncContextManager[Server]]:
    return langgraph_dev


@pytest.fixture
def database(records_url: str | Path) -> dict[str, str]:
    """What the environment says of it."""
    return {} if isinstance(records_url, Path) else {"NANGO_AGENT_DATABASE_URL": records_url}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server_with_a_loop_for_each_run(
    sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Server]:
    environ = {**environ_of(sandbox), "BG_JOB_ISOLATED_LOOPS": "true", "NANGO_AGENT_USER_ID": "grace"}
    folder = tmp_path_factory.mktemp("isolated")
    async with langgraph_dev(folder, environ, "--n-jobs-per-worker", "2") as server:
        yield server
