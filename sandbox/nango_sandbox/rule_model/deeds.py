"""What a write did, or why it was not done, in words."""

import re
from collections.abc import Sequence
from typing import Any

from nango_sandbox.rule_model.fields import is_id, is_text
from nango_sandbox.rule_model.findings import Found, bullets, read_found
from nango_sandbox.rule_model.previews import read_preview
from nango_sandbox.rule_model.prompt import Result, Tool
from nango_sandbox.rule_model.shapes import Field, Shape
from nango_sandbox.rule_model.wording import EMPTY, PLACES, inner, line, past, place, plural, short, spaced
from nango_sandbox.rule_model.words import group_of, split_words, stem

_LINKS = ("html_url", "url", "permalink", "link")
_WHERE = re.compile(r"action '[^']*' of integration '[^']*'(?: on connection '[^']*')?: ")
_HEAD = re.compile(r"^\w+ [^\s/]+/\S+ in .*?: ")
"""The step, its tool and the account, with which what is told of it begins."""
_NO_HIT = ("None is not", "null is not", "found nothing")


def done(result: Result, verb: str, known: Sequence[Found], read: Found | None) -> str:
    tool = Tool(result.tool)
    did = past(verb or tool.name.verb).capitalize()
    preview = read_preview(result.preview)
    if result.shape.kind == "array" or isinstance(preview.value, list):
        return _done_for_each(result, did, verb or tool.name.verb, known, read)
    record = inner(preview.value) if isinstance(preview.value, dict) else {}
    arguments = result.arguments
    note = f" ({_said(result).rstrip('.')})" if result.error else ""
    if _is_post(tool, arguments):
        return f"{did} to {_channel(arguments, record)}:{_text(arguments)}{note}"
    if group_of(tool.name.verb) == "create":
        text = next((short(arguments[key], 200) for key in ("body", "text", "content") if key in arguments), "")
        if _outer(tool, arguments):
            return f"{did} {_thing(tool, arguments, record, known)}{': ' + text if text else ''}.{_link(record)}{note}"
        return f"{did} {_thing(tool, arguments, record, known)}.{_link(record)}{note}"
    return f"{did} {_thing(tool, arguments, record, known)}{_changes(tool, arguments, verb)}.{note}"


def not_done(result: Result, verb: str, known: Sequence[Found], sought: str) -> str:
    tool = Tool(result.tool)
    arguments = {key: one for key, one in result.arguments.items() if one not in EMPTY and "${" not in str(one)}
    verb = verb or tool.name.verb
    if tool.reads:
        what = f"{verb} {spaced('_'.join(tool.name.words))}{place(arguments)}"
    elif _is_post(tool, arguments):
        what = f"{verb} the message to {_channel(arguments, {})}"
    else:
        what = f"{verb} {_thing(tool, arguments, {}, known)}"
    status, why = result.status.lower(), _WHERE.sub("", _said(result)).partition("; see ")[0].strip()
    why += "." * (bool(why) and not why.endswith((".", "!", "?")))
    if status.startswith("reject"):
        said = why.removeprefix("Rejected by the user.").strip().rstrip(".")
        return f"I did not {what}: you rejected it{f' ({said})' if said and 'user' in status else ''}{_reason(status, said)}."
    if status.startswith("unknown"):
        return f"I do not know whether this took effect: {what}. {why} Look before trying it again.".replace(
            ".. ", ". "
        )
    if status.startswith("fail"):
        if sought and any(sign in why for sign in _NO_HIT):
            return f"I found {sought}, so I {past(verb)} nothing."
        return f"I could not {what}: {why or 'no reason was given.'}"
    if status.startswith(("not run", "skip")):
        return f"I did not {what}, because something before it did not work."
    return f"I did not {what}: its status is “{result.status}”{': ' + why if why else '.'}"


def _said(result: Result) -> str:
    """What is told of the step, without what the answer says by itself: which step it is, and in whose account."""
    return _HEAD.sub("", result.error, count=1)


def _reason(status: str, said: str) -> str:
    return f": {said}" if said and "user" not in status else ""


def _done_for_each(result: Result, did: str, verb: str, known: Sequence[Found], read: Found | None) -> str:
    tool = Tool(result.tool)
    outputs = read_found(result)
    if not outputs.count:
        if read is None or not read.items:
            return f"There is nothing to {verb}: {f'there are {read.counted()}' if read else 'nothing fits'}."
        return f"There is nothing to {verb}: none of the {read.counted()} fits."
    things = " ".join(tool.name.words[-1:])
    things = plural(things) if outputs.count > 1 else things
    calls = result.calls or (result.arguments,) * outputs.count
    if _is_post(tool, calls[0]):
        head = f"{did} {outputs.count} {things} to {_channel(result.arguments, {})}:"
        rows = [f"-{_text(call)}" for call in calls[: outputs.count]]
    else:
        head = f"{did} {outputs.count} {things}{place(result.arguments)}{_changes(tool, result.arguments, verb)}:"
        labels = [_label(tool, call, {}, known) for call in calls]
        rows = [f"- {label}" for label in labels] if all(labels) and result.calls else bullets(outputs)
    return "\n".join([head, *rows, *([_said(result)] if result.error else [])])


