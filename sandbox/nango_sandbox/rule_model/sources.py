"""What a step's output offers to later ones, and the JMESPath that takes it: lists, filters, the oldest one, fields by name."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from nango_sandbox.rule_model.fields import list_of, thing_of
from nango_sandbox.rule_model.prompt import Tool
from nango_sandbox.rule_model.shapes import Field, Shape
from nango_sandbox.rule_model.words import ID_WORDS, same_things, split_words, stem

_LABELS = (
    "title",
    "name",
    "real_name",
    "subject",
    "summary",
    "dealname",
    "headline",
    "text",
    "content",
    "body",
    "label",
    "email",
    "topic",
)
DATES = (
    "created_at",
    "createdAt",
    "created",
    "createdate",
    "date",
    "timestamp",
    "ts",
    "updated_at",
    "updatedAt",
    "updated",
)
AMOUNTS = ("amount", "value", "total", "price", "size", "count", "points", "score")


@dataclass(frozen=True)
class Source:
    """A value that can be referred to: `expression` is JMESPath, `shape` what it gives.

    `many` says that it is a list, of things of that shape. `arguments` are those of the step it came from.
    """

    expression: str
    shape: Shape
    tool: Tool
    arguments: Mapping[str, Any] = field(default_factory=dict)
    many: bool = False
    planned: bool = False

    def one(self, expression: str) -> "Source":
        return replace(self, expression=expression, many=False)


def source_of(step_id: str, tool: Tool, arguments: Mapping[str, Any], shape: Shape, planned: bool = False) -> Source:
    """The list in a step's output where it has one, else the output itself."""
    found = list_of(shape)
    if found is None:
        return Source(step_id, shape, tool, arguments, planned=planned)
    path, items = found
    return Source(".".join((step_id, *map(name, path))), items, tool, arguments, many=True, planned=planned)


def name(key: str) -> str:
    """A field name as JMESPath writes it."""
    return key if re.fullmatch(r"[A-Za-z_]\w*", key) else '"' + key.replace("\\", "\\\\").replace('"', '\\"') + '"'


def literal(value: str | float | bool) -> str:
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, int | float):
        return f"`{value}`"
    if any(sign in value for sign in "\\{}`"):  # a raw string has no escapes, and a brace could end the reference
        escaped = json.dumps(value).replace("`", "\\u0060").replace("{", "\\u007b").replace("}", "\\u007d")
        return f"`{escaped}`"
    return "'" + value.replace("'", "\\'") + "'"


def reference(expression: str) -> str:
    return "${" + expression + "}"


def plain(text: str) -> str:
    """Text of the user as it stands, also where it holds what looks like a reference."""
    return text.replace("${", "${'$'}{")


def filtered(source: Source, conditions: Sequence[str]) -> Source:
    if not conditions:
        return source
    pipe = " | " if "[?" in source.expression else ""  # a filter's results are filtered again only behind a pipe
    return replace(source, expression=f"{source.expression}{pipe}[?{' && '.join(conditions)}]")


def equals(found: Field, value: str | float) -> str:
    """A condition on a field of an item: a list holds the value, a text is it, in its own letter case or in lower or upper."""
    path = name(found.name)
    if found.shape.kind == "array":
        return f"contains({path} || `[]`, {literal(value)})"
    if found.shape.kind in ("integer", "number") and isinstance(value, str) and re.fullmatch(r"\d+(\.\d+)?", value):
        return f"{path}==`{value}`"
    return f"{path}=={literal(value)}"


def ordered(source: Source, by: Field, descending: bool = False) -> Source:
    # Nulls among texts or numbers cannot be sorted.
    some = filtered(source, [f"{name(by.name)} != `null`"]) if by.shape.nullable else source
    expression = f"sort_by({some.expression}, &{name(by.name)})"
    return replace(source, expression=f"reverse({expression})" if descending else expression)


