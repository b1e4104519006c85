"""`nango-agent run`: one request, one answer; or the question, and exit status 3 while it waits for somebody."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

from nango_graph.cli.session import Event, Session
from nango_graph.cli.showing import show_arguments, show_description
from nango_graph.cli.terminal import Terminal
from nango_graph.errors import NotAsked

ANSWERED, FAILED, WAITS = 0, 1, 3
_FORM = (
    'An answer looks like {"decisions": [{"type": "approve"}]}: approve, reject (message) or edit (edited_action: name, '
    "args), one for each action in order."
)


async def run_once(
    session: Session,
    terminal: Terminal,
    *,
    request: str | None,
    answer: Mapping[str, Any] | None,
    patience: float,
    how_to_continue: str,
) -> int:
    """The exit status. `patience`: seconds after which no missing connection is looked for any more, whatever happened meanwhile.
    They begin when what was asked for has been worked on. A look that is under way then is not cut off: the thread would be left
    without its question.
    """
    if answer is not None:
        try:
            await _quietly(session.answer(answer), terminal)
        except NotAsked as overtaken:
            terminal.say(str(overtaken))
            return FAILED
    elif request is not None:
        await _quietly(session.send(request), terminal)
    until = asyncio.get_running_loop().time() + patience
    going_on = answer is None and request is None
    if going_on and (await session.is_cut_short() or await _has_news(session)):
        await _quietly(session.go_on(), terminal)
    shown: str | None = None
    while (question := await session.question()) is not None:
        if question["id"] != shown:
            shown = question["id"]
            _show_question(question, terminal)
        if not await _connected_in_time(session, question, until):
            terminal.say(f"Waiting for you. To go on: {how_to_continue}")
            return WAITS
        await _quietly(session.go_on(), terminal)
    terminal.say(await session.last_answer())
    return FAILED if await session.failed() else ANSWERED


async def _has_news(session: Session) -> bool:
    return await session.question() is not None and await session.found_connection()


async def _connected_in_time(session: Session, question: Mapping[str, Any], until: float) -> bool:
    if not any(request["name"] == "connect_account" for request in question["action_requests"]):
        return False
    try:
        async with asyncio.timeout_at(until):
            await session.news(question)
    except TimeoutError:
        return False
    return True


async def _quietly(events: AsyncIterator[Event], terminal: Terminal) -> None:
    async for event in events:
        if event.kind == "notice":
            terminal.say(event.data["text"])


def _show_question(question: Mapping[str, Any], terminal: Terminal) -> None:
    if question.get("problem"):
        terminal.say(question["problem"])
    for number, (request, config) in enumerate(
        zip(question["action_requests"], question["review_configs"], strict=True), start=1
    ):
        terminal.say(f"{number}. {request['name']} ({', '.join(config['allowed_decisions'])})")
        if question["kind"] == "approval":
            show_description(request, terminal, problem=question.get("problem") or "")
        show_arguments(request["args"], terminal)
        for choice in request.get("choices", []):
            terminal.say(f"    {choice['id']}: {choice['label']}")
    if question["kind"] == "approval":
        terminal.say(_FORM)


def read_answer(source: str, standard_input: str | None) -> dict[str, Any]:
    """The decisions in a JSON file, or from standard input for "-": `{"decisions": [...]}`, and the question's "id" if it
    is there. Raises `ValueError` with a sentence.
    """
    try:
        text = standard_input if standard_input is not None else Path(source).read_text(encoding="utf-8")
    except OSError as error:
        raise ValueError(f"{source} can't be read: {error.strerror}.") from error
    try:
        answer = json.loads(text)
    except ValueError as error:
        raise ValueError(f"{source} is not JSON. {_FORM}") from error
    decisions = answer.get("decisions") if isinstance(answer, dict) else answer
    if not isinstance(decisions, list) or not all(isinstance(decision, dict) for decision in decisions):
        raise ValueError(f"{source} holds no list of decisions. {_FORM}")
    return {"decisions": decisions, "id": answer.get("id") if isinstance(answer, dict) else None}
