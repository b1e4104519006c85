"""`nango-agent tools changes`: the tools whose definition has changed, each as a diff. Reads only the records."""

import argparse
import difflib
import json
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

HELP = "show the tools whose definition has changed and waits to be accepted"

WAITS = 3
"""Exit status of --check where something waits."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="one JSON object a line, with both definitions in full")
    parser.add_argument("--check", action="store_true", help=f"exit with status {WAITS} where something waits, else 0")


async def run(arguments: argparse.Namespace, environ: Mapping[str, str], terminal: Any) -> int:
    from nango_graph.cli.tools.kept import open_records
    from nango_graph.pinning import environment_of

    async with open_records(environ) as (settings, records):
        changes = await records.definitions.waiting(environment_of(settings))
    for change in changes:
        if arguments.json:
            terminal.quote("", json.dumps(_as_json(change)))
            continue
        terminal.say(f"{change.tool}  ({_about(change)})")
        # By itself on its line, so that no width of a terminal breaks it.
        terminal.say(change.changed.fingerprint)
        for kind, text in diff_of(change):
            # Where a long line is broken, each part of it says whether it goes or comes.
            terminal.quote(f"  {kind} ", text)
        terminal.say()
    if not arguments.json:
        terminal.say(
            "Accept one with: nango-agent tools accept INTEGRATION/TOOL FINGERPRINT" if changes else "Nothing waits."
        )
    return WAITS if arguments.check and changes else 0


def diff_of(change: Any) -> Iterator[tuple[str, str]]:
    """Lines of both definitions, as JSON, with "-" for what goes, "+" for what comes, "@" where some are left out; and what
    each is judged to be, before the operator's rules. What is not plain text is written as an escape.
    """
    from nango_graph.display import visible

    lines = difflib.unified_diff(_canonical(change.pinned), _canonical(change.changed), lineterm="", n=2)
    for line in islice(lines, 2, None):
        yield line[:1], "" if line.startswith("@@") else visible(line[1:], keep="")


def _canonical(shape: Any) -> list[str]:
    from nango_graph.pinning import judged

    definition = {key: value for key, value in shape.definition.items() if key != "source"}
    told = {**definition, "judged to be": judged(definition)}
    return json.dumps(told, sort_keys=True, indent=2, ensure_ascii=False).splitlines()


def _about(change: Any) -> str:
    listing = {"mcp": "MCP", "scripts": "/scripts/config", "both": "MCP and /scripts/config"}[change.source]
    if change.pinned.version == change.changed.version:
        return f"listed by {listing}, version {change.changed.version or 'unknown'}"
    return f"listed by {listing}, version {change.pinned.version or 'unknown'} -> {change.changed.version or 'unknown'}"


def _as_json(change: Any) -> dict[str, Any]:
    return {
        "tool": change.tool,
        "source": change.source,
        "changed_at": change.changed_at,
        "holds": {**_shape(change.pinned), "accepted_by": change.accepted_by},
        "waits": _shape(change.changed),
    }


def _shape(shape: Any) -> dict[str, Any]:
    return {"fingerprint": shape.fingerprint, "version": shape.version, "definition": shape.definition}
