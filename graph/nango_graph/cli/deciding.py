"""Questions in a terminal: shows what is asked, and turns keys into structured decisions.

Anything that is not one of the keys offered is a new message to the agent, which approves nothing.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nango_graph.approval import CONFIRM
from nango_graph.cli.showing import show_arguments, show_description
from nango_graph.cli.terminal import Terminal


@dataclass(frozen=True, slots=True)
class Message:
    """What the user typed instead of a decision."""

    text: str


APPROVE: dict[str, Any] = {"type": "approve"}

_OUTCOMES = (
    ("happened", "It happened: it counts as done."),
    ("again", "It did not happen: send it again."),
    ("skip", "It did not happen: do without it."),
    ("leave", "I don't know yet: leave it open. Nothing is sent again."),
)
_ELSE = "Anything else is a message, and approves nothing."


async def decide(question: Mapping[str, Any], terminal: Terminal) -> dict[str, Any] | Message:
    """Decisions on every action of an approval, in order, or a message. Raises `EndOfInput`."""
    requests = question["action_requests"]
    if question.get("problem"):
        terminal.say(question["problem"])
    decisions = []
    for number, (request, config) in enumerate(zip(requests, question["review_configs"], strict=True), start=1):
        unknown = request["name"] == "resolve_unknown_outcome"
        heading = "Your answer is needed" if unknown else "May I do this?"
        terminal.say()
        terminal.say(f"  {heading if len(requests) == 1 else f'{heading} ({number} of {len(requests)})'}")
        show_description(request, terminal, problem=question.get("problem") or "", for_keys=True)
        if unknown:
            decision = await _outcome(request, terminal)
        else:
            decision = await _write(request, config, terminal)
        if isinstance(decision, Message):
            return decision
        decisions.append(decision)
    return {"id": question["id"], "decisions": decisions}


async def _write(request: dict[str, Any], config: dict[str, Any], terminal: Terminal) -> dict[str, Any] | Message:
    confirm = _confirm_of(request["args"], config)
    args = {name: value for name, value in request["args"].items() if name != confirm}
    items = args["items"] if isinstance(args.get("items"), list) and len(args) == 1 else None
    _show(args, items is not None, terminal)
    _say_what_keys_do(bool(confirm), items is not None, terminal)
    confirmed = {confirm: "yes"} if confirm else {}
    while True:
        key = await terminal.ask(_prompt(confirm), afresh=True)
        match key.lower():
            case "":
                continue
            case "r" | "reject":
                return await _reject(terminal)
            case "e" | "edit":
                args = await _edit(args, terminal) if items is None else await _leave_out(args["items"], terminal)
                terminal.say("  As edited:")
                _show(args, items is not None, terminal)
            case "yes" if confirm:
                return _edited(request, {**args, **confirmed})
            case "a" | "approve" if not confirm:
                return APPROVE if args == request["args"] else _edited(request, args)
            case _:
                return Message(key)


def _show(args: dict[str, Any], fans_out: bool, terminal: Terminal) -> None:
    if not fans_out:
        show_arguments(args, terminal)
        return
    for number, item in enumerate(args["items"], start=1):
        terminal.say(f"   {number}.")
        show_arguments(item if isinstance(item, dict) else {"item": item}, terminal)


def _say_what_keys_do(confirms: bool, fans_out: bool, terminal: Terminal) -> None:
    edit = "leaves some of them out first" if fans_out else "changes the arguments first"
    approve = "yes" if confirms else "approve"
    terminal.say(f"  {approve} does exactly this, edit {edit}, reject does without it. {_ELSE}")


async def _leave_out(items: list[Any], terminal: Terminal) -> dict[str, Any]:
    line = await terminal.ask("  Leave out which numbers (2,5)? ")
    numbers = {int(part) for part in line.replace(",", " ").split() if part.isdecimal()}
    return {"items": [item for number, item in enumerate(items, start=1) if number not in numbers]}


async def _outcome(request: dict[str, Any], terminal: Terminal) -> dict[str, Any] | Message:
    show_arguments(request["args"]["arguments"], terminal)
    terminal.say("  Look in the account, then say what you found:")
    for key, meaning in _OUTCOMES:
        terminal.say(f"    {key:<11}{meaning}")
    terminal.say(f"    {_ELSE}")
    while True:
        key = await terminal.ask("  [h]appened, [a]gain, [s]kip, [l]eave open: ", afresh=True)
        match key.lower():
            case "":
                continue
            case "h" | "happened":
                return _edited(request, {**request["args"], "answer": "happened"})
            case "a" | "again":
                return _edited(request, {**request["args"], "answer": "not_happened_retry"})
            case "s" | "skip":
                return _edited(request, {**request["args"], "answer": "not_happened_skip"})
            case "l" | "leave" | "leave open":
                return {"type": "reject", "message": ""}
            case _:
                return Message(key)


async def _reject(terminal: Terminal) -> dict[str, Any]:
    return {"type": "reject", "message": await terminal.ask("  Why (Enter for no reason)? ")}


async def _edit(args: dict[str, Any], terminal: Terminal) -> dict[str, Any]:
    """Each argument in turn; Enter keeps it. Text that needs more than a line is written as a JSON string."""
    edited = dict(args)
    for name, value in args.items():
        plain = isinstance(value, str) and "\n" not in value
        line = await terminal.ask(f"  {name} [{value if plain else json.dumps(value, ensure_ascii=False)}]: ")
        if line:
            edited[name] = line if plain else _json_or_text(line)
    return edited


def _json_or_text(line: str) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return line


def _confirm_of(args: dict[str, Any], config: dict[str, Any]) -> str:
    """The field to be set to "yes" where approving alone is not offered."""
    if "approve" in config["allowed_decisions"]:
        return ""
    return max((name for name in args if name.startswith(CONFIRM) and not name[len(CONFIRM) :].strip("_")), key=len)


def _prompt(confirm: str) -> str:
    if confirm:
        return "  This deletes, removes or overwrites something. Type yes to go ahead, [e]dit, [r]eject: "
    return "  [a]pprove, [e]dit, [r]eject: "


def _edited(request: dict[str, Any], args: dict[str, Any]) -> dict[str, Any]:
    return {"type": "edit", "edited_action": {"name": request["name"], "args": args}}