def taken(source: Source, at: int) -> Source:
    """One of a list. A filter has to be closed by a pipe before an index counts its results."""
    closed = (
        f"{source.expression} | [{at}]"
        if "[?" in source.expression and not source.expression.endswith(")")
        else f"{source.expression}[{at}]"
    )
    return source.one(closed)


def sliced(source: Source, count: int, last: bool = False) -> Source:
    part = f"[-{count}:]" if last else f"[:{count}]"
    closed = (
        f"{source.expression} | {part}"
        if "[?" in source.expression and not source.expression.endswith(")")
        else source.expression + part
    )
    return replace(source, expression=closed)


def of(source: Source, path: str) -> str:
    """A field of a single source."""
    return f"({source.expression}).{path}" if " | " in source.expression else f"{source.expression}.{path}"


def label_field(shape: Shape) -> Field | None:
    return _first(shape, _LABELS, "string")


def date_field(shape: Shape) -> Field | None:
    return _first(shape, DATES, "string") or _first(shape, DATES, "number") or _first(shape, DATES, "integer")


def amount_field(shape: Shape) -> Field | None:
    return _first(shape, AMOUNTS, "number") or _first(shape, AMOUNTS, "integer")


def field_named(shape: Shape, word: str) -> Field | None:
    """The field whose name a word (a stem) says; `titles` says title, `assigned` says assignees."""
    for found in shape.fields:
        words = [stem(part) for part in split_words(found.name)]
        if word in words or word == stem("".join(words)):
            return found
    return None


def field_for(parameter: Field, tool: Tool, source: Source) -> Field | None:
    """The field of a source's thing that a parameter asks for: the same name, or the id of the thing the parameter names."""
    exact = source.shape.field(parameter.name)
    if exact is not None and (exact.name not in ("id", "name") or source.tool.name.head == tool.name.head):
        return exact
    words = split_words(parameter.name)
    thing = thing_of(parameter, tool)
    ids = {stem(word) for word in ID_WORDS}
    if not same_thing(thing, source):
        return None
    own = [word for word in words if stem(word) in ids]
    for wanted in (*own, "id", "number", "key", "ts"):
        found = source.shape.field(wanted)
        if found is not None:
            return found
    for found in source.shape.fields:
        parts = split_words(found.name)
        if parts and stem(parts[-1]) in ids and {stem(part) for part in parts[:-1]} <= {thing}:
            return found
    return None


def same_thing(thing: str, source: Source) -> bool:
    heads = {source.tool.name.head, *source.tool.name.nouns[-1:]}
    found = list_of(source.tool.result)
    if found and found[0]:
        heads |= {stem(word) for word in split_words(found[0][-1])}
    return bool(same_things(thing) & heads)


def joined(source: Source, fields: Sequence[Field], separator: str = "\n") -> str:
    """Each thing of a list on its own line, the fields of one side by side."""
    wide = (
        source.expression if source.expression.endswith("]") and "[?" in source.expression else f"{source.expression}[]"
    )
    if len(fields) == 1:
        return f"join({literal(separator)}, {wide}.{_as_text(fields[0])})"
    inner = ", ".join(_as_text(found) for found in fields)
    return f"join({literal(separator)}, {wide}.join(' ', [{inner}]))"


def described(source: Source) -> str:
    """One thing as a text with references in it: `#7 Crash on save`."""
    label, number = label_field(source.shape), source.shape.field("number")
    parts = []
    if number is not None:
        parts.append("#" + reference(of(source, "number")))
    if label is not None:
        parts.append(reference(of(source, name(label.name))))
    return " ".join(parts)


def _as_text(found: Field) -> str:
    path = name(found.name)
    if found.shape.kind != "string":
        return f"to_string({path})"
    return f"not_null({path}, '')" if found.shape.nullable else path


def _first(shape: Shape, names: Sequence[str], kind: str) -> Field | None:
    for wanted in names:
        found = shape.field(wanted)
        if found is not None and found.shape.kind == kind:
            return found
    return None
