"""What comes from the network is data: odd names, huge texts and schemas are cut or refused, and it is told; inputs that
are no objects are wrapped; and all else is what LangChain's adapters make of the same listing."""

import json
from typing import Any

import pytest
from langchain_mcp_adapters.client import MultiServerMCPClient
from starlette.responses import JSONResponse, Response

from nango_sandbox import Sandbox
from nango_tools import Access, Catalog, NangoClient, NangoSettings, Tool
from nango_tools.access import Verdict
from nango_tools.catalog.making import LARGEST_SCHEMA, LONGEST_DESCRIPTION
from nango_tools.catalog.merging import MOST_TOOLS

FORBIDDEN = JSONResponse({"error": {"code": "forbidden", "message": "Insufficient scope. Required: x"}}, 403)
OBJECT = {"type": "object", "properties": {"id": {"type": "string"}}}


class Nango:
    """actions: of `github`, as GET /scripts/config has them, or None where the key may not; tools: as the MCP lists them."""

    def __init__(self, fake: Any) -> None:
        self.actions: list[dict[str, Any]] | None = []
        self.tools: list[dict[str, Any]] = []
        self.keys = ["github"]
        fake.answer = self.answer

    def answer(self, seen: Any) -> Response:
        if seen.path == "/integrations":
            return JSONResponse({"data": [{"unique_key": key, "provider": "p"} for key in self.keys]})
        if seen.path == "/scripts/config":
            if self.actions is None:
                return FORBIDDEN
            return JSONResponse([{"providerConfigKey": key, "actions": self.actions} for key in self.keys])
        answer = {"jsonrpc": "2.0", "id": seen.body["id"], "result": {"tools": self.tools}}
        return Response(f"data: {json.dumps(answer)}\n\n", media_type="text/event-stream")

    def declare(self, name: str, schema: Any = None, **more: Any) -> None:
        assert self.actions is not None
        self.actions.append(
            {"name": name, "input": "In", "json_schema": {"definitions": {"In": schema or OBJECT}}} | more
        )

    def list(self, name: str, schema: Any = None, description: str = "") -> None:
        self.tools.append({"name": name, "description": description, "inputSchema": schema or OBJECT})


@pytest.fixture
def offered(fake: Any) -> Nango:
    return Nango(fake)


async def found(catalog: Catalog) -> dict[str, Tool]:
    return {tool.name: tool for tool in (await catalog.discover([("github", "c")]))["github"]}


@pytest.mark.parametrize("listing", ["declare", "list"])
@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("get/thing", "slash"),
        ("", "empty"),
        ("  ", "empty"),
        ("n" * 2000, "2000 characters"),
        ("get\u001b[2Jthing", "can't be seen"),
        ("get\u202ething", "can't be seen"),
        ("get\nthing", "can't be seen"),
    ],
)
async def test_a_name_that_could_mislead_is_refused_and_it_is_told(
    offered: Nango, nango: NangoClient, name: str, told: str, listing: str
) -> None:
    getattr(offered, listing)(name)
    getattr(offered, listing)("get-thing")
    catalog = Catalog(nango)
    assert list(await found(catalog)) == ["get-thing"]
    [held] = catalog.held("github")
    assert told in held.reason
    assert held.fingerprint == ""
    assert held.tool.isprintable()
    assert len(held.tool) < 300


async def test_an_integration_whose_key_could_mislead_is_none(offered: Nango, nango: NangoClient) -> None:
    offered.keys = ["github", "git/hub", "git\u202ehub"]
    offered.declare("get-thing")
    catalog = Catalog(nango)
    assert [summary.key for summary in await catalog.integrations()] == ["github"]
    assert (await catalog.discover([("git/hub", "c")])) == {"git/hub": ()}
    assert await catalog.tools("git/hub") == ()
    assert catalog.refused_integrations() == ("git/hub", "git\\u202ehub")


