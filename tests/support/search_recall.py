"""How often a search finds a right tool: labelled requests, what is searched for each, and the shares found."""

import gzip
import json
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from nango_tools import Tool
from nango_tools.catalog import Definition
from nango_tools.search import ToolSearch
from nango_tools.search.field_index import FieldIndex
from nango_tools.search.vocabulary import ENGLISH, Entry, Phrases, read_entries
from nango_tools.search.words import stems_of, words_of

CATALOG = Path(__file__).parents[3] / "shared" / "action-catalog"
DEPTHS = (1, 5, 10, 20)
DRAWS = 5
"""How often nine other integrations are drawn for a request."""

Ranking = Callable[[str, Collection[str] | None], Sequence[str]]
"""(request, ids to search among) to ids of tools, best first, 20 at least."""


@dataclass(frozen=True)
class Asked:
    """A request for one tool. right: ids that are acceptable. integration: of the tool that was meant."""

    id: str
    text: str
    lang: str
    integration: str
    right: frozenset[str]

    @property
    def family(self) -> str:
        return family(self.integration)


def family(integration: str) -> str:
    """The same for integrations that are the same definitions under another name: `stripe`, `stripe-api-key`."""
    first, *rest = integration.split("-")
    return f"{first}-{rest[0]}" if first in {"google", "microsoft", "one", "zoho"} else first


@dataclass(frozen=True)
class Requests:
    tools: Sequence[Tool]
    asked: Sequence[Asked]
    jobs: Sequence[Mapping[str, Any]] = ()

    @classmethod
    def read(cls, folder: Path = CATALOG) -> "Requests":
        with gzip.open(folder / "catalog.jsonl.gz", "rt", encoding="utf-8") as lines:
            tools = [Definition.model_validate_json(line).tool() for line in lines]
        read = json.loads((folder / "requests.json").read_text("utf-8"))
        asked = [
            Asked(
                item["id"],
                item["text"],
                item["lang"],
                item["best"][0],
                frozenset(f"{integration}/{name}" for integration, name in item["accept"]),
            )
            for item in read["single"]
        ]
        return cls(tools, asked, read["multi"])

    @cached_property
    def ids(self) -> Mapping[str, Sequence[str]]:
        """By integration."""
        by_integration = defaultdict(list)
        for tool in self.tools:
            by_integration[tool.integration].append(tool.id)
        return by_integration

    @cached_property
    def looked_at(self) -> frozenset[str]:
        """Families whose requests were read while the vocabulary was written; those of the others were not."""
        return frozenset(sorted({asked.family for asked in self.asked})[::2])

    def ten(self, asked: Asked, draw: int) -> list[str]:
        """Ids of the right integration and of nine others, of other families each."""
        chance = random.Random(f"{asked.id}/{draw}")
        taken = {family(right.partition("/")[0]) for right in asked.right}
        by_family = defaultdict(list)
        for integration in sorted(self.ids):
            by_family[family(integration)].append(integration)
        others = chance.sample(sorted(set(by_family) - taken), 9)
        chosen = [asked.integration, *(chance.choice(by_family[other]) for other in others)]
        return [tool_id for integration in chosen for tool_id in self.ids[integration]]


@dataclass
class Recall:
    """Places of the first right tool, None where none was among the first 20."""

    places: list[int | None] = field(default_factory=list)

    def note(self, found: Sequence[str], right: Collection[str]) -> None:
        self.places.append(next((place for place, tool_id in enumerate(found[:20], 1) if tool_id in right), None))

    def at(self, depth: int) -> float:
        return sum(place is not None and place <= depth for place in self.places) / len(self.places)


def recall(requests: Requests, asked: Iterable[Asked], ranking: Callable[[Asked], Ranking]) -> dict[str, Recall]:
    """`known`: within the right integration; `ten`: that and nine others, several draws; `all`: the whole catalogue."""
    known, ten, everywhere = Recall(), Recall(), Recall()
    for one in asked:
        ranked = ranking(one)
        known.note(ranked(one.text, requests.ids[one.integration]), one.right)
        for draw in range(DRAWS):
            ten.note(ranked(one.text, requests.ten(one, draw)), one.right)
        everywhere.note(ranked(one.text, None), one.right)
    return {"known": known, "ten": ten, "all": everywhere}


def steps_found(requests: Requests, ranked: Ranking, depth: int, *, known: bool) -> float:
    """Of the steps of longer jobs, the share whose tool is among the first for the words of the whole job."""
    found: list[bool] = []
    for job in requests.jobs:
        within = [tool_id for name in job["integrations"] for tool_id in requests.ids[name]] if known else None
        first = set(ranked(job["text"], within)[:depth])
        for step in job["steps"]:
            right = {f"{step['integration']}/{step['action']}", *map("/".join, step["also"])}
            found.append(bool(right & first))
    return sum(found) / len(found)


def ours(search: ToolSearch) -> Ranking:
    return lambda text, among: [hit.tool.id for hit in search.search(text, among=among, limit=20)]


def plain_bm25(tools: Sequence[Tool]) -> Ranking:
    """One field of all words, stemmed; nothing else."""
    ordered = sorted(tools, key=lambda tool: tool.id)
    texts = [
        stems_of(f"{tool.integration} {tool.name} {tool.description} {json.dumps(tool.input_schema)}")
        for tool in ordered
    ]
    index = FieldIndex(texts, b=0.75)
    everything = np.arange(len(ordered))

    def ranked(text: str, among: Collection[str] | None) -> list[str]:
        scores = sum((index.scores(stem, everything) for stem in set(stems_of(text))), start=np.zeros(len(ordered)))
        wanted = None if among is None else set(among)
        found = [(-score, tool.id) for score, tool in zip(scores, ordered, strict=True) if score > 0]
        return [tool_id for _, tool_id in sorted(found) if wanted is None or tool_id in wanted][:20]

    return ranked


def without_private_phrases(requests: Requests) -> Callable[[Asked], Phrases]:
    """For a request: the vocabulary without all phrases that no request for another family of integrations uses.

    What was perhaps written for this one request, or for its integration, is gone; what helps several is left.
    """
    entries = read_entries(*ENGLISH)
    users: defaultdict[Entry, set[str]] = defaultdict(set)
    each = [(entry, Phrases([entry])) for entry in entries]
    by_word: defaultdict[str, list[tuple[Entry, Phrases]]] = defaultdict(list)
    for entry, phrase in each:
        if words := words_of(entry.said.replace("…", " ")):
            by_word[stems_of(words[0])[0]].append((entry, phrase))
    for asked in requests.asked:
        stems = stems_of(asked.text)
        for stem in set(stems):
            for entry, phrase in by_word[stem]:
                if any(phrase.meanings(stems)):
                    users[entry].add(asked.family)
    kept = {
        name: Phrases([entry for entry in entries if users.get(entry) != {name}])
        for name in {asked.family for asked in requests.asked}
    }
    return lambda asked: kept[asked.family]


def languages(requests: Requests) -> Counter[str]:
    return Counter(asked.lang for asked in requests.asked)
