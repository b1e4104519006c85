"""What a LangGraph server refuses to start with, in words that name the setting."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

NANGO = {"NANGO_API_KEY": "k", "NANGO_BASE_URL": "http://127.0.0.1:9"}
JWT = {
    "NANGO_AGENT_JWT_ALGORITHMS": "HS256",
    "NANGO_AGENT_JWT_SECRET": "a secret that stands in no log, of 64 bytes and more, so that it does",
    "NANGO_AGENT_JWT_ISSUER": "https://login.example",
    "NANGO_AGENT_JWT_AUDIENCE": "nango-agent",
}


ANYWHERE = ("--host", "0.0.0.0")
"""It ends before it listens there."""


@pytest.mark.parametrize(
    ("config", "environ", "options", "says"),
    [
        ("deploy/langgraph.json", NANGO, (), "Nobody could log in: set NANGO_AGENT_JWT_ALGORITHMS"),
        ("deploy/langgraph.json", {**NANGO, **JWT, "NANGO_AGENT_JWT_ISSUER": ""}, (), "NANGO_AGENT_JWT_ISSUER is not"),
        ("deploy/langgraph.json", JWT, (), "NANGO_API_KEY"),
        ("deploy/langgraph.json", {**NANGO, **JWT}, ANYWHERE, "NANGO_AGENT_PUBLIC_URL is not set"),
        ("langgraph.json", {**NANGO, **JWT}, (), "is set, but langgraph.json serves one user without login"),
    ],
)
async def test_a_server_does_not_start_without_its_login_or_with_one_it_does_not_ask_for(
    config: str,
    environ: dict[str, str],
    options: tuple[str, ...],
    says: str,
    start: Callable[..., AbstractAsyncContextManager[Any]],
    tmp_path: Path,
) -> None:
    with pytest.raises(AssertionError, match="The server ended"):
        async with start(tmp_path, environ, *options, config=config):
            pass
    log = (tmp_path / "server.log").read_text()
    assert says in log
    assert JWT["NANGO_AGENT_JWT_SECRET"] not in log
