"""Arguments out of what was read or done before: ids and texts by reference, the place by carrying it on."""

from collections.abc import Sequence
from typing import Any

from nango_sandbox.rule_model.attempts import carried
from nango_sandbox.rule_model.fields import is_id, is_text
from nango_sandbox.rule_model.phrases import Phrase, projection
from nango_sandbox.rule_model.prompt import Tool
from nango_sandbox.rule_model.request import Clause
from nango_sandbox.rule_model.shapes import Field
from nango_sandbox.rule_model.sources import Source, described, field_for, joined, label_field, name, of, reference
from nango_sandbox.rule_model.words import group_of, split_words

_OWN = ("name", "query", "email", "state", "status", "color", "limit")  # never a matter of where something is


def feed(tool: Tool, arguments: dict[str, Any], phrase: Phrase, source: Source) -> str:
    """Adds what the source has to `arguments`; returns the `for_each` expression if the tool runs once for each item."""
    wanted = [parameter for parameter in tool.required if parameter.name not in arguments]
    pairs = [(parameter, field_for(parameter, tool, source)) for parameter in wanted]
    ids = [
        (p, found)
        for p, found in pairs
        if found is not None and not found.shape.nullable and (is_id(p) or not is_text(p))
    ]
    known = carried(source)
    if phrase.noun is None and source.tool.key == tool.key and not ids:
        arguments.update(_same_again(wanted, source))  # "post that to #random too"
    each = source.many and (bool(ids) or phrase.each)
    one = source.one("item") if each else source
    for parameter, found in ids:
        if not source.many or each:
            arguments[parameter.name] = reference(of(one, name(found.name)))
    for parameter in tool.required:
        if parameter.name not in arguments and parameter.name in known and not is_text(parameter):
            arguments[parameter.name] = known[parameter.name]
    _write(tool, arguments, phrase, one)
    return reference(source.expression) if each else ""


def _same_again(wanted: Sequence[Field], source: Source) -> dict[str, Any]:
    """What an earlier step was given. A text that is shown in short is left to be taken from its output."""
    known = carried(source)
    return {p.name: known[p.name] for p in wanted if p.name in known and not str(known[p.name]).endswith("…")}


def from_history(
    tool: Tool, arguments: dict[str, Any], clause: Clause, sources: Sequence[Source], *, pointed: bool
) -> None:
    """Where a thing lives (owner, repository, channel) carries on from the step before.

    Which thing it is carries on only when the clause points at it (`pointed`: "it", "that one").
    """
    own = [source for source in reversed(sources) if source.tool.integration == tool.integration]
    if pointed and clause.pronoun:
        for source in own:
            known = carried(source)
            for parameter in tool.parameters:
                again = tool.reads and source.tool.key == tool.key  # "list them": those that were counted
                if parameter.name in known and (again or (parameter.required and is_id(parameter))):
                    arguments.setdefault(parameter.name, known[parameter.name])
    inherit(tool, arguments, own)


def inherit(tool: Tool, arguments: dict[str, Any], sources: Sequence[Source]) -> None:
    for source in sources:
        if source.tool.integration != tool.integration:
            continue
        known = carried(source)
        for parameter in tool.required:
            place = not is_id(parameter) and not is_text(parameter) and split_words(parameter.name)[-1] not in _OWN
            if place and parameter.name in known:
                arguments.setdefault(parameter.name, known[parameter.name])


def _write(tool: Tool, arguments: dict[str, Any], phrase: Phrase, source: Source) -> None:
    """A text to write that was not given: the fields that were asked for, else what things are called."""
    if group_of(tool.name.verb) in ("delete", "list"):
        return
    fields = projection(source, phrase)
    texts = [p for p in tool.parameters if is_text(p) and p.name not in arguments]
    target = next((p for p in texts if p.required), next(iter(texts), None) if fields else None)
    if target is None:
        return
    how_many = any(token.lower in ("number", "count") for token in phrase.projected) or "many" in phrase.words
    if source.many and how_many:
        arguments[target.name] = reference(f"to_string(length({source.expression}))")
    elif source.many:
        shown = fields or [one for one in (source.shape.field("number"), label_field(source.shape)) if one is not None]
        if shown:
            arguments[target.name] = reference(joined(source, shown))
    elif fields:
        arguments[target.name] = " ".join(reference(of(source, name(found.name))) for found in fields)
    elif text := described(source):
        arguments[target.name] = text
