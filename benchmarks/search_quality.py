# ruff: noqa: INP001, T201 - a script
"""Prints how often the search finds a right tool, as Markdown tables: `python benchmarks/search_quality.py [FOLDER]`.

FOLDER: catalog.jsonl.gz and requests.json, as in shared/action-catalog (the default). About a minute.
"""

import resource
import sys
import time
import tracemalloc
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "support"))

from nango_tools.search import ToolSearch
from search_recall import (
    CATALOG,
    DEPTHS,
    Asked,
    Ranking,
    Recall,
    Requests,
    ours,
    plain_bm25,
    recall,
    steps_found,
    without_private_phrases,
)


def main() -> None:
    requests = Requests.read(Path(sys.argv[1]) if len(sys.argv) > 1 else CATALOG)
    # First, while the process holds little else: memory that was given back would be taken again unseen.
    before = resident()
    search = ToolSearch(requests.tools)
    search.search("find the invoice")
    grown = resident() - before
    plain = plain_bm25(requests.tools)
    looked_at = [asked for asked in requests.asked if asked.family in requests.looked_at]
    unseen = [asked for asked in requests.asked if asked.family not in requests.looked_at]
    english = [asked for asked in requests.asked if asked.lang == "en"]
    others = [asked for asked in requests.asked if asked.lang != "en"]
    private = without_private_phrases(requests)
    # The reader alone knows the vocabulary: the indexes are made once.
    left_out = {asked.family: search.with_phrases(private(asked)) for asked in requests.asked}

    def leaving_one_out(asked: Asked) -> Ranking:
        return ours(left_out[asked.family])

    def filled(text: str, among: Collection[str] | None) -> list[str]:
        return [hit.tool.id for hit in search.search(text, among=among, limit=20, fill=True)]

    columns = [f"{where} @{depth}" for where in ("known", "ten", "all") for depth in DEPTHS]
    print(f"{len(requests.tools)} tools, {len(requests.asked)} requests\n")
    row("", "requests", *columns)
    row(*["---"] * (2 + len(columns)))
    parts: Sequence[tuple[str, Sequence[Asked], Callable[[Asked], Ranking]]] = [
        ("plain BM25", requests.asked, lambda _: plain),
        ("all", requests.asked, lambda _: ours(search)),
        ("all, lists filled up", requests.asked, lambda _: filled),
        ("unseen half", unseen, lambda _: ours(search)),
        ("half looked at", looked_at, lambda _: ours(search)),
        ("leave one integration out", requests.asked, leaving_one_out),
        ("the same, unseen half", unseen, leaving_one_out),
        ("English", english, lambda _: ours(search)),
        ("other languages", others, lambda _: ours(search)),
    ]
    for name, asked, ranking in parts:
        row(name, len(asked), *shares(recall(requests, asked, ranking)))
    print()
    row("steps of longer jobs", *(f"@{depth}" for depth in (10, 20)))
    row(*["---"] * 3)
    for name, ranked in (("plain BM25", plain), ("ours", ours(search))):
        for known in (True, False):
            where = "integrations known" if known else "all"
            row(f"{name}, {where}", *(f"{steps_found(requests, ranked, depth, known=known):.2f}" for depth in (10, 20)))
    print()
    costs(requests, grown)


def shares(found: Mapping[str, Recall]) -> list[str]:
    return [f"{found[where].at(depth):.2f}" for where in ("known", "ten", "all") for depth in DEPTHS]


def resident() -> int:
    """Bytes, at the most so far (Linux counts in kilobytes)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def costs(requests: Requests, grown: int) -> None:
    started = time.process_time()
    search = ToolSearch(requests.tools)
    built = time.process_time() - started
    started = time.process_time()
    for asked in requests.asked:
        search.search(asked.text)
    searched = (time.process_time() - started) / len(requests.asked)
    tracemalloc.start()
    kept = ToolSearch(requests.tools)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    print(
        f"{len(kept.tools)} tools: index made in {built:.2f} s of CPU time, {searched * 1000:.1f} ms a request; "
        f"the process grew by {grown / 1e6:.0f} MB, of which a second index, with stems and vocabulary known, would take "
        f"{held / 1e6:.0f} MB"
    )


def row(*cells: object) -> None:
    print("| " + " | ".join(map(str, cells)) + " |", flush=True)


if __name__ == "__main__":
    main()
