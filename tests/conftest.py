"""What all tests share: an environment that does not leak in, and the switch for tests that need more than Python."""

import os
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).parent.parent

pytest_plugins = ["quick_tests", "agents", "databases"]
"""Of tests/support."""

# How long an example takes says how busy the machine is.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

_LEAKS = ("NANGO", "OPENAI", "LANGSMITH", "LANGCHAIN", "LANGGRAPH")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--require-system", action="store_true", help="fail, not skip, where Postgres, Node or Chromium is missing"
    )


@pytest.fixture(autouse=True)
def _no_environment_leaks_in(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith(_LEAKS):
            monkeypatch.delenv(name)
    monkeypatch.setenv("LANGSMITH_TRACING", "false")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What a test logged may hold half a surrogate pair, which pytest-xdist can't hand on."""
    report = yield
    report.sections = [(name, text.encode("utf-8", "backslashreplace").decode()) for name, text in report.sections]
    return report
