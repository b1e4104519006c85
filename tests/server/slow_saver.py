"""A checkpointer on a slow disk, for the server under test: it notes when checkpoints arrived and when nodes ended."""

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from langgraph.checkpoint.memory import InMemorySaver

SLOWNESS = 0.03
"""Seconds: longer than most of the nodes take, so that a graph that does not wait is seen not to wait."""


class SlowSaver(InMemorySaver):
    def __init__(self, log: Path) -> None:
        super().__init__()
        self._log = log

    async def aput(self, config: Any, checkpoint: Any, metadata: Any, new_versions: Any) -> Any:
        await asyncio.sleep(SLOWNESS)
        stored = await super().aput(config, checkpoint, metadata, new_versions)
        if metadata["source"] == "loop":
            self._note(f"stored {checkpoint['id']}")
        return stored

    async def aput_writes(
        self, config: Any, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        self._note(f"ended-after {config['configurable']['checkpoint_id']}")
        await super().aput_writes(config, writes, task_id, task_path)

    def _note(self, line: str) -> None:
        with self._log.open("a") as log:
            log.write(f"{line}\n")


@asynccontextmanager
async def open_saver() -> AsyncIterator[SlowSaver]:
    yield SlowSaver(Path(os.environ["SLOW_SAVER_LOG"]))
