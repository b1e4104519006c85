"""`nango-agent tools accept`: from now on the changed definition of a tool holds. Writes only to the records."""

import argparse
import re
from collections.abc import Mapping
from typing import Any

from nango_graph.errors import UsageError

HELP = "accept a changed definition, as `nango-agent tools changes` has shown it"

_FINGERPRINT = re.compile(r"[0-9a-f]{64}")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("tool", metavar="INTEGRATION/TOOL")
    parser.add_argument("fingerprint", metavar="FINGERPRINT", help="of the change, as it was shown: all 64 digits")
    parser.add_argument("--as", dest="actor", metavar="NAME", help="who accepts it (NANGO_AGENT_USER_ID)")


async def run(arguments: argparse.Namespace, environ: Mapping[str, str], terminal: Any) -> int:
    from nango_graph.cli.tools.kept import open_records
    from nango_graph.clock import SystemClock
    from nango_graph.pinning import environment_of

    integration, _, name = arguments.tool.partition("/")
    fingerprint = arguments.fingerprint.lower()
    if not integration or not name:
        raise UsageError("Name the tool as integration/tool.")
    if not _FINGERPRINT.fullmatch(fingerprint):
        raise UsageError("The fingerprint is 64 hexadecimal digits, all that `nango-agent tools changes` shows.")
    async with open_records(environ) as (settings, records):
        environment = environment_of(settings)
        accepted = await records.definitions.accept(
            environment,
            integration,
            name,
            fingerprint,
            by=arguments.actor or settings.user_id,
            now=SystemClock().now(),
        )
        waiting = [
            change.changed.fingerprint
            for change in await records.definitions.waiting(environment)
            if (change.integration, change.name) == (integration, name)
        ]
    if accepted:
        terminal.say(f"{arguments.tool} {fingerprint} holds from now on.")
        terminal.say("Processes that run take it up when they next look at their tools, within five minutes.")
        return 0
    if waiting:
        terminal.say(
            f"No: what waits for {arguments.tool} is {' and '.join(dict.fromkeys(waiting))}. It may have changed again: look at it with "
            "`nango-agent tools changes`."
        )
    else:
        terminal.say(f"Nothing waits for {arguments.tool}.")
    return 1
