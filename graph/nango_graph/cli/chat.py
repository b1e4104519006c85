"""`nango-agent chat`: a conversation in the terminal. Whatever is open when it ends is open when it starts again."""

from collections.abc import Mapping
from typing import Any

from nango_graph.approval import CONFIRM
from nango_graph.cli.deciding import APPROVE, Message, decide
from nango_graph.cli.session import Session
from nango_graph.cli.showing import show
from nango_graph.cli.terminal import EndOfInput, Terminal
from nango_graph.errors import NotAsked
from nango_graph.run_lease import ThreadBusy

REJECT: dict[str, Any] = {"type": "reject", "message": ""}


async def converse(session: Session, terminal: Terminal, *, how_to_continue: str) -> None:
    """Until the user leaves. The first thing done is to look at what was left open."""
    try:
        await _take_up(session, terminal)
        while True:
            try:
                await _next(session, terminal)
            except (NotAsked, ThreadBusy) as overtaken:
                # Somebody else goes on with this thread, in another window or through a webhook.
                terminal.say(f"  {overtaken}")
    except EndOfInput:
        terminal.say()
        if await session.exists():
            waits = " A question is open; it stays." if await session.question() is not None else ""
            terminal.say(f"Goodbye.{waits} To go on: {how_to_continue}")
        else:
            terminal.say("Goodbye.")


async def _next(session: Session, terminal: Terminal) -> None:
    """Asks for a message, or for an answer to what is asked, and shows what comes of it."""
    question = await session.question()
    if question is None:
        text = await terminal.ask("> ")
        if text:
            await show(session.send(text), terminal)
    elif question["kind"] == "connections":
        await _connections(session, question, terminal)
    else:
        await _say(session, await decide(question, terminal), terminal)


async def _say(session: Session, said: dict[str, Any] | Message, terminal: Terminal) -> None:
    await show(session.send(said.text) if isinstance(said, Message) else session.answer(said), terminal)


async def _take_up(session: Session, terminal: Terminal) -> None:
    """Goes on where the thread was left: a connection may have been made, a run may have been killed."""
    if await session.is_cut_short():
        terminal.say("The last run was cut short. Going on with it.")
        await show(session.go_on(), terminal)
    elif await session.question() is not None and await session.found_connection():
        terminal.say("A connection was made in the meantime.")
        await show(session.go_on(), terminal)


async def _connections(session: Session, question: Mapping[str, Any], terminal: Terminal) -> None:
    """Links to open, accounts to choose or to confirm. A connection that is made while the prompt is open goes on by itself."""
    if question.get("problem"):
        terminal.say(question["problem"])
    requests = question["action_requests"]
    terminal.say()
    for request in requests:
        if request["name"] == "connect_account":
            terminal.say(f"  I need access to {request['args']['integration']}. Open this link and authorize it:")
            terminal.say(f"    {request['args']['connect_link']}")
    if any(request["name"] != "connect_account" for request in requests):
        await _say(session, await _about_accounts(question, terminal), terminal)
        return
    names = [request["args"]["integration"] for request in requests]
    which = f" (skip {names[0]}: without that one)" if len(names) > 1 else ""
    terminal.say(f"  I go on by myself when it is done. Enter looks again, skip goes on without it{which}.")
    while isinstance(line := await terminal.ask_unless("  waiting: ", session.news(question)), tuple):
        if line[0] != "again":
            terminal.say("  Connected." if line[0] == "connected" else "  That link has expired; here is a new one.")
        await show(session.go_on(), terminal)
        following = await session.question()
        if following is None or following["id"] != question["id"]:
            return
        if line[0] == "connected":
            terminal.say("  It can't be used yet. I look again from time to time.")
    word, _, name = line.partition(" ")
    if not line:
        await _say(session, _decisions(question, [APPROVE] * len(requests)), terminal)
    elif word.lower() == "skip" and name.strip() in {"", *names}:
        without = {name.strip()} if name else set(names)
        await _say(session, _decisions(question, [REJECT if one in without else APPROVE for one in names]), terminal)
    else:
        await _say(session, Message(line), terminal)


async def _about_accounts(question: Mapping[str, Any], terminal: Terminal) -> dict[str, Any] | Message:
    """Which of several accounts, and whether a new one is the user's. Links are looked at again with it."""
    decisions = []
    for request in question["action_requests"]:
        decision: dict[str, Any] | Message
        match request["name"]:
            case "choose_account":
                decision = await _choose(request, terminal)
            case "confirm_account":
                decision = await _confirm(request, terminal)
            case _:
                decision = APPROVE
        if isinstance(decision, Message):
            return decision
        decisions.append(decision)
    return _decisions(question, decisions)


async def _choose(request: dict[str, Any], terminal: Terminal) -> dict[str, Any] | Message:
    choices = request["choices"]
    terminal.say(f"  Which {request['args']['integration']} account?")
    for number, account in enumerate(choices, start=1):
        terminal.say(f"    {number}. {account['label']}")
    line = await _until_said("  Number: ", terminal)
    if not line.isdecimal() or not 1 <= int(line) <= len(choices):
        return Message(line)
    return _edited(request, account_id=choices[int(line) - 1]["id"])


async def _confirm(request: dict[str, Any], terminal: Terminal) -> dict[str, Any] | Message:
    terminal.say(
        f"  {request['args']['account']}. It came through the link of this chat, and nobody logged in to open it,"
    )
    terminal.say("  so it may be somebody else's.")
    if request["args"].get("account_says"):
        terminal.say(f"  It says of itself: {request['args']['account_says']}")
    line = await _until_said(f"  Is this your {request['args']['integration']} account? [y]es, [n]o: ", terminal)
    match line.lower():
        case "y" | "yes":
            return _edited(request, **{CONFIRM: "yes"})
        case "n" | "no":
            return REJECT
        case _:
            return Message(line)


async def _until_said(prompt: str, terminal: Terminal) -> str:
    line = ""
    while not line:
        line = await terminal.ask(prompt)
    return line


def _edited(request: dict[str, Any], **args: str) -> dict[str, Any]:
    return {"type": "edit", "edited_action": {"name": request["name"], "args": {**request["args"], **args}}}


def _decisions(question: Mapping[str, Any], decisions: list[dict[str, Any]]) -> dict[str, Any]:
    return {"id": question["id"], "decisions": decisions}
