"""Labelling adds a label: where an update replaces a list, what is in it has to be given again."""

import json
from typing import Any

from nango_sandbox.rule_model.prompt import Tool
from nango_sandbox.rule_model.reading import Reading
from nango_sandbox.rule_model.shapes import Field
from nango_sandbox.rule_model.sources import Source, literal, name, of, reference
from nango_sandbox.rule_model.words import group_of


def keep_present(reading: Reading, arguments: dict[str, Any], source: Source | None) -> None:
    """Changes `arguments` so that a label is added to those of the source, or of the record that is read for it."""
    tool = reading.tool
    if group_of(reading.clause.verb) != "label" or group_of(tool.name.verb) != "update":
        return
    for parameter in tool.parameters:
        new = arguments.get(parameter.name)
        if not isinstance(new, list) or not all(isinstance(one, str) for one in new):
            continue
        if source is None or source.many or not _has(source.shape.field(parameter.name)):
            source = _read(reading, arguments, parameter)
        if source is not None:
            present, added = of(source, name(parameter.name)), f"[{', '.join(map(literal, new))}]"
            arguments[parameter.name] = reference(f"[{present}[?!contains({added}, @)], {added}][]")


def _read(reading: Reading, arguments: dict[str, Any], parameter: Field) -> Source | None:
    for tool in reading.scene.tools:
        if not tool.reads or not _same(tool, reading.tool) or not _has(tool.result.field(parameter.name)):
            continue
        given = {one.name: arguments[one.name] for one in tool.required if one.name in arguments}
        if len(given) == len(tool.required) and "${item" not in json.dumps(given):
            step = reading.out.add(tool, given)
            return Source(step.id, tool.result, tool, given, planned=True)
    return None


def _same(tool: Tool, other: Tool) -> bool:
    return tool.integration == other.integration and tool.name.head == other.name.head


def _has(field: Field | None) -> bool:
    return field is not None and field.shape.kind == "array"
