"""YAML of the plain kind, in which every value knows its line: mappings, lists, texts, numbers, true, false and null.

Anchors, aliases and tags are refused, and so are the words and numbers that YAML reads in a way that surprises: `no`, `012`, `1:30`.
"""

import contextlib
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

MAX_CHARACTERS = 300_000
MAX_DEPTH = 40

_TAG = "tag:yaml.org,2002:"


class BadYaml(ValueError):
    """line: counted from 1. `str()` is a sentence."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


@dataclass(frozen=True, slots=True)
class Located:
    """value: a JSON value; or a list, or a mapping by text, of those with lines."""

    value: Any
    line: int

    def plain(self) -> Any:
        """Without lines."""
        if isinstance(self.value, dict):
            return {key: item.plain() for key, item in self.value.items()}
        return [item.plain() for item in self.value] if isinstance(self.value, list) else self.value

    def line_at(self, path: tuple[str | int, ...]) -> int:
        """Of what `path` leads to, or of the last thing on the way."""
        found = self
        for step in path:
            below: Any = found.value
            known = range(len(below)) if isinstance(below, list) else below if isinstance(below, dict) else ()
            if step not in known:
                break
            found = below[step]
        return found.line


def located(text: str) -> Located:
    """The one document in a text; null where there is none. Raises `BadYaml`."""
    if len(text) > MAX_CHARACTERS:
        raise BadYaml(1, f"there are more than {MAX_CHARACTERS} characters.")
    try:
        _check_events(text)
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise BadYaml(mark.line + 1 if mark else 1, f"no YAML: {error.problem or error.context}.") from error
    except yaml.reader.ReaderError as error:
        before = text[: error.position] if isinstance(error.position, int) else ""
        raise BadYaml(before.count("\n") + 1, f"no YAML: {error.reason}.") from error
    return Located(None, 1) if node is None else _value(node)


def _check_events(text: str) -> None:
    """One at a time, so that what is too deep is seen before anything is built."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        line = event.start_mark.line + 1 if event.start_mark else 1
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            raise BadYaml(
                line, "anchors and aliases (& and *) are not read: repeat what you mean, or put a text in quotes."
            )
        if getattr(event, "tag", None) is not None:
            raise BadYaml(line, "tags (!) are not read: leave it out, or put a text in quotes.")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                raise BadYaml(line, f"there are more than {MAX_DEPTH} levels.")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _value(node: yaml.Node) -> Located:
    line = node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        return Located(dict(_entries(node)), line)
    if isinstance(node, yaml.SequenceNode):
        return Located([_value(item) for item in node.value], line)
    return Located(_scalar(node, line), line)


def _entries(node: yaml.MappingNode) -> Iterator[tuple[str, Located]]:
    seen: dict[str, int] = {}
    for key, value in node.value:
        line = key.start_mark.line + 1
        if key.tag != f"{_TAG}str":
            raise BadYaml(line, "a key must be a text: put it in quotes.")
        if key.value in seen:
            raise BadYaml(line, f"`{key.value[:100]}` stands in line {seen[key.value]} already.")
        seen[key.value] = line
        found = _value(value)
        # A block starts in the line below its key, which is where people look.
        yield key.value, Located(found.value, line) if isinstance(found.value, dict | list) else found


def _scalar(node: yaml.Node, line: int) -> Any:
    kind, text = node.tag.removeprefix(_TAG), node.value
    if kind == "str":
        return text
    if kind == "null":
        return None
    # `yes` is true to YAML, `012` is ten, `1:30` ninety: only what JSON reads alike is taken.
    if kind in {"bool", "int", "float"}:
        with contextlib.suppress(ValueError):
            value = json.loads(text.lower() if kind == "bool" else text)
            if math.isfinite(value):
                return value
    raise BadYaml(line, f"{text[:100]!r} could be read in two ways: put it in quotes, or write it as JSON would.")
