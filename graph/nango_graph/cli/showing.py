"""How a run looks in a terminal: the plan, progress, the answer as it streams."""

import json
from collections.abc import AsyncIterator
from typing import Any

from nango_graph.cli.session import Event
from nango_graph.cli.terminal import Terminal

_MARKS = {"succeeded": "done", "failed": "failed", "unknown": "outcome unknown", "asking": "needs your decision"}


async def show(events: AsyncIterator[Event], terminal: Terminal) -> None:
    """Shows a run until it ends or asks."""
    async for event in events:
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
            case "step" if event.data["status"] != "started":
                error = f": {event.data['error']}" if event.data.get("error") else ""
                mark = _MARKS.get(event.data["status"], event.data["status"])
                terminal.say(f"  {event.data['id']} {event.data['tool']} {mark}{error}")
            case "notice":
                terminal.say(f"  {event.data['text']}")
            case _:
                pass
    terminal.end_line()


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
