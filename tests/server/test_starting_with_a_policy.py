"""A LangGraph server does not start with rules that can't be used: the first message may come much later."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

NANGO = {"NANGO_API_KEY": "k", "NANGO_BASE_URL": "http://127.0.0.1:9"}


async def test_a_server_does_not_start_with_a_bad_policy_and_names_its_line(
    start: Callable[..., AbstractAsyncContextManager[Any]], tmp_path: Path
) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text("version: 1\nrules:\n  - name: x\n    effect: refuse\n")
    with pytest.raises(AssertionError, match="The server ended"):
        async with start(tmp_path, {**NANGO, "NANGO_AGENT_POLICY": str(policy)}, config="langgraph.json"):
            pass
    assert f"{policy}:4: `refuse` can't stand here" in (tmp_path / "server.log").read_text()