async def test_a_huge_description_is_cut_and_says_so_and_its_end_counts_for_the_fingerprint(
    offered: Nango, nango: NangoClient
) -> None:
    offered.list("get-thing", description="d" * 1_000_000)
    first = (await found(Catalog(nango)))["get-thing"]
    assert len(first.description) < LONGEST_DESCRIPTION + 100
    assert "1000000 characters" in first.description
    offered.tools[0]["description"] = "d" * 999_999 + "e"
    second = (await found(Catalog(nango)))["get-thing"]
    assert second.description == first.description
    assert second.fingerprint != first.fingerprint


async def test_a_huge_schema_is_refused_and_it_is_told(offered: Nango, nango: NangoClient) -> None:
    offered.declare("get-all", {"type": "object", "properties": {"id": {"enum": ["x" * 100] * 10_000}}})
    offered.declare("get-thing")
    offered.list("get-all")
    catalog = Catalog(nango)
    assert list(await found(catalog)) == ["get-thing"]
    [held] = catalog.held("github")
    assert held.tool == "github/get-all"
    assert str(LARGEST_SCHEMA) in held.reason


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": {"a": {"$ref": "#"}}},
        {"type": "object", "properties": {"a": {"$ref": "#/properties/a"}}},
        {"type": "object", "properties": {f"p{n}": {"$ref": "#/definitions/Two"} for n in range(500)}},
    ],
)
async def test_references_in_circles_end(offered: Nango, nango: NangoClient, schema: dict[str, Any]) -> None:
    two = {"type": "object", "properties": {f"q{n}": {"$ref": "#/definitions/In"} for n in range(500)}}
    offered.declare("get-thing", json_schema={"definitions": {"In": schema, "Two": two}})
    catalog = Catalog(nango)
    tool = (await found(catalog)).get("get-thing")
    assert tool is None or "$ref" not in json.dumps(tool.input_schema)
    assert (tool is None) == bool(catalog.held("github"))


async def test_schemas_nested_without_end_stop_nothing_else(offered: Nango, nango: NangoClient) -> None:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(40):
        schema = {"type": "object", "properties": {"a": schema}}
    offered.list("get-deep", schema)
    offered.list("get-thing")
    tools = await found(Catalog(nango))
    assert set(tools) == {"get-deep", "get-thing"}
    assert "too large to show" in json.dumps(tools["get-deep"].input_schema)


async def test_of_ten_thousand_tools_as_many_are_offered_as_can_be_and_it_is_told(
    offered: Nango, nango: NangoClient
) -> None:
    for number in range(10_000):
        offered.list(f"get-{number:05}")
    catalog = Catalog(nango)
    tools = await found(catalog)
    assert list(tools) == [f"get-{number:05}" for number in range(MOST_TOOLS)]
    [held] = catalog.held("github")
    assert "10000" in held.reason


@pytest.mark.parametrize("listing", ["declare", "list"])
async def test_of_two_tools_with_one_name_none_is_offered(offered: Nango, nango: NangoClient, listing: str) -> None:
    getattr(offered, listing)("get-thing", {"type": "object"})
    getattr(offered, listing)("get-thing", {"type": "object", "properties": {"x": {}}})
    catalog = Catalog(nango)
    assert await found(catalog) == {}
    assert [held.tool for held in catalog.held("github")] == ["github/get-thing"]


@pytest.mark.parametrize(
    ("schema", "sent"),
    [
        ({"type": "array", "items": {"type": "string"}}, ["a"]),
        ({"type": "string"}, "a"),
        ({"type": ["string", "null"]}, None),
        ({"oneOf": [{"type": "string"}, {"type": "array"}]}, "a"),
        ({"enum": ["a", "b"]}, "a"),
        ({"const": 7}, 7),
    ],
)
async def test_an_input_that_is_no_object_is_one_argument_and_sent_bare(
    offered: Nango, nango: NangoClient, schema: dict[str, Any], sent: Any
) -> None:
    offered.declare("create-things", schema)
    tool = (await found(Catalog(nango)))["create-things"]
    assert tool.wrapped
    assert tool.input_schema["properties"] == {"input": schema}
    assert tool.input_schema["required"] == ["input"]
    assert tool.input_of({"input": sent}) == sent
    assert tool.access is Access.WRITE


