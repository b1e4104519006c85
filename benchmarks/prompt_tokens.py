# ruff: noqa: INP001, T201 - a script
"""Prints how long the planner's prompt is with catalogues of several sizes, and whether what a request needs is in it.

`python benchmarks/prompt_tokens.py [--catalog FILE --requests FILE]`: definitions (JSON lines) and labelled requests; by default
those of ../shared/action-catalog where that is there, else made-up tools, and then lengths only. As in a real turn the prompt
also names the integrations of the catalogue that are not in use, and so does the one with all signatures beside it.

Tokens are counted as langchain-core does without a tokenizer: four characters each.
"""

import argparse
import asyncio
import itertools
import json
import random
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from langchain_core.messages import HumanMessage
from langchain_core.messages.utils import count_tokens_approximately

from nango_graph.catalog_view import view_of
from nango_graph.finding_tools import ToolFinder
from nango_graph.planning.presenting import presentable, signatures
from nango_graph.prompts import Offered, plan_prompt
from nango_graph.state import State, Turn
from nango_tools import IntegrationSummary, Tool
from nango_tools.catalog.definitions import Definition, read_definitions

SHARED = Path(__file__).parents[2] / "shared" / "action-catalog"
SIZES = (10, 50, 200, 1_000, 3_000)
TOGETHER = {10: 1, 50: 1, 200: 3, 1_000: 15, 3_000: 50}
"""Requests that share a catalogue: the rest of it is drawn at random, from integrations that are kept whole."""

ONE_OF = {10: 9, 50: 9, 200: 3}
"""Requests, of which one is measured where each has a catalogue of its own: all that is not in use is indexed anew for it."""


@dataclass(frozen=True)
class Request:
    """needed: for each step the ids of the tools that would do"""

    text: str
    needed: tuple[frozenset[str], ...]


@dataclass(frozen=True)
class Figures:
    tokens: int
    others: int
    whole: int
    schemas: int
    shown: list[bool]
    listed: list[bool]
    seconds: float


def read_requests(path: Path) -> Iterator[Request]:
    read = json.loads(path.read_text())
    for single in read["single"]:
        yield Request(single["text"], (frozenset("/".join(pair) for pair in single["accept"]),))
    for multi in read["multi"]:
        steps = (
            frozenset({f"{step['integration']}/{step['action']}", *map("/".join, step["also"])})
            for step in multi["steps"]
        )
        yield Request(multi["text"], tuple(steps))


def made_up() -> list[Tool]:
    verbs = ("list", "get", "create", "update", "delete", "search", "archive", "export")
    nouns = ("invoice", "contact", "ticket", "channel", "message", "folder", "report", "deal", "employee", "order")
    string = {"type": "string", "description": "As the service names it."}
    return [
        Definition(
            integration=f"service-{number}",
            name=f"{verb}-{noun}",
            description=f"{verb.title()} one {noun} or several, with what belongs to it.",
            input_schema={"type": "object", "properties": {"id": string, noun: string}, "required": ["id"]},
        ).tool()
        for number, verb, noun in itertools.product(range(40), verbs, nouns)
    ]


def catalogue_for(requests: Sequence[Request], tools: Sequence[Tool], size: int, chance: random.Random) -> list[Tool]:
    """The integrations that the requests need, whole as far as there is room, and others up to `size` tools."""
    by_id = {tool.id: tool for tool in tools}
    first = [by_id[min(step)] for request in requests for step in request.needed if min(step) in by_id]
    order = list(dict.fromkeys(tool.integration for tool in first))
    others = sorted({tool.integration for tool in tools} - set(order))
    chance.shuffle(others)
    rank = {integration: place for place, integration in enumerate([*order, *others])}
    rest = sorted(tools, key=lambda tool: (rank[tool.integration], chance.random()))
    return list({tool.id: tool for tool in [*first, *rest]}.values())[:size]


def summaries_of(tools: Sequence[Tool]) -> dict[str, IntegrationSummary]:
    by_key: dict[str, list[tuple[str, str]]] = {}
    for tool in tools:
        by_key.setdefault(tool.integration, []).append((tool.name, tool.description))
    return {
        key: IntegrationSummary(key=key, provider=key, display_name=key.replace("-", " ").title(), tools=tuple(listed))
        for key, listed in sorted(by_key.items())
    }


