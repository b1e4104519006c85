"""SIGKILL at every point at which something around a wait has become durable; then other processes on the same database."""

import shutil
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from killed_processes import Forks, Order, forks
from killed_waits import Copied, killed_on_the_way_back, killed_on_the_way_to_the_question, order_for
from nango_sandbox import Sandbox


@pytest.fixture
async def run() -> AsyncIterator[Forks]:
    async with forks() as running:
        yield running


@pytest.fixture
def order(sandbox: Sandbox, database_url: str | None, tmp_path: Path) -> Order:
    folder = tmp_path / "first"
    folder.mkdir()
    return order_for(sandbox, str(folder), database_url)


@pytest.fixture
def copied(request: pytest.FixtureRequest, database_url: str | None, tmp_path: Path) -> Copied:
    def copy(order: Order, name: str) -> Order:
        folder = tmp_path / name
        shutil.copytree(order.folder, folder)
        url = request.getfixturevalue("copy_of_database")() if database_url else None
        return replace(order, folder=str(folder), database_url=url)

    return copy


async def test_killed_on_the_way_to_the_question(run, sandbox, order, copied) -> None:
    killed = await killed_on_the_way_to_the_question(run, sandbox, order, copied)
    assert [one for one in killed if not one.resumed_once] == []


@pytest.mark.parametrize("by", ["deliver", "sweep"])
async def test_killed_on_the_way_back(by, run, sandbox, order, copied) -> None:
    killed = await killed_on_the_way_back(by, run, sandbox, order, copied)
    assert [one for one in killed if not one.resumed_once] == []
