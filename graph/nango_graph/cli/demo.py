"""`nango-agent demo`: the whole thing on this machine, with a small Nango of its own and no account anywhere.

Each demo thread has a folder with its checkpoints, its records and its sandbox, so that it can be taken up again after anything.
"""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from nango_graph.cli.chat import converse
from nango_graph.cli.environment import this_program
from nango_graph.cli.receiver import receiving_webhooks
from nango_graph.cli.session import Session, open_session
from nango_graph.cli.terminal import Terminal
from nango_graph.settings import RULE_BASED, AgentSettings, ModelSettings
from nango_graph.web.app import create_web_app
from nango_sandbox import PortTakenError, Sandbox
from nango_sandbox.rule_model import NOTICE
from nango_tools import NangoSettings

USER = "ada"
SUGGESTION = "Post the titles of the open issues in octo/widgets to #general"


def demo_folder(data_dir: Path, thread_id: str) -> Path:
    return data_dir / "demo" / re.sub(r"[^A-Za-z0-9_-]", "_", thread_id)


@asynccontextmanager
async def demo_session(folder: Path, thread_id: str, model: ModelSettings) -> AsyncIterator[tuple[Session, Sandbox]]:
    """A sandbox with a Slack connection, and a session on it whose webhooks arrive. The folder must be there."""
    async with _sandbox(folder) as sandbox:
        settings = AgentSettings(
            nango=NangoSettings(
                api_key=sandbox.api_key, base_url=sandbox.base_url, webhook_signing_key=sandbox.webhook_signing_key
            ),
            model=model,
            data_dir=folder,
            user_id=USER,
        )
        async with open_session(settings, thread_id=thread_id) as session:
            tags = {"end_user_id": USER, "end_user_email": "ada@example.com", "end_user_display_name": "Ada"}
            if not [
                found async for found in session.services.nango.connections.list(tags=tags, integration_ids=["slack"])
            ]:
                await sandbox.connect("slack", tags)
            app = create_web_app(session.services, session)
            async with receiving_webhooks(app) as address:
                sandbox.set_webhook_url(address)
                yield session, sandbox


@asynccontextmanager
async def _sandbox(folder: Path) -> AsyncIterator[Sandbox]:
    """On the port that this folder's sandbox had before, so that links on somebody's screen still work, if it is free."""
    remembered = folder / "port"
    port = 0
    with suppress(OSError, ValueError):
        port = int(remembered.read_text(encoding="utf-8"))
    try:
        sandbox = await Sandbox(folder / "sandbox.db", port=port).__aenter__()
    except PortTakenError:
        sandbox = await Sandbox(folder / "sandbox.db").__aenter__()
    try:
        remembered.write_text(sandbox.base_url.rpartition(":")[2], encoding="utf-8")
        yield sandbox
    finally:
        await sandbox.__aexit__(None, None, None)


async def demo(environ: Mapping[str, str], data_dir: Path, thread_id: str, terminal: Terminal) -> int:
    folder = demo_folder(data_dir, thread_id)
    resumed = _made_before(folder)
    async with demo_session(folder, thread_id, demo_model(environ)) as (session, sandbox):
        greet(session, sandbox, terminal, resumed=resumed)
        await converse(session, terminal, how_to_continue=f"{this_program()} chat --thread {thread_id}")
    return 0


def _made_before(folder: Path) -> bool:
    before = folder.exists()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return before


def greet(session: Session, sandbox: Sandbox, terminal: Terminal, *, resumed: bool) -> None:
    terminal.say(f"nango-agent demo, thread {session.thread_id}")
    terminal.say(f"A small Nango runs on this machine; its apps, connections and ledger: {sandbox.base_url}/")
    if session.services.settings.model.name == RULE_BASED:
        terminal.say(NOTICE)
    if not resumed:
        terminal.say(f'Slack is connected, GitHub and HubSpot are not yet. Try: "{SUGGESTION}"')
        terminal.say("exit leaves; what is open stays open.")
    terminal.say()


def demo_model(environ: Mapping[str, str]) -> ModelSettings:
    """A real model if there is a key for one, the stand-in otherwise."""
    if environ.get("OPENAI_API_KEY"):
        return ModelSettings.from_environ(environ)
    return ModelSettings(name=RULE_BASED)