@pytest.mark.parametrize(
    "schema",
    [
        {"$schema": "http://json-schema.org/draft-07/schema#"},
        {"oneOf": [{"type": "object"}, {"type": "object", "properties": {}}]},
        {"anyOf": [{"type": "string"}, {"type": "object"}]},
        {"allOf": [{"type": "object"}, {"properties": {}}]},
        {"type": ["object", "null"]},
        {"type": "null"},
    ],
)
async def test_an_input_that_can_be_an_object_is_given_as_it_is(
    offered: Nango, nango: NangoClient, schema: dict[str, Any]
) -> None:
    offered.declare("create-thing", schema)
    tool = (await found(Catalog(nango)))["create-thing"]
    assert not tool.wrapped
    assert tool.input_of({"a": 1}) == {"a": 1}


async def test_the_same_words_around_a_list_are_another_tool(offered: Nango, nango: NangoClient) -> None:
    """What stands in the schema is the same; what is sent is not."""
    array = {"type": "array"}
    wrapping = {"type": "object", "properties": {"input": array}, "required": ["input"], "additionalProperties": False}
    offered.declare("create-a", array)
    first = (await found(Catalog(nango)))["create-a"]
    offered.actions = []
    offered.declare("create-a", wrapping)
    second = (await found(Catalog(nango)))["create-a"]
    assert first.input_schema == second.input_schema
    assert first.fingerprint != second.fingerprint


async def test_what_the_declarations_lack_is_taken_from_the_mcp(offered: Nango, nango: NangoClient) -> None:
    offered.actions = [{"name": "thing", "scopes": ["s"], "endpoints": [{"method": "DELETE"}], "version": "1.2.3"}]
    offered.list("thing", description="About things")
    tool = (await found(Catalog(nango)))["thing"]
    assert (tool.description, tool.input_schema, tool.source) == ("About things", OBJECT, "both")
    assert (tool.access, tool.method, tool.version) == (Access.DESTRUCTIVE, "DELETE", "1.2.3")
    assert tool.scopes == ("s",)


async def test_twins_share_their_schemas(offered: Nango, nango: NangoClient) -> None:
    offered.keys = ["github", "github-app"]
    offered.declare("get-thing")
    catalog = Catalog(nango)
    one, other = [await catalog.tool(key, "get-thing") for key in offered.keys]
    assert one is not None
    assert other is not None
    assert one.input_schema["properties"] is other.input_schema["properties"]


async def test_the_operators_rule_decides_whatever_the_listing(offered: Nango, nango: NangoClient) -> None:
    offered.declare("get-a")
    offered.list("get-b")
    catalog = Catalog(nango, access_rule=lambda integration, name: Verdict(Access.DESTRUCTIVE, f"{integration} {name}"))
    assert {name: tool.reason for name, tool in (await found(catalog)).items()} == {
        "get-a": "github get-a",
        "get-b": "github get-b",
    }


async def test_the_tools_are_those_of_langchains_adapters(fake: Any) -> None:
    async with Sandbox() as sandbox:
        connections = {
            integration: await sandbox.connect(integration, {"end_user_id": "ada"})
            for integration in ("github", "slack", "hubspot")
        }
        key = await sandbox.create_api_key("only mcp", ["environment:mcp"])
        plain = MultiServerMCPClient(
            {
                integration: {
                    "transport": "streamable_http",
                    "url": f"{sandbox.base_url}/mcp",
                    "headers": {
                        "Authorization": f"Bearer {key.get_secret_value()}",
                        "connection-id": connection,
                        "provider-config-key": integration,
                    },
                }
                for integration, connection in connections.items()
            }
        )
        async with NangoClient(NangoSettings(api_key=key, base_url=sandbox.base_url)) as nango:
            ours = await Catalog(nango).discover(list(connections.items()))
        for integration in connections:
            theirs = {tool.name: tool for tool in await plain.get_tools(server_name=integration)}
            assert {tool.name: (tool.description, tool.input_schema) for tool in ours[integration]} == {
                name: (tool.description, tool.args_schema) for name, tool in theirs.items()
            }
            assert theirs
