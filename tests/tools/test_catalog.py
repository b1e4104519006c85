"""What is offered: two listings merged, kept for a while."""

import asyncio
import json
from typing import Any

import pytest
from starlette.responses import JSONResponse, Response

from nango_tools import Access, Catalog, InsufficientScopeError, InvalidKeyError, NangoClient, Tool

FORBIDDEN = JSONResponse({"error": {"code": "forbidden", "message": "Insufficient scope. Required: x"}}, 403)


def action(name: str, **changes: Any) -> dict[str, Any]:
    return {
        "name": name,
        "type": "action",
        "description": f"About {name}",
        "scopes": ["repo"],
        "endpoints": [],
        "input": "In",
        "returns": ["Out"],
        "enabled": True,
        "json_schema": {
            "definitions": {
                "In": {
                    "type": "object",
                    "properties": {"id": {"$ref": "#/definitions/Id"}},
                    "additionalProperties": False,
                },
                "Id": {"type": "string"},
                "Out": {"type": "object", "properties": {"ok": {"type": "boolean"}}},
            }
        },
    } | changes


class Offer:
    """A Nango that offers what is set here, and counts what is asked."""

    def __init__(self, fake: Any) -> None:
        self.fake = fake
        self.actions: dict[str, list[dict[str, Any]]] = {"github": [action("create-issue")]}
        self.tools: dict[str, list[str]] = {"github": ["create-issue"]}
        self.integrations = [{"unique_key": "github", "provider": "github", "display_name": "GitHub"}]
        self.refuse: dict[str, Response] = {}
        fake.answer = self.answer

    def answer(self, seen: Any) -> Response:
        if seen.path in self.refuse:
            return self.refuse[seen.path]
        if seen.path == "/integrations":
            return JSONResponse({"data": self.integrations})
        if seen.path == "/scripts/config":
            return JSONResponse(
                [{"providerConfigKey": k, "provider": k, "actions": v, "syncs": []} for k, v in self.actions.items()]
            )
        if "id" not in seen.body:
            return Response(status_code=202)
        result: Any = {"protocolVersion": "2025-06-18", "capabilities": {}, "serverInfo": {"name": "x", "version": "1"}}
        if seen.body["method"] == "tools/list":
            listed = self.tools[seen.headers["provider-config-key"]]
            # As the real one does, additionalProperties is lost and references dangle [mcp-tools-list].
            schema = {"type": "object", "properties": {"id": {"$ref": "#/definitions/Id"}}}
            result = {"tools": [{"name": n, "description": f"MCP {n}", "inputSchema": schema} for n in listed]}
        text = f"data: {json.dumps({'jsonrpc': '2.0', 'id': seen.body['id'], 'result': result})}\n\n"
        return Response(text, media_type="text/event-stream")

    def asked(self, path: str) -> int:
        lists = [s for s in self.fake.seen if s.path == path]
        return len([s for s in lists if path != "/mcp" or s.body["method"] == "tools/list"])


@pytest.fixture
def offer(fake: Any) -> Offer:
    return Offer(fake)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def catalog(nango: NangoClient, clock: Clock) -> Catalog:
    return Catalog(nango, ttl=300, clock=clock)


async def discovered(catalog: Catalog, *integrations: str) -> dict[str, Tool]:
    found = await catalog.discover([(integration, f"c-{integration}") for integration in integrations or ["github"]])
    return {tool.id: tool for tools in found.values() for tool in tools}


async def test_a_tool_has_the_best_of_both_listings(offer: Offer, catalog: Catalog) -> None:
    offer.actions["github"][0]["endpoints"] = [{"method": "POST", "path": "/issues"}]
    tool = (await discovered(catalog))["github/create-issue"]
    assert (tool.source, tool.description, tool.scopes) == ("both", "About create-issue", ("repo",))
    assert tool.input_schema == {
        "type": "object",
        "properties": {"id": {"type": "string"}},
        "additionalProperties": False,
    }
    assert tool.output_schema == {"type": "object", "properties": {"ok": {"type": "boolean"}}}
    assert (tool.access, tool.reason) == (Access.WRITE, '"create" in its name')


