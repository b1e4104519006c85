"""What the choice of integrations sees of three thousand real tools, for labelled requests. Prints the figures (`-s`)."""

import json
from collections import defaultdict
from pathlib import Path

import pytest

from nango_graph.finding_tools import ToolFinder
from nango_graph.planning.presenting import DIRECTORY, integration_directory, tokens_of
from nango_tools import IntegrationSummary
from nango_tools.catalog.definitions import read_definitions

FOLDER = Path(__file__).parents[4] / "shared" / "action-catalog"
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="the catalogue is not here")

FOUND = 60


def summaries() -> list[IntegrationSummary]:
    tools = defaultdict[str, list[tuple[str, str]]](list)
    for each in read_definitions(FOLDER / "catalog.jsonl.gz"):
        tools[each.integration].append((each.name, each.description))
    return [
        IntegrationSummary(key=key, provider=key, display_name=key.replace("-", " ").title(), tools=tuple(listed))
        for key, listed in sorted(tools.items())
    ]


def names_in(directory: str) -> set[str]:
    """Ids of the tools whose names are listed."""
    listed = set[str]()
    for line in directory.splitlines():
        key, _, rest = line.partition(" — ")
        listed |= {f"{key}/{name}" for name in rest.partition(": ")[2].split(", ")}
    return listed


async def test_every_key_is_listed_for_every_request_and_the_names_that_are_found(
    capsys: pytest.CaptureFixture[str],
) -> None:
    requests = json.loads((FOLDER / "requests.json").read_text())["single"]
    integrations, finder, lengths, named, found_by_search = summaries(), ToolFinder(), list[int](), 0, 0
    for request in requests:
        near = await finder.names(request["text"], integrations, limit=FOUND)
        directory = integration_directory(integrations, near)
        assert [line.partition(" — ")[0] for line in directory.splitlines()] == [one.key for one in integrations]
        listed, wanted = names_in(directory), {"/".join(pair) for pair in request["accept"]}
        assert set(near) <= listed, request["id"]
        lengths.append(tokens_of(directory))
        named += bool(listed & wanted)
        found_by_search += bool(wanted & set(near))
    assert max(lengths) <= DIRECTORY
    assert found_by_search <= named
    assert named >= 0.5 * len(requests)
    with capsys.disabled():
        whole = tokens_of(integration_directory(integrations, budget=10**9))
        print(  # noqa: T201
            f"\n{len(integrations)} integrations, {sum(len(one.tools) for one in integrations)} tools: at most {max(lengths)} "
            f"tokens (all names: {whole}); an acceptable tool is named for {named} of {len(requests)} requests."
        )
