"""`nango-agent demo --auto`: the demo without a person: opens the link, authorizes, approves, and checks the ledger."""

import asyncio
import re
import tempfile
from collections.abc import AsyncIterator, Mapping
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import httpx

from nango_graph.cli.deciding import APPROVE
from nango_graph.cli.demo import SUGGESTION, demo_model, demo_session, greet
from nango_graph.cli.session import Event, Session
from nango_graph.cli.showing import show, show_arguments, show_description
from nango_graph.cli.terminal import Terminal
from nango_sandbox import Sandbox

PATIENCE = 20.0
MOST_QUESTIONS = 10
MOST_PAGES = 3


async def autopilot(environ: Mapping[str, str], terminal: Terminal, *, request: str = SUGGESTION) -> int:
    """0 only if every write that was approved is in the sandbox's own ledger exactly once, and there was one."""
    with tempfile.TemporaryDirectory(prefix="nango-agent-demo-") as folder:
        async with demo_session(Path(folder), "auto", demo_model(environ)) as (session, sandbox):
            greet(session, sandbox, terminal, resumed=True)
            terminal.say(f"> {request}")
            approved = await _drive(session, session.send(request), terminal)
            failed = await session.failed()
            return await _verdict(sandbox, approved, failed, terminal)


async def _drive(session: Session, events: AsyncIterator[Event], terminal: Terminal) -> list[dict[str, Any]]:
    """Answers what is asked until nothing is. Returns the writes that were approved."""
    approved: list[dict[str, Any]] = []
    await show(events, terminal)
    for _ in range(MOST_QUESTIONS):
        question = await session.question()
        if question is None:
            return approved
        if question["kind"] == "connections":
            for request in question["action_requests"]:
                terminal.say(f"  Opening {request['args']['connect_link']}")
                await authorize(request["args"]["connect_link"])
            await asyncio.wait_for(session.news(question), PATIENCE)
            terminal.say("  Connected.")
            await show(session.go_on(), terminal)
        else:
            for request in question["action_requests"]:
                terminal.say(f"  Approving {request['name']}:")
                show_description(request, terminal)
                show_arguments(request["args"], terminal)
                approved.append({"action": request["name"], "input": request["args"]})
            decisions = [APPROVE] * len(question["action_requests"])
            await show(session.answer({"id": question["id"], "decisions": decisions}), terminal)
    raise RuntimeError(f"The demo asked more than {MOST_QUESTIONS} questions.")


async def authorize(link: str) -> None:
    """What a browser does: opens the link and presses the first button, on our own page and then on Nango's, until there is none."""
    async with httpx.AsyncClient(follow_redirects=True) as browser:
        page = (await browser.get(link)).raise_for_status()
        form = _form_on(page)
        if form is None:
            raise RuntimeError("The page behind the link has no form.")
        for _ in range(MOST_PAGES):
            target, fields = form
            page = (await browser.post(target, data=fields)).raise_for_status()
            form = _form_on(page)
            if form is None:
                return
    raise RuntimeError(f"The link leads to more than {MOST_PAGES} pages with buttons.")


def _form_on(page: httpx.Response) -> tuple[str, dict[str, str]] | None:
    """Where the first form of a page is sent to, and with what: its hidden fields and its first button."""
    form = re.search(r"(<form[^>]*>)(.*?)</form>", page.text, re.DOTALL)
    if form is None:
        return None
    action = re.search(r'action="([^"]*)"', form[1])
    fields: dict[str, str] = {}
    for tag in re.findall(r"<(?:input|button)[^>]*>", form[2]):
        name, value = re.search(r'name="([^"]*)"', tag), re.search(r'value="([^"]*)"', tag)
        if name and name[1] not in fields:
            fields[name[1]] = unescape(value[1]) if value else ""
    return urljoin(str(page.url), unescape(action[1]) if action else ""), fields


async def _verdict(sandbox: Sandbox, approved: list[dict[str, Any]], failed: bool, terminal: Terminal) -> int:
    async with httpx.AsyncClient(base_url=sandbox.base_url) as client:
        entries = (await client.get("/sandbox/api/ledger")).raise_for_status().json()["entries"]
    writes = [
        {"action": f"{entry['integration']}/{entry['action']}", "input": entry["input"]}
        for entry in entries
        if entry["access"] != "read" and entry["status"] == "succeeded"
    ]
    terminal.say()
    terminal.say(
        f"The sandbox's ledger: {len(entries)} actions, {len(writes)} of them writes; {len(approved)} approved."
    )
    if approved and not failed and all(writes.count(write) == 1 for write in approved) and len(writes) == len(approved):
        terminal.say("Each approved write happened exactly once.")
        return 0
    terminal.say("That is not what was approved, once each.")
    return 1
