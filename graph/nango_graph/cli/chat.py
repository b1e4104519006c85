"""`nango-agent chat`: a conversation in the terminal. Whatever is open when it ends is open when it starts again."""

from collections.abc import Mapping
from typing import Any

from nango_graph.cli.deciding import APPROVE, Message, decide
from nango_graph.cli.session import Session
from nango_graph.cli.showing import show
from nango_graph.cli.terminal import EndOfInput, Terminal


async def converse(session: Session, terminal: Terminal, *, how_to_continue: str) -> None:
    """Until the user leaves. The first thing done is to look at what was left open."""
    try:
        await _take_up(session, terminal)
        while True:
            question = await session.question()
            if question is None:
                text = await terminal.ask("> ")
                if text:
                    await show(session.send(text), terminal)
            elif question["kind"] == "connections":
                await _connections(session, question, terminal)
            else:
                answer = await decide(question, terminal)
                if isinstance(answer, Message):
                    await show(session.send(answer.text), terminal)
                else:
                    await show(session.answer(answer), terminal)
    except EndOfInput:
        terminal.say()
        if await session.exists():
            waits = " A question is open; it stays." if await session.question() is not None else ""
            terminal.say(f"Goodbye.{waits} To go on: {how_to_continue}")
        else:
            terminal.say("Goodbye.")


async def _take_up(session: Session, terminal: Terminal) -> None:
    """Goes on where the thread was left: a connection may have been made, a run may have been killed."""
    if await session.is_cut_short():
        terminal.say("The last run was cut short. Going on with it.")
        await show(session.go_on(), terminal)
    elif await session.question() is not None and await session.found_connection():
        terminal.say("A connection was made in the meantime.")
        await show(session.go_on(), terminal)


async def _connections(session: Session, question: Mapping[str, Any], terminal: Terminal) -> None:
    """Links to open and accounts to choose. A connection that is made while the prompt is open goes on by itself."""
    if question.get("problem"):
        terminal.say(question["problem"])
    requests = question["action_requests"]
    terminal.say()
    for request in requests:
        if request["name"] == "connect_account":
            terminal.say(f"  I need access to {request['args']['integration']}. Open this link and authorize it:")
            terminal.say(f"    {request['args']['connect_link']}")
    choices = [request for request in requests if request["name"] == "choose_account"]
    if choices:
        answer = await _choose(question, choices, terminal)
        await show(session.answer(answer) if isinstance(answer, dict) else session.send(answer.text), terminal)
        return
    terminal.say("  I go on by myself when it is done. Enter looks again, skip goes on without it.")
    line = await terminal.ask_unless("  waiting: ", session.news(question))
    if isinstance(line, tuple):
        terminal.say("  Connected." if line[0] == "connected" else "  That link has expired; here is a new one.")
        await show(session.go_on(), terminal)
    elif not line:
        await show(session.answer({"id": question["id"], "decisions": [APPROVE] * len(requests)}), terminal)
    elif line.lower() == "skip":
        decisions = [{"type": "reject", "message": ""}] * len(requests)
        await show(session.answer({"id": question["id"], "decisions": decisions}), terminal)
    else:
        await show(session.send(line), terminal)


async def _choose(
    question: Mapping[str, Any], choices: list[dict[str, Any]], terminal: Terminal
) -> dict[str, Any] | Message:
    picked: dict[str, str] = {}
    for request in choices:
        terminal.say(f"  Which {request['args']['integration']} account?")
        for number, account in enumerate(request["choices"], start=1):
            terminal.say(f"    {number}. {account['label']}")
        line = ""
        while not line:
            line = await terminal.ask("  Number: ")
        if not line.isdecimal() or not 1 <= int(line) <= len(request["choices"]):
            return Message(line)
        picked[request["args"]["integration"]] = request["choices"][int(line) - 1]["id"]
    decisions = [
        {
            "type": "edit",
            "edited_action": {
                "name": request["name"],
                "args": {**request["args"], "account_id": picked[request["args"]["integration"]]},
            },
        }
        if request["name"] == "choose_account"
        else APPROVE
        for request in question["action_requests"]
    ]
    return {"id": question["id"], "decisions": decisions}
