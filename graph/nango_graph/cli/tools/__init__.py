"""`nango-agent tools …`: what the agent makes of a catalogue, and what would happen with a tool. One file a command."""

import argparse
from collections.abc import Mapping
from typing import Any

from nango_graph.cli.tools import accept, changes, classify, explain, search

COMMANDS = {"classify": classify, "search": search, "explain": explain, "changes": changes, "accept": accept}


def add_tools_parser(commands: Any) -> None:
    tools = commands.add_parser("tools", help="look at the tools: what asks, what is found, what has changed")
    subcommands = tools.add_subparsers(dest="tools_command", required=True, metavar="COMMAND")
    for name, command in COMMANDS.items():
        command.add_arguments(subcommands.add_parser(name, help=command.HELP, description=command.HELP))


async def run_tools(arguments: argparse.Namespace, environ: Mapping[str, str], terminal: Any) -> int:
    """The exit status."""
    status: int = await COMMANDS[arguments.tools_command].run(arguments, environ, terminal)
    return status
