"""At a thousand tools in use a prompt is a tenth of what all signatures would take, the other integrations in both."""

import random
import runpy
import statistics
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
FOLDER = ROOT.parent / "shared" / "action-catalog"


@pytest.mark.skipif(not FOLDER.is_dir(), reason="the catalogue is not here")
async def test_a_thousand_tools_take_a_tenth_and_most_requests_see_what_they_need() -> None:
    benchmark = runpy.run_path(str(ROOT / "benchmarks" / "prompt_tokens.py"))
    tools = [each.tool() for each in benchmark["read_definitions"](FOLDER / "catalog.jsonl.gz")]
    requests, chance, found, wanted = (
        list(benchmark["read_requests"](FOLDER / "requests.json")),
        random.Random(7),
        [],
        [],
    )
    for group in benchmark["batches"](requests, benchmark["TOGETHER"][1_000]):
        finder, used = benchmark["ToolFinder"](), benchmark["catalogue_for"](group, tools, 1_000, chance)
        keys = {tool.integration for tool in used}
        others = [each for key, each in benchmark["summaries_of"](tools).items() if key not in keys]
        assert len(others) > 40
        for request in group:
            figures = await benchmark["figures_of"](request, used, others, finder)
            found.append(figures)
            wanted += figures.shown if len(request.needed) == 1 else []
    assert statistics.mean(each.tokens / each.whole for each in found) <= 0.1
    assert sum(wanted) >= 0.85 * len(wanted)
