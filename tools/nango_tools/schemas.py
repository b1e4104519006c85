"""JSON Schemas as they come from Nango, made self-contained: every `$ref` is replaced by what it points to."""

from typing import Any
from urllib.parse import unquote

Schema = dict[str, Any]

NOT_DECLARED = "what belongs here is declared nowhere"
"""Stands in the place of a reference that dangles: the same for each, as its address could say anything to a model."""

_MOST_NODES = 20_000
_DEEPEST = 60
# Keywords whose value is data, where a "$ref" means nothing.
_DATA = frozenset({"const", "enum", "default", "examples", "example"})
# Keywords that only describe, and so may stand beside what a reference points to.
_ANNOTATIONS = frozenset(
    {"title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly", "$comment"}
)
_DEFINITIONS = frozenset({"definitions", "$defs", "$schema", "$id"})


def resolved(schema: Schema, definitions: Schema | None = None) -> Schema:
    """`schema` without references. `definitions` are what `#/definitions/...` means beside the schema's own.

    A reference that dangles, or that leads into itself, becomes a schema that allows anything and says so: the provider
    has the last word, as it has anyway. So does what lies deeper than 60 levels, or beyond 20 000 nodes.
    """
    root = {**schema, "definitions": {**(definitions or {}), **_dict(schema.get("definitions"))}}
    found = _Resolver(root).visit({key: value for key, value in schema.items() if key not in _DEFINITIONS}, ())
    return found if isinstance(found, dict) else {}


class _Resolver:
    def __init__(self, root: Schema) -> None:
        self._root = root
        self._nodes = 0

    def visit(self, node: Any, following: tuple[str, ...], depth: int = 0) -> Any:
        self._nodes += 1
        if self._nodes > _MOST_NODES or depth > _DEEPEST:
            return _anything("this schema is too large to show") if isinstance(node, dict) else node
        if isinstance(node, list):
            return [self.visit(item, following, depth + 1) for item in node]
        if not isinstance(node, dict):
            return node
        reference = node.get("$ref")
        if isinstance(reference, str):
            return self._follow(reference, node, following, depth)
        return {key: value if key in _DATA else self.visit(value, following, depth + 1) for key, value in node.items()}

    def _follow(self, reference: str, node: Schema, following: tuple[str, ...], depth: int) -> Any:
        beside = {key: value for key, value in node.items() if key != "$ref"}
        if reference in following:
            return _anything(f"the same shape again as {reference.rsplit('/', 1)[-1]}") | _annotations(beside)
        target = self._target(reference)
        if target is None:
            return _anything(NOT_DECLARED) | _annotations(beside)
        found = self.visit(target, (*following, reference), depth + 1)
        if found is True or not isinstance(found, dict):
            return found if not beside else self.visit(beside, following, depth + 1)
        if beside.keys() <= _ANNOTATIONS:
            return {key: value for key, value in found.items() if key not in _DEFINITIONS} | beside
        return {"allOf": [found, self.visit(beside, following, depth + 1)]}

    def _target(self, reference: str) -> Any:
        """What a JSON pointer into the document names; in `$defs` or `definitions`, whichever has it."""
        if not reference.startswith("#"):
            return None
        node: Any = self._root
        steps = [unquote(step).replace("~1", "/").replace("~0", "~") for step in reference[1:].split("/")[1:]]
        for depth, step in enumerate(steps):
            if isinstance(node, list) and step.isdecimal() and int(step) < len(node):
                node = node[int(step)]
            elif isinstance(node, dict) and step in node:
                node = node[step]
            elif depth == 1 and steps[0] in ("definitions", "$defs"):
                node = _dict(self._root.get("definitions")).get(step)
            elif depth == 0 and step == "$defs":
                continue
            else:
                return None
        return node if isinstance(node, dict | bool) else None


def _anything(why: str) -> Schema:
    return {"description": why}


def _annotations(beside: Schema) -> Schema:
    return {key: value for key, value in beside.items() if key in _ANNOTATIONS}


def _dict(value: Any) -> Schema:
    return value if isinstance(value, dict) else {}