def _thing(tool: Tool, arguments: dict[str, Any], record: dict[str, Any], known: Sequence[Found]) -> str:
    """`issue #7 Crash on save in octo/widgets`, `a comment to issue 7 in octo/widgets`."""
    label = _label(tool, arguments, record, known)
    outer = _outer(tool, arguments)
    if outer:
        target = next((value for key, value in arguments.items() if outer in split_words(key)), "")
        where = label or f"{outer} {target}"
        return f"a {tool.name.words[-1]} to {where}{place(arguments)}"
    noun = " ".join(tool.name.words) if tool.name.verb != "set" else f"the {' '.join(tool.name.words[1:])} of"
    named = label or ", ".join(
        f"{spaced(key)} {short(value)}" for key, value in arguments.items() if key not in (*PLACES, "channel")
    )
    return " ".join(part for part in (noun, named or _channel(arguments, record, "")) if part) + (
        "" if "channel" in tool.name.words else place(arguments)
    )


def _outer(tool: Tool, arguments: dict[str, Any]) -> str:
    """The issue of an issue's comment, where the arguments say which."""
    outer = tool.name.words[0] if len(tool.name.words) > 1 and group_of(tool.name.verb) == "create" else ""
    return outer if any(outer in split_words(key) for key in arguments) else ""


def _label(tool: Tool, arguments: dict[str, Any], record: dict[str, Any], known: Sequence[Found]) -> str:
    """What the thing is called: by the output, else by a list that has an item of this id."""
    if "channel" in tool.name.words and "channel" in arguments:
        return _channel(arguments, record)
    outer = _outer(tool, arguments)
    if not outer and (label := line(record, details=False)) and not label.startswith("["):
        return label
    for key, value in arguments.items():
        if not is_id(Field(key, Shape())) or value in EMPTY:
            continue
        own = split_words(key)[-1]
        for one in reversed(known):
            items = one.items if one.items is not None else [one.record]
            for item in items:
                named = line(item, details=False) if isinstance(item, dict) and item.get(own) == value else ""
                if named and not named.startswith("["):
                    return (outer + " " if outer else "") + named
        if not outer and (own != "name"):
            return f"{'#' if own == 'number' else ''}{value}"
    return next((short(arguments[key]) for key in ("name", "title") if arguments.get(key) and not outer), "")


def _changes(tool: Tool, arguments: dict[str, Any], verb: str) -> str:
    """What was set, but for what the verb says: a closed issue's state is closed."""
    if group_of(tool.name.verb) != "update":
        return ""
    set_now = {key: one for key, one in arguments.items() if not is_id(Field(key, Shape())) and key not in PLACES}
    if tool.name.verb == "set" and tool.name.words:
        return ": " + ", ".join(short(one, 200) or "empty" for key, one in set_now.items() if key != "channel")
    told = [
        f"{spaced(key)} {short(one, 200) or 'empty'}"
        for key, one in set_now.items()
        if key != "channel" and stem(str(one)).removeprefix("re") != stem(verb).removeprefix("re")
    ]
    return f": {', '.join(told)}" if told else ""


def _is_post(tool: Tool, arguments: dict[str, Any]) -> bool:
    return group_of(tool.name.verb) == "post" and bool(_channel(arguments, {}, ""))


def _channel(arguments: dict[str, Any], record: dict[str, Any], otherwise: str = "it") -> str:
    given = next(
        (str(arguments[key]) for key in ("channel", "channel_id", "to", "room", "recipient") if arguments.get(key)), ""
    )
    name = record.get("channel_name") or (record.get("name") if "is_archived" in record else None)
    return f"#{name}" if isinstance(name, str) and name and not given.startswith("#") else given or otherwise


def _text(arguments: dict[str, Any]) -> str:
    """As it was written: a text of several lines begins on a line of its own."""
    texts = [str(one) for key, one in arguments.items() if is_text(Field(key, Shape("string"))) and one]
    text = texts[0] if texts else ""
    return "\n" + text if "\n" in text else " " + text


def _link(record: dict[str, Any]) -> str:
    return next((f" {record[key]}" for key in _LINKS if isinstance(record.get(key), str)), "")
