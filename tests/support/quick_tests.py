"""What thousands of tests would each pay for, and none of them is about. A pytest plugin.

Certificates: every HTTP client reads the 140 authorities of certifi (20 ms); here nothing speaks TLS, and one is enough.
Servers: uvicorn looks ten times a second whether it is to stop, and then waits another tenth; here a hundred times.
Garbage: everything that was imported is looked through again and again; here it is set aside once.
"""

import asyncio
import gc
import tempfile
import types
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

import certifi
import pytest
import uvicorn.server

# Importing makes a million objects that stay, which the collector would walk through over and over.
gc.disable()


def pytest_collection_finish() -> None:
    gc.collect()
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session", autouse=True)
def _one_authority() -> Iterator[None]:
    first, end, _ = Path(certifi.where()).read_text(encoding="utf-8").partition("-----END CERTIFICATE-----\n")
    with (
        tempfile.TemporaryDirectory(prefix="nango-agent-authority-") as folder,
        pytest.MonkeyPatch.context() as patched,
    ):
        authority = Path(folder) / "one.pem"
        authority.write_text(first + end, encoding="utf-8")
        patched.setattr(certifi, "where", lambda: str(authority))
        yield


def _soon(seconds: float) -> Coroutine[Any, Any, None]:
    return asyncio.sleep(seconds / 10)


@pytest.fixture(scope="session", autouse=True)
def _servers_that_stop_at_once() -> Iterator[None]:
    looking_often = types.ModuleType("asyncio")
    vars(looking_often).update(vars(asyncio), sleep=_soon)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(uvicorn.server, "asyncio", looking_often)
        yield
