"""`nango-agent tools classify`: what the agent takes each tool of a catalogue for, and how many of them would ask."""

import argparse
import io
import json
import os
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from nango_tools import Access
    from nango_tools.catalog import Definition
    from nango_tools.policy import Policy


class Judged(NamedTuple):
    """A line of the file. offered: whether the catalogue would show it at all."""

    integration: str
    name: str
    access: "Access"
    reason: str
    offered: bool


HELP = "say of each tool of a catalogue whether it reads, writes or destroys, and why"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--catalog", required=True, metavar="FILE", help="definitions in JSON lines (.jsonl, .jsonl.gz); - reads them"
    )
    parser.add_argument("--policy", type=Path, metavar="FILE", help="the operator's rules (NANGO_AGENT_POLICY)")
    parser.add_argument("--json", action="store_true", help="one JSON object a line: integration, name, access, reason")


async def run(arguments: argparse.Namespace, environ: Mapping[str, str], terminal: Any) -> int:
    """Asks nobody: neither Nango nor a model. Raises `BadDefinition` and `PolicyError`, which name file and line."""
    from nango_graph.settings import policy_file
    from nango_tools.catalog import read_definitions
    from nango_tools.policy import Policy

    path = arguments.policy or policy_file(environ)
    policy = Policy.load(path) if path else Policy()
    source = Path("/dev/stdin") if arguments.catalog == "-" else Path(arguments.catalog)
    tools = [_judged(definition, policy) for definition in read_definitions(source, repeats=True)]
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal of 8 bits shows names of any script
    try:
        for line in _as_json(tools) if arguments.json else _as_table(tools, policy):
            terminal.stream(f"{line}\n")
    except BrokenPipeError:
        _write_no_more()  # whoever read it has seen enough
    except OSError as error:
        _write_no_more()
        print(f"nango-agent: what was found can't be written: {error.strerror}.", file=sys.stderr)
        return 1
    return 0


def _write_no_more() -> None:
    """What is still buffered must not fail again when Python ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _judged(definition: "Definition", policy: "Policy") -> Judged:
    """Also what would never be offered, which the reason says then: its author may have meant it to be overlooked."""
    from nango_tools import classify
    from nango_tools.catalog import BadDefinition

    integration, name = definition.integration, definition.name
    try:
        tool = definition.tool(policy.access_rule)
    except BadDefinition as error:
        verdict = policy.access_rule(integration, name) or classify(
            name,
            definition.description,
            definition.endpoint.method if definition.endpoint else None,
            definition.scopes,
            definition.input_schema,
        )
        return Judged(integration, name, verdict.access, f"{verdict.reason} (never offered: {error})", offered=False)
    return Judged(integration, name, tool.access, tool.reason, offered=True)


def _as_json(tools: Iterable[Judged]) -> Iterable[str]:
    for tool in tools:
        yield json.dumps(
            {"integration": tool.integration, "name": tool.name, "access": tool.access, "reason": tool.reason}
        )


def _as_table(tools: Iterable[Judged], policy: "Policy") -> Iterable[str]:
    """By integration, the most dangerous first."""
    from nango_tools import Access
    from nango_tools.policy import Effect, Subject

    order = list(Access)
    tools = sorted(tools, key=lambda tool: (tool.integration, -order.index(tool.access), tool.name))
    for integration, group in groupby(tools, key=lambda tool: tool.integration):
        members = list(group)
        yield f"{integration} ({_accesses(members)})"
        width = min(max(len(tool.name) for tool in members), 48)
        for tool in members:
            yield f"  {tool.access:<11}  {tool.name:<{width}}  {tool.reason}"
        yield ""
    effects = Counter(
        policy.before(Subject(tool.integration, tool.name, tool.access)).effect if tool.offered else Effect.DENY
        for tool in tools
    )
    yield f"{len(tools)} tools: {_accesses(tools)}."
    yield f"{effects[Effect.ASK]} ask first, {effects[Effect.ALLOW]} go ahead without asking, {effects[Effect.DENY]} are never offered."


def _accesses(tools: Iterable[Judged]) -> str:
    counts = Counter(tool.access for tool in tools)
    return ", ".join(f"{count} {access}" for access, count in sorted(counts.items()))
