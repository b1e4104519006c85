"""How much of a catalogue a prompt shows: all of it where that is little, else an index, and in full what may be needed.

Budgets are in tokens, of four characters each: near enough for what they are for, and the same with every model.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

from nango_graph.planning.signatures import one_line, tool_signature
from nango_tools import IntegrationSummary, Tool

WHOLE = 6_000
"""Some sixty tools with signatures of common length. Up to there a search could only lose what is needed, and saves little."""
INDEX = 5_000
"""A thousand names of common length. It is the same in all requests of a person, so providers keep it."""
SIGNATURES = 3_900
"""Of those that a request may need: some forty."""
DIRECTORY = 3_000
"""Of integrations that are not in use, with the names of their tools."""
DIRECTORY_BESIDE_AN_INDEX = 1_000
"""The same, where the prompt is long already: the whole is to be a tenth of what a thousand tools would take."""
KEYS = 6_000
"""Of integrations with nothing but their keys, whatever the other budgets: some five hundred. Beyond, the nearest ones."""

_CHARACTERS = 4
"""In a token."""
_FEW_WORDS = 60
_DISPLAY_NAME = 40
_PRESENTABLE = re.compile(r"[!-;=?-~](?:[ -;=?-~]{0,253}[!-;=?-~])?")
"""Printable ASCII without angle brackets: what is named otherwise could look like something else, and is not offered."""


Signature = Callable[[Tool], str]
"""`tool_signature`, or one that keeps what it has worked out."""


def tokens_of(text: str) -> int:
    return len(text) // _CHARACTERS


def presentable(tools: Iterable[Tool]) -> dict[str, Tool]:
    """By id, without those whose names are none: such a name can't be repeated by a model or read by a human."""
    return {tool.id: tool for tool in tools if _named_well(tool.integration) and _named_well(tool.name)}


def presentable_summaries(integrations: Iterable[IntegrationSummary]) -> list[IntegrationSummary]:
    """The same for integrations that are not in use."""
    return [
        integration.model_copy(update={"tools": tuple(tool for tool in integration.tools if _named_well(tool[0]))})
        for integration in integrations
        if _named_well(integration.key)
    ]


def _named_well(name: str) -> bool:
    return _PRESENTABLE.fullmatch(name) is not None


def fits_whole(tools: Iterable[Tool], signature: Signature = tool_signature) -> bool:
    """May all signatures be shown? Looks at no more of them than it must."""
    left = WHOLE * _CHARACTERS
    return all((left := left - len(signature(tool)) - 1) >= 0 for tool in tools)


def signatures(tools: Iterable[Tool], signature: Signature = tool_signature) -> str:
    return "\n".join(signature(tool) for tool in sorted(tools, key=lambda tool: tool.id))


def chosen_signatures(
    must: Collection[Tool], may: Iterable[Tool], budget: int = SIGNATURES, signature: Signature = tool_signature
) -> dict[str, Tool]:
    """All of `must`, and of `may`, which has the best first, what there is room for beside them. By id."""
    chosen = {tool.id: tool for tool in must}
    left = budget * _CHARACTERS - len(signatures(chosen.values(), signature))
    for tool in may:
        if tool.id not in chosen and (cost := len(signature(tool)) + 1) <= left:
            chosen[tool.id] = tool
            left -= cost
    return chosen


def tool_index(tools: Iterable[Tool], budget: int = INDEX) -> str:
    """All names, with a few words each where there is room for them; else some names of each integration, and how many it has.

    It depends on nothing but the tools, so that prompts of different requests begin alike.
    """
    by_integration = defaultdict[str, list[tuple[str, str]]](list)
    for tool in sorted(tools, key=lambda tool: tool.id):
        by_integration[tool.integration].append((tool.name, tool.description))
    with_words = "\n".join(
        line
        for integration, listed in by_integration.items()
        for line in (integration, *(f"  {name}: {one_line(words, _FEW_WORDS)}" for name, words in listed))
    )
    if tokens_of(with_words) <= budget:
        return with_words
    names = {integration: [name for name, _ in listed] for integration, listed in by_integration.items()}
    return _name_lines(names, {}, (), budget)


