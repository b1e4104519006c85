"""Services for hosts that own the event loop, and may own several."""

import asyncio
import gc
import threading
from pathlib import Path

import pytest

from nango_graph import AgentSettings, Services, UsageError
from nango_graph.services import ServicesPerLoop, open_services
from nango_tools import NangoError


def _settings(folder: Path) -> AgentSettings:
    return AgentSettings.from_environ(
        {"NANGO_API_KEY": "k", "NANGO_AGENT_MODEL": "rule-based", "NANGO_AGENT_DATA_DIR": str(folder)}
    )


def test_a_loop_has_one_set_which_stays_open_until_the_loop_ends(tmp_path: Path) -> None:
    source = ServicesPerLoop(lambda: open_services(_settings(tmp_path)))
    threads = threading.active_count()

    async def use() -> Services:
        first, second = await asyncio.gather(source(), source())
        gc.collect()
        await asyncio.sleep(0)
        assert first is second is await source()
        assert await first.records.turns.is_finished("none") is False
        return first

    one, other = asyncio.run(use()), asyncio.run(use())
    assert one is not other
    assert threading.active_count() == threads, "the database's threads have ended"
    assert len(source._made) == 1, "what belonged to the loop before is gone"
    with pytest.raises(NangoError, match="closed"):
        asyncio.run(one.nango.connections.get("c", integration_id="i"))


def test_settings_that_are_wrong_are_looked_at_again_at_the_next_run(tmp_path: Path) -> None:
    found: list[AgentSettings] = []

    def settings() -> AgentSettings:
        if not found:
            raise UsageError("Set NANGO_API_KEY.")
        return found[0]

    source = ServicesPerLoop(lambda: open_services(settings()))

    async def use() -> None:
        for _ in range(2):
            with pytest.raises(UsageError, match="NANGO_API_KEY"):
                await source()
        found.append(_settings(tmp_path))
        assert (await source()).settings is found[0]

    asyncio.run(use())


def test_loops_that_start_at_the_same_time_can_share_new_records(tmp_path: Path) -> None:
    failures: list[BaseException] = []

    def run(source: ServicesPerLoop, start: threading.Barrier) -> None:
        start.wait()
        try:
            asyncio.run(_use(source))
        except BaseException as error:  # noqa: BLE001 - reported below
            failures.append(error)

    async def _use(source: ServicesPerLoop) -> None:
        await (await source()).records.turns.is_finished("none")

    for attempt in range(20):
        source, start = (
            ServicesPerLoop(lambda n=attempt: open_services(_settings(tmp_path / str(n)))),
            threading.Barrier(4),
        )
        threads = [threading.Thread(target=run, args=(source, start)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert failures == []