async def test_disabled_actions_are_left_out_even_if_mcp_still_lists_them(offer: Offer, catalog: Catalog) -> None:
    offer.actions["github"].append(action("delete-issue", enabled=False))
    offer.tools["github"].append("delete-issue")
    assert list(await discovered(catalog)) == ["github/create-issue"]
    assert await catalog.tool("github", "delete-issue") is None


async def test_actions_that_mcp_leaves_out_and_those_only_mcp_knows_are_tools_too(
    offer: Offer, catalog: Catalog
) -> None:
    offer.actions["github"].append(
        action("array-input", input="In", json_schema={"definitions": {"In": {"type": "array"}}})
    )
    offer.tools["github"].append("only-mcp")
    found = await discovered(catalog)
    assert {key: tool.source for key, tool in found.items()} == {
        "github/array-input": "scripts",
        "github/create-issue": "both",
        "github/only-mcp": "mcp",
    }
    assert found["github/array-input"].output_schema is None
    only_mcp = found["github/only-mcp"]
    assert "$ref" not in json.dumps(only_mcp.input_schema)
    assert (only_mcp.access, only_mcp.scopes) == (Access.WRITE, ())


async def test_an_action_without_input_takes_an_empty_object(offer: Offer, catalog: Catalog) -> None:
    offer.actions["github"] = [action("whoami", json_schema={"definitions": {"In": {"type": "null"}}})]
    tool = (await discovered(catalog))["github/whoami"]
    assert tool.input_schema == {"type": "object", "properties": {}, "additionalProperties": False}


async def test_the_worst_of_several_declared_methods_counts(offer: Offer, catalog: Catalog) -> None:
    offer.actions["github"] = [
        action("whatever", endpoints=[{"method": "GET"}, {"method": "DELETE"}]),
        action("users", description="", scopes=[], endpoints=[{"method": "GET"}]),
    ]
    found = await discovered(catalog)
    assert found["github/whatever"].access is Access.DESTRUCTIVE
    assert found["github/users"].access is Access.READ


async def test_a_key_for_only_one_of_the_listings_works_from_that_one(
    offer: Offer, nango: NangoClient, catalog: Catalog
) -> None:
    offer.refuse = {"/mcp": FORBIDDEN}
    assert (await discovered(catalog))["github/create-issue"].source == "scripts"
    offer.refuse = {"/scripts/config": FORBIDDEN}
    tool = (await discovered(Catalog(nango)))["github/create-issue"]
    assert (tool.source, tool.description, tool.output_schema) == ("mcp", "MCP create-issue", None)
    offer.refuse = {"/mcp": FORBIDDEN, "/scripts/config": FORBIDDEN}
    with pytest.raises(InsufficientScopeError):
        await discovered(Catalog(nango))


async def test_a_bad_key_is_not_taken_for_a_missing_scope(offer: Offer, catalog: Catalog) -> None:
    offer.refuse = {"/mcp": JSONResponse({"error": {"code": "unknown_account", "message": "no"}}, 401)}
    with pytest.raises(InvalidKeyError):
        await discovered(catalog)


async def test_listings_are_kept_for_their_time_and_then_fetched_again(
    offer: Offer, catalog: Catalog, clock: Clock
) -> None:
    await discovered(catalog)
    clock.now += 299
    offer.actions["github"].append(action("update-issue"))
    assert len(await discovered(catalog)) == 1
    assert (offer.asked("/mcp"), offer.asked("/scripts/config")) == (1, 1)
    clock.now += 1
    assert len(await discovered(catalog)) == 2
    offer.actions["github"].append(action("close-issue"))
    catalog.forget()
    assert len(await discovered(catalog)) == 3


