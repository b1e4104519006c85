"""The command line. Wrong use and missing settings end with one sentence and exit status 2, never with a traceback."""

import argparse
import asyncio
import math
import sys
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from nango_graph.cli.environment import read_environment, this_program
from nango_graph.cli.tools import add_tools_parser
from nango_graph.errors import UsageError


def main(argv: Sequence[str] | None = None) -> NoReturn:
    arguments = _parser().parse_args(argv)
    try:
        status = asyncio.run(_command(arguments, read_environment()))
    except KeyboardInterrupt:
        print("\nStopped. What is open stays open: go on with --thread.", file=sys.stderr)
        status = 130
    raise SystemExit(status)


async def _command(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    # Imported here: `--help` should not wait for the graph.
    from sqlalchemy.exc import SQLAlchemyError

    from nango_graph.cli.terminal import Terminal
    from nango_tools import SettingsError

    terminal = Terminal()
    try:
        match arguments.command:
            case "demo":
                return await _demo(arguments, environ, terminal)
            case "chat":
                return await _chat(arguments, environ, terminal)
            case "tools":
                from nango_graph.cli.tools import run_tools

                return await run_tools(arguments, environ, terminal)
            case _:
                return await _run(arguments, environ, terminal)
    except (SettingsError, UsageError, ValueError) as error:
        print(f"nango-agent: {error}", file=sys.stderr)
        return 2
    except SQLAlchemyError as error:
        reason = type(error).__name__
        print(
            f"nango-agent: the records can't be opened or written ({reason}). Check NANGO_AGENT_DATABASE_URL and the database, "
            "or NANGO_AGENT_DATA_DIR.",
            file=sys.stderr,
        )
        return 1
    except OSError as error:
        print(f"nango-agent: {error}. Check NANGO_AGENT_DATA_DIR if that is where it lies.", file=sys.stderr)
        return 1


async def _demo(arguments: argparse.Namespace, environ: Mapping[str, str], terminal: Any) -> int:
    from nango_graph.cli.autopilot import autopilot
    from nango_graph.cli.demo import demo
    from nango_graph.settings import data_dir

    if arguments.auto:
        return await autopilot(environ, terminal)
    return await demo(environ, data_dir(environ), arguments.thread or _new_thread(), terminal)


async def _chat(arguments: argparse.Namespace, environ: Mapping[str, str], terminal: Any) -> int:
    from nango_graph.cli.chat import converse
    from nango_graph.cli.demo import demo, demo_folder
    from nango_graph.cli.receiver import receiving_webhooks
    from nango_graph.cli.session import open_session
    from nango_graph.settings import AgentSettings, data_dir
    from nango_graph.web.app import create_web_app

    folder = data_dir(environ)
    if arguments.thread and demo_folder(folder, arguments.thread).exists():
        return await demo(environ, folder, arguments.thread, terminal)
    settings = AgentSettings.from_environ(environ)
    if arguments.webhook_port is not None and settings.nango.webhook_signing_key is None:
        raise UsageError("Set NANGO_WEBHOOK_SIGNING_KEY (Nango dashboard): without it no delivery can be trusted.")
    thread_id = arguments.thread or _new_thread()
    async with open_session(settings, thread_id=thread_id) as session:
        if arguments.thread and not await session.exists():
            raise UsageError(
                f"There is no thread {arguments.thread} in {folder}. Leave --thread out to start a new one."
            )
        _own_up(settings.model.name)
        terminal.say(f"nango-agent, thread {thread_id}, user {settings.user_id}, {settings.nango.base_url}")
        how = f"{this_program()} chat --thread {thread_id}"
        if arguments.webhook_port is None:
            await converse(session, terminal, how_to_continue=how)
        else:
            app = create_web_app(session.services, session)
            async with receiving_webhooks(app, port=arguments.webhook_port) as address:
                terminal.say(f"Receiving Nango's webhooks at {address}")
                await converse(session, terminal, how_to_continue=how)
    return 0


async def _run(arguments: argparse.Namespace, environ: Mapping[str, str], terminal: Any) -> int:
    from nango_graph.cli.run import read_answer, run_once
    from nango_graph.cli.session import open_session
    from nango_graph.settings import AgentSettings

    if (arguments.request is None) == (arguments.thread is None):
        raise UsageError('Give either a request ("...") or --thread ID, which goes on with an earlier one.')
    if arguments.answer and not arguments.thread:
        raise UsageError("--answer needs --thread ID: it answers the question of an earlier run.")
    answer = None
    if arguments.answer:
        answer = read_answer(arguments.answer, sys.stdin.read() if arguments.answer == "-" else None)
    settings = AgentSettings.from_environ(environ)
    thread_id = arguments.thread or _new_thread()
    async with open_session(settings, thread_id=thread_id) as session:
        if arguments.thread and not await session.exists():
            raise UsageError(f"There is no thread {thread_id} in {settings.data_dir}.")
        _own_up(settings.model.name)
        return await run_once(
            session,
            terminal,
            request=arguments.request,
            answer=answer,
            patience=arguments.wait,
            how_to_continue=f"{this_program()} run --thread {thread_id} [--answer FILE]",
        )


def _own_up(model: str) -> None:
    """Says it where no language model is used, beside the answers and not in them."""
    from nango_graph.settings import RULE_BASED

    if model == RULE_BASED:
        from nango_sandbox.rule_model import NOTICE

        print(NOTICE, file=sys.stderr)


def _new_thread() -> str:
    return uuid.uuid4().hex[:12]


def _port(text: str) -> int:
    if text.isdecimal() and int(text) < 65536:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text} is no port (0 to 65535)")


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if math.isnan(seconds):
        raise argparse.ArgumentTypeError(f"{text} is no number of seconds")
    return seconds


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="nango-agent", description="Does your jobs in your SaaS accounts through Nango, and asks before it writes."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    demo = commands.add_parser("demo", help="a chat with a small Nango on this machine; needs no account")
    demo.add_argument("--auto", action="store_true", help="without a person: authorize, approve, check, exit")
    demo.add_argument("--thread", metavar="ID", help="go on with an earlier demo")
    chat = commands.add_parser("chat", help="a chat in this terminal")
    chat.add_argument("--thread", metavar="ID", help="go on with an earlier chat")
    chat.add_argument(
        "--webhook-port", type=_port, metavar="PORT", help="receive Nango's webhooks on this loopback port; else polls"
    )
    run = commands.add_parser(
        "run",
        help="one request, one answer",
        epilog="Exit status: 0 answered, 1 failed, 2 wrong use or settings, 3 waits for you.",
    )
    run.add_argument("request", nargs="?", help="what to do, in plain words")
    run.add_argument("--thread", metavar="ID", help="go on with an earlier run")
    run.add_argument("--answer", metavar="FILE", help="JSON decisions on the question that is open; - reads them")
    run.add_argument(
        "--wait", type=_seconds, default=60.0, metavar="SECONDS", help="look this long for a missing connection (60)"
    )
    add_tools_parser(commands)
    return parser
