"""The tools of an integration from its two listings: GET /scripts/config, and the hosted MCP's."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import mcp.types
from langchain_core.tools import BaseTool
from langchain_mcp_adapters.sessions import StreamableHttpConnection
from langchain_mcp_adapters.tools import convert_mcp_tool_to_langchain_tool

from nango_tools.catalog.guarding import Held
from nango_tools.catalog.making import AccessRule, Schemas, make_tool, name_problem, refusal
from nango_tools.catalog.tool import Tool
from nango_tools.models.integrations import ActionConfig, IntegrationFunctions
from nango_tools.schemas import Schema, resolved

MOST_TOOLS = 5_000
"""Of one integration."""

_ANYTHING: Schema = {"type": "object"}


@dataclass(frozen=True, slots=True)
class Declared:
    """What GET /scripts/config says of an integration. `tools`: the enabled ones, by name. `others`: names that no
    listing brings back. `refused`: why some of those can't be shown.
    """

    provider: str | None
    tools: Mapping[str, Tool]
    others: frozenset[str]
    refused: tuple[Held, ...]


def declared(functions: IntegrationFunctions, access_rule: AccessRule | None, schemas: Schemas) -> Declared:
    integration = functions.integration_id
    if problem := name_problem(integration):
        return Declared(functions.provider, {}, frozenset(), (refusal("", integration, f"Its name {problem}."),))
    twice = _twice(action.name for action in functions.actions)
    made = {
        action.name: _declared_tool(integration, action, access_rule, schemas)
        for action in functions.actions
        if action.enabled and action.name not in twice
    }
    tools = {name: tool for name, tool in made.items() if isinstance(tool, Tool)}
    return Declared(
        provider=functions.provider,
        tools=tools,
        others=frozenset(action.name for action in functions.actions) - tools.keys(),
        refused=(
            *(tool for tool in made.values() if isinstance(tool, Held)),
            *(_listed_twice(integration, name) for name in sorted(twice)),
        ),
    )


def merged(
    integration: str, declares: Declared | None, listed: Sequence[BaseTool], access_rule: AccessRule | None = None
) -> tuple[tuple[Tool, ...], tuple[Held, ...]]:
    """The enabled tools, by name, and those that are refused. declares: None where the key may not read that listing."""
    found: dict[str, Tool | Held] = dict(declares.tools) if declares else {}
    others = declares.others if declares else frozenset()
    twice = _twice(tool.name for tool in listed)
    for tool in listed:
        if tool.name in twice:
            found[tool.name] = _listed_twice(integration, tool.name)
        elif tool.name not in others:
            found[tool.name] = _with_listing(integration, found.get(tool.name), tool, access_rule)
    tools = sorted((tool for tool in found.values() if isinstance(tool, Tool)), key=lambda tool: tool.name)
    refused = [*(declares.refused if declares else ()), *(tool for tool in found.values() if isinstance(tool, Held))]
    if len(tools) > MOST_TOOLS:
        reason = f"The integration has {len(tools)} tools, and the first {MOST_TOOLS} by name are offered."
        refused.append(refusal(integration, tools[MOST_TOOLS].name, reason))
    return tuple(tools[:MOST_TOOLS]), tuple(refused)


def as_langchain_tools(listed: Iterable[mcp.types.Tool], base_url: str) -> list[BaseTool]:
    """What langchain-mcp-adapters makes of a listing. They are looked at only: the connection holds no key."""
    connection = StreamableHttpConnection(transport="streamable_http", url=f"{base_url}/mcp")
    return [convert_mcp_tool_to_langchain_tool(None, tool, connection=connection) for tool in listed]


def _declared_tool(
    integration: str, action: ActionConfig, access_rule: AccessRule | None, schemas: Schemas
) -> Tool | Held:
    return make_tool(
        integration,
        action.name,
        description=action.description or "",
        input_schema=_input_schema(action),
        output_schema=_output_schema(action),
        methods=[endpoint.method for endpoint in action.endpoints],
        scopes=action.scopes,
        version=action.version,
        source="scripts",
        access_rule=access_rule,
        schemas=schemas,
    )


def _with_listing(
    integration: str, known: Tool | Held | None, listed: BaseTool, access_rule: AccessRule | None
) -> Tool | Held:
    """What the author declared counts: the MCP's schema has lost additionalProperties and references [mcp-tools-list]."""
    if isinstance(known, Held):
        return known
    told = known is not None and (known.description or not listed.description) and known.input_schema != _ANYTHING
    if known is not None and (told or known.wrapped):
        return known.model_copy(update={"source": "both"})
    schema = resolved(listed.args_schema) if isinstance(listed.args_schema, dict) else _ANYTHING
    if known is None:
        return make_tool(
            integration,
            listed.name,
            description=listed.description,
            input_schema=schema,
            source="mcp",
            access_rule=access_rule,
        )
    return make_tool(
        integration,
        known.name,
        description=known.description or listed.description,
        input_schema=schema if known.input_schema == _ANYTHING else known.input_schema,
        output_schema=known.output_schema,
        methods=known.method.split(", ") if known.method else (),
        scopes=known.scopes,
        version=known.version,
        source="both",
        access_rule=access_rule,
    )


def _input_schema(action: ActionConfig) -> Schema:
    found = action.definition(action.input)
    return _ANYTHING if found is None else resolved(found, action.definitions)


def _output_schema(action: ActionConfig) -> Schema | None:
    found = [
        resolved(schema, action.definitions)
        for name in action.returns
        if (schema := action.definition(name)) is not None
    ]
    if not found or len(found) != len(action.returns):
        return None
    return found[0] if len(found) == 1 else {"anyOf": found}


def _twice(names: Iterable[str]) -> set[str]:
    return {name for name, times in Counter(names).items() if times > 1}


def _listed_twice(integration: str, name: str) -> Held:
    return refusal(integration, name, "Two tools have this name, and nothing tells which one would run.")