async def test_what_was_found_of_one_integration_is_not_asked_for_again_for_another(
    offer: Offer, catalog: Catalog
) -> None:
    offer.actions["slack"], offer.tools["slack"] = [action("post-message")], ["post-message"]
    await discovered(catalog)
    found = await discovered(catalog, "github", "slack")
    assert sorted(found) == ["github/create-issue", "slack/post-message"]
    assert (offer.asked("/mcp"), offer.asked("/scripts/config")) == (2, 1)


async def test_concurrent_callers_share_one_request(offer: Offer, catalog: Catalog) -> None:
    await asyncio.gather(*(discovered(catalog) for _ in range(10)), *(catalog.integrations() for _ in range(10)))
    assert (offer.asked("/mcp"), offer.asked("/scripts/config"), offer.asked("/integrations")) == (1, 1, 1)


async def test_of_several_connections_of_an_integration_the_first_is_asked(offer: Offer, catalog: Catalog) -> None:
    found = await catalog.discover([("github", "one"), ("github", "two")])
    assert list(found) == ["github"]
    assert {s.headers["connection-id"] for s in offer.fake.seen if s.path == "/mcp"} == {"one"}


async def test_a_tool_is_known_without_a_connection_and_stays_the_same_with_one(offer: Offer, catalog: Catalog) -> None:
    before = await catalog.tool("github", "create-issue")
    assert before is not None
    assert before.source == "scripts"
    await discovered(catalog)
    after = await catalog.tool("github", "create-issue")
    assert after is not None
    assert after.source == "both"
    assert before.fingerprint == after.fingerprint
    assert await catalog.tool("nowhere", "create-issue") is None
    assert await catalog.tools("nowhere") == ()


@pytest.mark.parametrize(
    "change",
    [
        {"name": "create-issues"},
        {"description": "Other"},
        {"json_schema": {"definitions": {"In": {"type": "object"}}}},
        {"returns": []},
        {"scopes": ["other"]},
        {"endpoints": [{"method": "GET", "path": "/x"}]},
    ],
)
async def test_the_fingerprint_tells_another_tool_and_only_that(
    offer: Offer, nango: NangoClient, change: dict[str, Any]
) -> None:
    offer.tools["github"] = []
    [first] = (await discovered(Catalog(nango))).values()
    offer.actions["github"] = [action("create-issue", version="9.9.9")]
    [same] = (await discovered(Catalog(nango))).values()
    offer.actions["github"] = [action("create-issue") | change]
    [other] = (await discovered(Catalog(nango))).values()
    assert first.fingerprint == same.fingerprint != other.fingerprint
    assert len(first.fingerprint) == 64


async def test_integrations_are_listed_without_a_connection(offer: Offer, catalog: Catalog) -> None:
    offer.actions |= {"github": [action("b"), action("a"), action("off", enabled=False)], "new": []}
    offer.integrations.append({"unique_key": "slack", "provider": "slack", "display_name": "Slack"})
    found = await catalog.integrations()
    assert [(i.key, i.provider, i.display_name, i.tools) for i in found] == [
        ("github", "github", "GitHub", (("a", "About a"), ("b", "About b"))),
        ("new", "new", "new", ()),
        ("slack", "slack", "Slack", ()),
    ]


async def test_integrations_are_listed_from_whichever_listing_the_key_may_read(
    offer: Offer, nango: NangoClient
) -> None:
    offer.refuse = {"/integrations": FORBIDDEN}
    assert [(i.key, len(i.tools)) for i in await Catalog(nango).integrations()] == [("github", 1)]
    offer.refuse = {"/scripts/config": FORBIDDEN}
    assert [(i.display_name, len(i.tools)) for i in await Catalog(nango).integrations()] == [("GitHub", 0)]
    offer.refuse |= {"/integrations": FORBIDDEN}
    with pytest.raises(InsufficientScopeError):
        await Catalog(nango).integrations()