async def figures_of(
    request: Request, tools: Sequence[Tool], others: list[IntegrationSummary], finder: ToolFinder
) -> Figures:
    offered = presentable(tools)
    started = time.perf_counter()
    state = state_of(request.text)
    view, shown = await view_of(state, offered, others, finder, searched=[], words=[])
    seconds = time.perf_counter() - started
    whole = Offered(index="", signatures=signatures(offered.values()), others=view.others)
    wanted = [step & offered.keys() for step in request.needed if step & offered.keys()]
    return Figures(
        tokens=tokens_of(state, view),
        others=len(view.others) // 4,
        whole=tokens_of(state, whole),
        schemas=len(json.dumps([[tool.id, tool.description, tool.input_schema] for tool in tools])) // 4,
        shown=[bool(step & set(shown)) for step in wanted],
        listed=[not view.index or bool(step & set(names_in(view.index))) for step in wanted],
        seconds=seconds,
    )


def names_in(index: str) -> Iterator[str]:
    """Ids, as planning/presenting.py lists them: on lines of their own, or one line for each integration."""
    integration = ""
    for line in index.splitlines():
        head, colon, rest = line.partition(":")
        if line.startswith("  "):
            yield f"{integration}/{head.strip()}"
        elif colon:
            yield from (f"{head.partition(' (')[0]}/{name.strip()}" for name in rest.split(","))
        else:
            integration = line


def state_of(text: str) -> State:
    turn = Turn(id="t", message_id="m", request=text, settings={}, planned=0)
    state = {"turn": turn, "messages": [HumanMessage(text, id="m")], "unfinished": [], "earlier": [], "results": []}
    return cast("State", state)


def tokens_of(state: State, offered: Offered) -> int:
    prompt = plan_prompt(
        offered=offered,
        conversation=state["messages"],
        turn=state["turn"],
        results=[],
        unfinished=[],
        declined=[],
        declined_because={},
        accounts=[],
        searches=[],
        problem=None,
        next_step_id="s1",
        max_steps=20,
        now=1_800_000_000.0,
    )
    return count_tokens_approximately(prompt)


def share(of: Sequence[bool]) -> str:
    return f"{sum(of)} of {len(of)} ({sum(of) / len(of):.0%})" if of else "-"


async def measure(tools: list[Tool], requests: list[Request]) -> None:
    print(
        "| tools in use | prompt tokens | of other integrations | all signatures | all JSON schemas | prompt / signatures | wanted tool in full "
        "| of requests for one | at least in the index | ms |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    summaries = summaries_of(tools)
    for size in SIZES:
        chance, found, singles = random.Random(7), list[Figures](), list[bool]()  # noqa: S311 - the same draws every time
        for group in batches(requests[:: ONE_OF.get(size, 1)], TOGETHER[size]):
            finder, catalogue = ToolFinder(), catalogue_for(group, tools, size, chance)
            used = {tool.integration for tool in catalogue}
            others = [summary for key, summary in summaries.items() if key not in used]
            for request in group:
                figures = await figures_of(request, catalogue, others, finder)
                found.append(figures)
                singles += figures.shown if len(request.needed) == 1 else []
        row: list[Any] = [
            size,
            *(
                round(statistics.mean(getattr(each, name) for each in found))
                for name in ("tokens", "others", "whole", "schemas")
            ),
            f"{statistics.mean(each.tokens / each.whole for each in found):.1%}",
            share([one for each in found for one in each.shown]),
            share(singles),
            share([one for each in found for one in each.listed]),
            f"{statistics.median(each.seconds for each in found) * 1000:.0f}",
        ]
        print("| " + " | ".join(map(str, row)) + " |", flush=True)


def batches(requests: Sequence[Request], size: int) -> Iterator[Sequence[Request]]:
    for start in range(0, len(requests), size):
        yield requests[start : start + size]


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--catalog", type=Path, default=SHARED / "catalog.jsonl.gz")
    parser.add_argument("--requests", type=Path, default=SHARED / "requests.json")
    wanted = parser.parse_args()
    if wanted.catalog.exists():
        tools, requests = (
            [each.tool() for each in read_definitions(wanted.catalog)],
            list(read_requests(wanted.requests)),
        )
    else:
        tools, requests = (
            made_up(),
            [Request(text, ()) for text in ("List the open invoices", "Create a ticket for Bob")],
        )
    asyncio.run(measure(tools, requests))
    return 0


if __name__ == "__main__":
    sys.exit(main())
