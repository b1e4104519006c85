"""What a search finds, and the order in which it is given."""

from collections.abc import Iterable
from dataclasses import dataclass

from nango_tools.catalog.tool import Tool

COPY = 0.5
"""What each further copy of a tool counts of the one before."""


@dataclass(frozen=True, slots=True)
class Hit:
    """score: comparable within one search only; 0 for what matches nothing and only fills the list."""

    tool: Tool
    score: float


def best_first(hits: Iterable[Hit], limit: int) -> list[Hit]:
    """By score; equals by the tool's id, so that the order is the same everywhere and always.

    The same definition under another integration says nothing new, and would crowd out others, so copies come later.
    """
    seen: dict[str, int] = {}
    found: list[Hit] = []
    for hit in sorted(hits, key=_order):
        copies = seen[hit.tool.fingerprint] = seen.get(hit.tool.fingerprint, -1) + 1
        found.append(Hit(hit.tool, hit.score * COPY**copies))
    return sorted(found, key=_order)[: max(limit, 0)]


def _order(hit: Hit) -> tuple[float, str]:
    return -hit.score, hit.tool.id
