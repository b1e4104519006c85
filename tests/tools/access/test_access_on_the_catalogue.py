"""The table in the README of the module, measured again. Runs where the labelled half lies beside the repository."""

import json
import pathlib
import time
from collections import Counter
from collections.abc import Callable

import pytest

from nango_tools import Access
from nango_tools.catalog import read_definitions

ROOT = pathlib.Path(__file__).parents[3]
CATALOG = ROOT.parent / "shared" / "action-catalog"
README = ROOT / "tools" / "nango_tools" / "access" / "README.md"

pytestmark = pytest.mark.skipif(not CATALOG.is_dir(), reason="the labelled half is not here")

Judge = Callable[[str], str]


@pytest.fixture(scope="module")
def actions() -> list[tuple[str, str, str, str | None]]:
    """(name, what the code says, the label, what may be said too)"""
    labels = json.loads((CATALOG / "labels.json").read_text())
    notes = json.loads((CATALOG / "label-notes.json").read_text())
    return [
        (
            one.name,
            str(one.tool().access),
            labels[one.integration][one.name],
            notes.get(one.integration, {}).get(one.name, {}).get("also_defensible"),
        )
        for one in read_definitions(CATALOG / "catalog.jsonl.gz")
    ]


def confusion(judged: list[tuple[str, str, str | None]]) -> Counter[tuple[str, str]]:
    """By (label, said). What may be said too is no error."""
    return Counter((label, label if said == also else said) for said, label, also in judged)


def rows(counts: Counter[tuple[str, str]]) -> list[str]:
    return [f"| {label} | {' | '.join(f'{counts[label, str(said)]:,}' for said in Access)} |" for label in Access]


def first_verb(name: str) -> str:
    """The plain rule that this is held against."""
    verb = name.replace("_", "-").split("-")[0]
    if verb in {
        "get",
        "list",
        "search",
        "find",
        "fetch",
        "query",
        "read",
        "retrieve",
        "count",
        "check",
        "download",
        "lookup",
    }:
        return "read"
    return "destructive" if verb in {"delete", "remove", "cancel", "destroy", "void", "revoke"} else "write"


def test_nothing_that_changes_something_is_called_a_read(actions: list[tuple[str, str, str, str | None]]) -> None:
    counts = confusion([(said, label, also) for _, said, label, also in actions])
    assert counts.total() == 3168
    assert counts["write", "read"] == counts["destructive", "read"] == 0
    assert counts["read", "write"] + counts["read", "destructive"] <= 0.02 * 1425
    assert counts["destructive", "write"] <= 0.05 * 502
    assert counts["write", "destructive"] <= 0.02 * 1241


def test_the_tables_in_the_readme_are_the_measured_ones(actions: list[tuple[str, str, str, str | None]]) -> None:
    text = README.read_text()
    for table in (
        confusion([(said, label, also) for _, said, label, also in actions]),
        confusion([(first_verb(name), label, also) for name, _, label, also in actions]),
    ):
        assert "\n".join(rows(table)) in text, "\n".join(rows(table))


def test_three_thousand_tools_are_judged_in_a_second() -> None:
    from nango_tools import classify

    definitions = read_definitions(CATALOG / "catalog.jsonl.gz")
    started = time.process_time()
    for one in definitions:
        method = one.endpoint.method if one.endpoint else None
        classify(one.name, one.description, method, one.scopes, one.input_schema)
    assert time.process_time() - started < 2.0  # 0.5 s where nothing else runs
