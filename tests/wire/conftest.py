"""What the replay and the tables of cases share: a sandbox seeded like the server that was recorded."""

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

# The modules beside this file. Tests are imported by path (importlib), which puts no folder on the search path.
sys.path.insert(0, str(Path(__file__).parent))

from wire_cases import Case, play
from wire_player import Answer
from wire_shapes import shape
from wire_upstream import Upstream


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that takes a `case` is made for each row of its module's TABLE."""
    if "case" in metafunc.fixturenames:
        metafunc.parametrize("case", metafunc.module.TABLE, ids=str)


@pytest.fixture(scope="module")
def upstream() -> Upstream:
    return Upstream()


@pytest.fixture(scope="module")
def answers(request: pytest.FixtureRequest, upstream: Upstream) -> Callable[[str], Answer]:
    """The answer to a case, by its name. The table is played once, in its order."""
    server = getattr(request.module, "SERVER", {})
    played = asyncio.run(play(request.module.TABLE, upstream=upstream, **server))

    def answered(name: str) -> Answer:
        found = played[name]
        if isinstance(found, Exception):
            raise found
        return found

    return answered


@pytest.fixture(scope="module")
def told(answers: Callable[[str], Answer]) -> Callable[[Case], list[str]]:
    """What differs between the answer to a case and what its row says."""
    return lambda case: case.differences(answers(case.name))


@pytest.fixture(scope="module")
def bodies(answers: Callable[[str], Answer]) -> Callable[[str], Any]:
    """The body of the answer to a case, in the form in which the tables have it."""
    return lambda name: shape(answers(name).body)
