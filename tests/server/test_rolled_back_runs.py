"""What the server asks of a checkpointer when a run is rolled back, on both databases."""

from pathlib import Path
from typing import Any

from langgraph.checkpoint.base import empty_checkpoint

from nango_graph import AgentSettings, ModelSettings
from nango_graph.server.checkpoints import open_saver
from nango_tools import NangoSettings


async def test_the_checkpoints_of_a_run_and_what_was_written_after_them_are_forgotten_and_no_others(
    records_url: str | Path, tmp_path: Path
) -> None:
    settings = AgentSettings(
        nango=NangoSettings(api_key="unused"),
        model=ModelSettings(name="never asked"),
        data_dir=tmp_path,
        database_url=None if isinstance(records_url, Path) else records_url,
    )
    async with open_saver(settings) as saver:

        async def step(thread: str, namespace: str, run: str) -> Any:
            config: Any = {"configurable": {"thread_id": thread, "checkpoint_ns": namespace}}
            kept = await saver.aput(config, empty_checkpoint(), {"source": "loop", "run_id": run}, {})
            await saver.aput_writes(kept, [("messages", f"by {run}")], "task")
            return kept

        before = await step("t", "", "first")
        gone = [await step("t", "", "second"), await step("t", "", "second"), await step("t", "agent:1", "second")]
        others = [await step("other", "", "third"), before]
        await saver.adelete_for_runs(["second", "unknown"])
        assert [await saver.aget_tuple(config) for config in gone] == [None] * 3
        for config in others:
            found = await saver.aget_tuple(config)
            assert found is not None
            assert [write[1] for write in found.pending_writes or []] == ["messages"]
        newest = await saver.aget_tuple({"configurable": {"thread_id": "t"}})
        assert newest is not None
        assert newest.metadata["run_id"] == "first"  # type: ignore[typeddict-item]
