"""`nango-agent tools explain`: what would become of a tool, or of one call of it, and why. Calls nothing and changes nothing."""

import argparse
import difflib
import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nango_graph.errors import UsageError

if TYPE_CHECKING:
    from nango_tools import Tool
    from nango_tools.policy import Policy, Ruling

HELP = "say what would happen with a tool, and why: its access, the policy, the guard"

_SAID = {"allow": "goes ahead without asking", "ask": "asks first", "deny": "denied: no model sees it"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("tool", metavar="INTEGRATION/TOOL")
    parser.add_argument("--catalog", type=Path, metavar="FILE", help="definitions in JSON lines; else Nango is asked")
    parser.add_argument("--policy", type=Path, metavar="FILE", help="the rules (NANGO_AGENT_POLICY)")
    parser.add_argument("--arguments", metavar="JSON", help="of one call; else what holds for any")
    parser.add_argument("--account", default="", metavar="LABEL", help="the account that it would happen in")
    parser.add_argument("--connection", default="", metavar="ID", help="its connection in Nango")
    parser.add_argument(
        "--from",
        action="append",
        dest="sources",
        metavar="INTEGRATION",
        help="where the arguments come from; may be given several times; `user` (the default) for the user's own words",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object")


async def run(arguments: argparse.Namespace, environ: Mapping[str, str], terminal: Any) -> int:
    from nango_graph.settings import policy_file
    from nango_tools import NangoError, SettingsError
    from nango_tools.policy import Policy

    integration, _, name = arguments.tool.partition("/")
    if not integration or not name:
        raise UsageError("Name the tool as integration/tool.")
    given = _given(arguments)
    path = arguments.policy or policy_file(environ)
    policy = Policy.load(path) if path else Policy()
    try:
        if arguments.catalog is not None:
            tool, known = _from_file(arguments.catalog, integration, name, policy)
            changed = False
        else:
            tool, known = await _from_nango(environ, integration, name, policy)
            changed = await _has_changed(environ, arguments.tool)
    except SettingsError:
        raise
    except NangoError as error:
        print(f"nango-agent: {error}", file=sys.stderr)
        return 1
    if tool is None:
        print(f"nango-agent: {_unknown(arguments.tool, known)}", file=sys.stderr)
        return 1
    explained = _explained(tool, _ruling(policy, tool, arguments, given))
    explained |= {"change_waits": changed, "held_back": changed and policy.definitions == "hold"}
    if given is not None:
        explained["misfit"] = _misfit(tool, given[0])
    if arguments.json:
        terminal.quote("", json.dumps(explained, ensure_ascii=False))
    else:
        _tell(explained, terminal, one_call=given is not None)
    return 0


def _given(arguments: argparse.Namespace) -> tuple[Any] | None:
    if arguments.arguments is None:
        if arguments.sources:
            raise UsageError("--from needs --arguments: it says where they come from.")
        return None
    try:
        return (json.loads(arguments.arguments),)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"--arguments is not JSON: {error}") from error


def _from_file(path: Path, integration: str, name: str, policy: "Policy") -> tuple["Tool | None", list[str]]:
    from nango_tools.catalog import read_definitions

    definitions = read_definitions(path)
    found = next((one for one in definitions if (one.integration, one.name) == (integration, name)), None)
    tool = found.tool(policy.access_rule) if found else None
    return tool, [f"{one.integration}/{one.name}" for one in definitions]


async def _from_nango(
    environ: Mapping[str, str], integration: str, name: str, policy: "Policy"
) -> tuple["Tool | None", list[str]]:
    from nango_tools import Catalog, NangoClient, NangoSettings

    async with NangoClient(NangoSettings.from_environ(environ)) as nango:
        catalog = Catalog(nango, access_rule=policy.access_rule)
        tool = await catalog.tool(integration, name)
        known = (
            [f"{one.key}/{tool}" for one in await catalog.integrations() for tool, _ in one.tools] if not tool else []
        )
    return tool, known


async def _has_changed(environ: Mapping[str, str], tool: str) -> bool:
    """Does a change of it wait to be accepted? From the records, which the agent itself has written."""
    from nango_graph.cli.tools.kept import open_records
    from nango_graph.pinning import environment_of

    async with open_records(environ) as (settings, records):
        return any(change.tool == tool for change in await records.definitions.waiting(environment_of(settings)))


def _ruling(policy: "Policy", tool: "Tool", arguments: argparse.Namespace, given: tuple[Any] | None) -> "Ruling":
    from nango_tools.policy import USER, Action, Subject

    subject = Subject(tool.integration, tool.name, tool.access, arguments.account, arguments.connection)
    if given is None:
        return policy.before(subject)
    sources = {USER if source == "user" else source for source in arguments.sources or ["user"]}
    return policy.judge(Action(subject, given[0], frozenset(sources)))


def _misfit(tool: "Tool", arguments: Any) -> str | None:
    from nango_graph.planning.arguments import argument_problem

    return argument_problem(tool.input_schema, arguments, bound=True)


def _explained(tool: "Tool", ruling: "Ruling") -> dict[str, Any]:
    return {
        "tool": tool.id,
        "access": tool.access.value,
        "access_reason": tool.reason,
        **_as_json(ruling),
        "unless": [_as_json(other) for other in ruling.unless],
    }


def _as_json(ruling: "Ruling") -> dict[str, Any]:
    return {"effect": ruling.effect.value, "reason": ruling.reason, "rule": ruling.rule, "where": ruling.where}


def _tell(explained: Mapping[str, Any], terminal: Any, *, one_call: bool) -> None:
    terminal.say(f"{explained['tool']}  {explained['access']}: {explained['access_reason']}")
    terminal.say(f"{'This call' if one_call else 'A call'} {_line(explained)}")
    for other in explained["unless"]:
        terminal.say(f"  unless: {_line(other)}")
    if explained.get("misfit"):
        terminal.say(f"These arguments do not fit the tool, so it would not be sent: {explained['misfit']}")
    if explained["change_waits"]:
        held = ", and it is held back until that is accepted" if explained["held_back"] else ""
        terminal.say(f"Its definition has changed{held}: see `nango-agent tools changes`.")


def _line(ruling: Mapping[str, Any]) -> str:
    where = f" ({ruling['where']})" if ruling["where"] else ""
    said = _SAID[ruling["effect"]]
    return f"{'is ' if said.startswith('denied') else ''}{said}. {ruling['reason']}{where}"


def _unknown(tool: str, known: Iterable[str]) -> str:
    known = list(known)
    if not known:
        return f"Nango lists no tools for this key, so nothing is known of {tool}. --catalog FILE needs no Nango."
    near = difflib.get_close_matches(tool, known, 3)
    return f"There is no tool {tool}" + (
        f"; near it are {', '.join(near)}." if near else f" among the {len(known)} here."
    )
