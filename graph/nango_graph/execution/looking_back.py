"""Does a read show what a write, of which nobody knows whether it happened, would have brought about?"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from nango_graph.display import compact, markdown
from nango_graph.records import Call
from nango_tools import Access, Tool
from nango_tools.access.verbs import PREPOSITIONS
from nango_tools.search.words import stem, words_of

_TELLING = frozenset(
    stem(word)
    for word in (
        "title",
        "subject",
        "name",
        "summary",
        "text",
        "body",
        "content",
        "message",
        "description",
        "comment",
        "email",
        "key",
    )
)
"""Words in the names of arguments that mostly tell one thing from another."""
_SHORTEST = 3
_MOST_ENTRIES = 50_000
"""Of a read's output that are looked at."""
_SHOWN = 3
_LONG = 300


@dataclass(frozen=True, slots=True)
class Lookup:
    """A read that may show it, with its arguments, which are all taken from the write's."""

    tool: Tool
    arguments: dict[str, Any]


def lookup_for(write: Call, tools: Iterable[Tool]) -> Lookup | None:
    """Of the tools, the read of the same integration and object that takes most of what the write was given; None if none fits."""
    integration, _, name = write.tool.partition("/")
    if not isinstance(write.arguments, dict):
        return None
    fitting = []
    for tool in tools:
        required = [str(one) for one in tool.input_schema.get("required") or ()]
        if (
            tool.integration == integration
            and tool.access is Access.READ
            and not tool.wrapped
            and _object_of(tool.name) == _object_of(name)
            and all(one in write.arguments for one in required)
        ):
            fitting.append((len(required), tool.id, required, tool))
    if not fitting:
        return None
    _, _, required, tool = max(fitting, key=lambda one: one[:2])
    return Lookup(tool, {one: write.arguments[one] for one in required})


def told_by(lookup: Lookup, output: Any, write: Call) -> str:
    """What the read showed, in words, with entries of its output as data; "" if the write has nothing to look for."""
    wanted = _wanted(write.arguments, lookup.arguments)
    if not wanted:
        return ""
    what = " or ".join(f"{markdown(name)} {markdown(compact(value, 80))}" for name, value in wanted.items())
    entries = list(_entries(output))
    found = sorted(
        ((len(same), position, entry) for position, entry in enumerate(entries) if (same := _same(entry, wanted))),
        key=lambda one: (-one[0], one[1]),
    )
    looked = f"{markdown(lookup.tool.id)} was asked just now"
    if not found:
        return (
            f"{looked}: no entry with {what} is in what it brought. That is no proof that it did not happen: it may not be there "
            "yet, or not be listed."
        )
    shown = "; ".join(markdown(compact(entry, _LONG)) for _, _, entry in found[:_SHOWN])
    more = f" (and {len(found) - _SHOWN} more)" if len(found) > _SHOWN else ""
    return f"{looked}, and shows what has the same {what}: {shown}{more}. It may have been there before: compare when it came about."


def _object_of(name: str) -> frozenset[str]:
    """What a tool is about: the words of its name without the verb that it begins with, in the singular."""
    words = words_of(name)
    return frozenset(stem(word) for word in words[1:] if word not in PREPOSITIONS | {"all", "my", "a", "the", "new"})


def _wanted(arguments: Any, given: Mapping[str, Any]) -> dict[str, str]:
    """By name, the values of the write that tell it from others, and that the read was not given."""
    texts = {
        name: value
        for name, value in arguments.items()
        if name not in given and isinstance(value, str) and len(value.strip()) >= _SHORTEST
    }
    telling = {name: value for name, value in texts.items() if _TELLING & {stem(word) for word in words_of(name)}}
    return telling or texts


def _entries(output: Any) -> Iterator[dict[str, Any]]:
    """Objects anywhere in it, the outer ones first."""
    left: list[Any] = [output]
    for position in range(_MOST_ENTRIES):
        if position == len(left):
            return
        value = left[position]
        if isinstance(value, dict):
            yield {name: one for name, one in value.items() if not isinstance(one, dict | list)}
            left += [one for one in value.values() if isinstance(one, dict | list)]
        elif isinstance(value, list):
            left += [one for one in value if isinstance(one, dict | list)]


def _same(entry: Mapping[str, Any], wanted: Mapping[str, str]) -> set[str]:
    there = {" ".join(value.split()) for value in entry.values() if isinstance(value, str)}
    return {name for name, value in wanted.items() if " ".join(value.split()) in there}
