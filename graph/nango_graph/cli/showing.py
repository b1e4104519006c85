"""How a run looks in a terminal: the plan, progress, the answer as it streams."""

import json
import re
from collections.abc import AsyncIterator, Mapping
from typing import Any

from nango_graph.cli.session import Event
from nango_graph.cli.terminal import Terminal
from nango_graph.questions import FOR_FORMS

_MARKS = {"succeeded": "done", "failed": "failed", "unknown": "outcome unknown", "asking": "needs your decision"}


async def show(events: AsyncIterator[Event], terminal: Terminal) -> None:
    """Shows a run until it ends or asks."""
    counting = _Counting(terminal)
    async for event in events:
        if not (event.kind == "step" and event.data["status"] in ("started", "running")):
            counting.is_cut_off()
        match event.kind:
            case "token":
                terminal.stream(event.data)
            case "message":
                terminal.say(event.data)
            case "tools" if event.data["counts"]:
                listings = event.data["listings"]
                counts = [
                    f"{name} {count}" + (f" (from {listings[name]} alone)" if listings[name] != "both" else "")
                    for name, count in sorted(event.data["counts"].items())
                ]
                terminal.say(f"  tools: {', '.join(counts)}")
            case "plan":
                terminal.say("  plan:")
                for step in event.data["steps"]:
                    purpose = f" - {step['purpose']}" if step["purpose"] else ""
                    terminal.say(f"    {step['id']} {step['tool']}{purpose}")
            case "step" if event.data["status"] == "running":
                counting.go_on(event.data)
            case "step" if event.data["status"] != "started":
                terminal.say(_ended(event.data))
            case "notice":
                terminal.say(f"  {event.data['text']}")
            case _:
                pass
    terminal.end_line()


def _ended(step: dict[str, Any]) -> str:
    mark = _MARKS.get(step["status"], step["status"])
    count = f" ({step['done']:,} of {step['of']:,})" if "of" in step else ""
    what, told = f"{step['id']} {step['tool']}", step.get("error") or ""
    # Most of what is told of a step begins with the step and whose account it is.
    told = told.removeprefix(what) if told.startswith(f"{what} in ") else f": {told}" if told else ""
    return f"  {what} {mark}{count}{told}"


class _Counting:
    """How far a step is that runs for each item: a line that grows, a new one once something else was shown."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._on_this_line = ""
        self._told: dict[str, int] = {}

    def go_on(self, step: dict[str, Any]) -> None:
        ended = step["done"] + step["failed"]
        # Four times are enough for a reader. The events come more often, for those who draw a bar.
        quarter = 4 * ended // step["of"]
        if quarter <= self._told.get(step["id"], 0):
            return
        self._told[step["id"]] = quarter
        failed = f" ({step['failed']:,} failed)" if step["failed"] else ""
        if self._on_this_line == step["id"]:
            self._terminal.stream(f", {ended:,}{failed}")
        else:
            self._terminal.end_line()
            self._terminal.stream(f"  {step['id']} {step['tool']} of {step['of']:,}: {ended:,}{failed}")
            self._on_this_line = step["id"]

    def is_cut_off(self) -> None:
        self._on_this_line = ""


def show_arguments(args: dict[str, Any], terminal: Terminal) -> None:
    """Every argument, whole: what is approved must have been seen. A bar marks each line of a value, however long, so
    that no value can look like another argument.
    """
    for name, value in args.items():
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        if "\n" in text or len(text) > terminal.width - len(name) - 8:
            terminal.say(f"    {name}:")
            terminal.quote("      | ", text)
        else:
            terminal.say(f"    {name}: {text}")


def show_description(
    request: Mapping[str, Any], terminal: Terminal, *, problem: str = "", for_keys: bool = False
) -> None:
    """What is told of a request: what for, in whose account, what was done before. Whole, behind a bar.

    problem: stands before it, and was said already
    for_keys: without how to fill in a form, which keys do here
    """
    told = str(request.get("description") or "").removeprefix(f"{problem}\n\n")
    for paragraph in told.split("\n\n"):
        if paragraph.strip() and not (for_keys and paragraph.startswith(FOR_FORMS)):
            terminal.explain("  | ", plain(paragraph))


_MARKUP = re.compile(r"\\([\\`*_\[\]#|~!<>&])|(&lt;|&gt;|&amp;|&#58;)|\*\*|`")
_CHARACTERS = {"&lt;": "<", "&gt;": ">", "&amp;": "&", "&#58;": ":"}


def plain(told: str) -> str:
    """Markdown as `display.markdown` and the questions write it, without its marks."""
    return _MARKUP.sub(lambda found: found[1] or _CHARACTERS.get(found[0], ""), told)