def directory_fits(integrations: Iterable[IntegrationSummary], budget: int = DIRECTORY) -> bool:
    """Can all names be listed?"""
    listed = list(integrations)
    names, heads = _names(listed), _heads(listed)
    return tokens_of(_lines(names, heads, {key: set(each) for key, each in names.items()})) <= budget


def integration_directory(
    integrations: Iterable[IntegrationSummary], near: Sequence[str] = (), budget: int = DIRECTORY
) -> str:
    """A line for each: key, name, tools. Where not all tools fit, those in `near` (ids, best first) come before others.

    Where not even the keys fit, those of `near` do too, and the last line says how many there are besides.
    """
    listed = list(integrations)
    return _name_lines(_names(listed), _heads(listed), near, budget)


def _names(integrations: Iterable[IntegrationSummary]) -> dict[str, list[str]]:
    return {integration.key: [name for name, _ in integration.tools] for integration in integrations}


def _heads(integrations: Iterable[IntegrationSummary]) -> dict[str, str]:
    return {integration.key: f" — {one_line(integration.display_name, _DISPLAY_NAME)}" for integration in integrations}


def _name_lines(names: dict[str, list[str]], heads: dict[str, str], near: Sequence[str], budget: int) -> str:
    everything = _lines(names, heads, {key: set(listed) for key, listed in names.items()})
    if tokens_of(everything) <= budget:
        return everything
    every, names = len(names), _keys_that_fit(names, heads, near)
    shown = {key: set[str]() for key in names}
    left = budget * _CHARACTERS - len(_lines(names, heads, shown))
    # However many keys there are: what the nearest ones are near for is told.
    for_near = max(left, budget * _CHARACTERS // 4)
    for key, name in map(_pair, near):
        cost = len(name) + len(", ")
        if name in names.get(key, ()) and name not in shown[key] and cost <= for_near:
            shown[key].add(name)
            left, for_near = left - cost, for_near - cost
    for key, name in _in_turns(names):
        cost = len(name) + len(", ")
        if name not in shown[key] and cost <= left:
            shown[key].add(name)
            left -= cost
    lines = _lines(names, heads, shown)
    return f"{lines}\n{_more(every - len(names))}" if len(names) < every else lines


def _keys_that_fit(names: dict[str, list[str]], heads: dict[str, str], near: Sequence[str]) -> dict[str, list[str]]:
    """In their order; where that are not all, the nearest ones. A key is never cut: it would be another one."""
    left, kept = KEYS * _CHARACTERS, set[str]()
    for key in dict.fromkeys([*(key for key, _ in map(_pair, near) if key in names), *names]):
        left -= len(_line(key, heads.get(key, ""), names[key], ())) + 1
        if left < 0:
            break
        kept.add(key)
    return {key: listed for key, listed in names.items() if key in kept}


def _more(integrations: int) -> str:
    return f"… and {integrations} more integrations. Their keys may be named as well, and a search lists those near it here."


def _lines(names: dict[str, list[str]], heads: dict[str, str], shown: dict[str, set[str]]) -> str:
    return "\n".join(_line(key, heads.get(key, ""), listed, shown[key]) for key, listed in names.items())


def _line(key: str, head: str, names: list[str], shown: Collection[str]) -> str:
    told = [name for name in names if name in shown]
    if len(told) == len(names):
        return f"{key}{head}: {', '.join(told)}"
    return f"{key}{head} ({len(names)} tools): {', '.join([*told, '…'])}"


def _pair(tool_id: str) -> tuple[str, str]:
    key, _, name = tool_id.partition("/")
    return key, name


def _in_turns(names: dict[str, list[str]]) -> Iterator[tuple[str, str]]:
    """The first of each, then the second of each: no integration is left without a taste of what it does."""
    for index in range(max(map(len, names.values()), default=0)):
        for key, listed in names.items():
            if index < len(listed):
                yield key, listed[index]
