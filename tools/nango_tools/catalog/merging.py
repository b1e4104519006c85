"""One tool from its two listings: the hosted MCP's, and GET /scripts/config."""

import hashlib
import json
from collections.abc import Callable, Sequence

import mcp.types

from nango_tools.access import Verdict, classify
from nango_tools.catalog.tool import Tool
from nango_tools.models.integrations import ActionConfig, IntegrationFunctions
from nango_tools.schemas import Schema, resolved

AccessRule = Callable[[str, str], Verdict | None]
"""What the operator says of a tool (integration, name); None where nothing was said."""

_NO_INPUT: Schema = {"type": "object", "properties": {}, "additionalProperties": False}


def merged(
    integration: str,
    functions: IntegrationFunctions | None,
    listed: Sequence[mcp.types.Tool],
    access_rule: AccessRule | None = None,
) -> tuple[Tool, ...]:
    """The enabled tools of one integration, by name."""
    actions = {action.name: action for action in functions.actions} if functions else {}
    on_mcp = {tool.name: tool for tool in listed}
    names = sorted({*actions, *on_mcp})
    return tuple(
        _tool(integration, name, actions.get(name), on_mcp.get(name), access_rule)
        for name in names
        if name not in actions or actions[name].enabled
    )


def _tool(
    integration: str,
    name: str,
    action: ActionConfig | None,
    listed: mcp.types.Tool | None,
    access_rule: AccessRule | None,
) -> Tool:
    description = (action and action.description) or (listed and listed.description) or ""
    input_schema = _input_schema(action, listed)
    methods = [endpoint.method for endpoint in action.endpoints] if action else []
    scopes = action.scopes if action else ()
    verdict = access_rule(integration, name) if access_rule else None
    if verdict is None:
        verdicts = [classify(name, description, method, scopes, input_schema) for method in methods or [None]]
        verdict = max(verdicts, key=lambda verdict: verdict.access)
    return Tool(
        integration=integration,
        name=name,
        description=description,
        input_schema=input_schema,
        output_schema=_output_schema(action),
        scopes=scopes,
        access=verdict.access,
        reason=verdict.reason,
        fingerprint=fingerprint(name, description, input_schema),
        source="both" if action and listed else "scripts" if action else "mcp",
        method=", ".join(sorted({method for method in methods if method})) or None,
        version=action.version if action else None,
    )


def _input_schema(action: ActionConfig | None, listed: mcp.types.Tool | None) -> Schema:
    """The declared one where there is one: the MCP's has lost additionalProperties [mcp-tools-list]."""
    declared = action.definition(action.input) if action else None
    if declared is None:
        return resolved(listed.inputSchema, action.definitions if action else None) if listed else {"type": "object"}
    if declared.get("type") == "null":
        return dict(_NO_INPUT)
    return resolved(declared, action.definitions if action else None)


def _output_schema(action: ActionConfig | None) -> Schema | None:
    if action is None or not action.returns:
        return None
    declared = [
        resolved(found, action.definitions) for name in action.returns if (found := action.definition(name)) is not None
    ]
    if len(declared) != len(action.returns):
        return None
    return declared[0] if len(declared) == 1 else {"anyOf": declared}


def fingerprint(name: str, description: str, input_schema: Schema) -> str:
    tool = {"name": name, "description": description, "input_schema": input_schema}
    canonical = json.dumps(tool, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()
