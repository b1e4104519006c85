"""The finder: what was not handed in is not found, whoever asked before; and an embedding model helps where there is one."""

import asyncio
import json
from typing import Any

import pytest
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from nango_graph import AgentSettings, ModelSettings
from nango_graph.finding_tools import KEPT, KEPT_SIGNATURES, ToolFinder
from nango_graph.models import open_embeddings
from nango_graph.planning.signatures import tool_signature
from nango_tools import Access, IntegrationSummary, NangoSettings, SettingsError, Tool
from nango_tools.catalog.definitions import Definition
from serving import free_port, served


def tools(*ids: str, description: str = "") -> dict[str, Tool]:
    made = [
        Definition(integration=tool_id.partition("/")[0], name=tool_id.partition("/")[2], description=description)
        for tool_id in ids
    ]
    return {one.tool().id: one.tool() for one in made}


async def found(finder: ToolFinder, query: str, among: dict[str, Tool], integration: str | None = None) -> list[str]:
    return [tool.id for tool in await finder.tools(query, among, limit=10, integration=integration)]


async def test_only_what_is_handed_in_is_found_whatever_others_were_offered() -> None:
    finder = ToolFinder()
    everything = tools("a/create-ticket", "a/delete-ticket", "b/create-ticket")
    assert set(await found(finder, "ticket", everything)) == everything.keys()
    less = {tool_id: tool for tool_id, tool in everything.items() if tool_id != "a/delete-ticket"}
    assert set(await found(finder, "delete ticket", less)) == less.keys()
    assert await found(finder, "ticket", everything, "b") == ["b/create-ticket"]


async def test_those_of_several_integrations_are_found_by_what_tells_them_apart() -> None:
    finder, everything = ToolFinder(), tools("a/close-ticket", "b/close-ticket", "b/list-ticket", "c/close-ticket")
    near = await finder.of_integrations("close ticket", everything, ["a", "b"], limit=10)
    assert {tool.id for tool in near} == {"a/close-ticket", "b/close-ticket", "b/list-ticket"}
    assert near[-1].id == "b/list-ticket"
    assert len(await finder.of_integrations("close ticket", everything, (), limit=10)) == 4


def test_a_signature_is_worked_out_once_for_each_definition_and_access() -> None:
    finder, (one,) = ToolFinder(), tools("a/do-it", description="Closes a ticket.").values()
    (changed,) = tools("a/do-it", description="Closes a lantern.").values()
    judged = one.model_copy(update={"access": Access.DESTRUCTIVE})
    for each in (one, changed, judged, one):
        assert finder.signature(each) == tool_signature(each)
    assert finder.signature(one) is finder.signature(one.model_copy())


def test_the_oldest_signatures_are_forgotten_and_worked_out_again() -> None:
    finder, (one,) = ToolFinder(), tools("a/do-it").values()
    first = finder.signature(one)
    for number in range(KEPT_SIGNATURES):
        finder.signature(one.model_copy(update={"fingerprint": str(number)}))
    assert finder.signature(one) == first
    assert finder.signature(one) is not first


async def test_a_changed_description_is_found_by_its_new_words() -> None:
    finder = ToolFinder()
    assert await found(finder, "lantern", tools("a/do-it", description="Closes a ticket.")) == []
    assert await found(finder, "lantern", tools("a/do-it", description="Closes a lantern.")) == ["a/do-it"]


async def test_many_who_ask_at_once_all_get_their_own() -> None:
    finder = ToolFinder()
    sets = [tools(f"app-{number}/create-ticket") for number in range(KEPT + 5)]
    asked = await asyncio.gather(*(found(finder, "create ticket", each) for each in [*sets, *sets]))
    assert asked == [list(each) for each in [*sets, *sets]]


async def test_names_of_integrations_are_found_by_name_and_description() -> None:
    summaries = [
        IntegrationSummary(key="a", provider="a", display_name="A", tools=(("do-it", "Close a lantern."), ("x", ""))),
        IntegrationSummary(key="b", provider="b", display_name="B", tools=(("close-lantern", ""),)),
    ]
    finder = ToolFinder()
    assert set(await finder.names("lantern", summaries, limit=5)) == {"a/do-it", "b/close-lantern"}
    assert len(await finder.names("lantern", summaries, limit=1)) == 1


def settings(base_url: str | None, key: str | None, name: str | None = "small") -> AgentSettings:
    return AgentSettings(
        nango=NangoSettings(api_key=SecretStr("k"), base_url="http://127.0.0.1:1"),
        model=ModelSettings(name="m", api_key=SecretStr(key) if key else None, base_url=base_url),
        data_dir="unused",
        embeddings=name,
    )


async def test_an_embedding_model_of_the_same_endpoint_finds_what_no_word_tells() -> None:
    asked: list[dict[str, Any]] = []

    async def embed(request: Request) -> JSONResponse:
        body = json.loads(await request.body())
        asked.append(body)
        texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
        # What is said in German and in English lies in the same direction.
        vectors = [
            [1.0, 0.0] if "latern" in text.lower() or "lantern" in text.lower() else [0.0, 1.0] for text in texts
        ]
        data = [{"object": "embedding", "index": index, "embedding": vector} for index, vector in enumerate(vectors)]
        return JSONResponse(
            {"object": "list", "data": data, "model": "small", "usage": {"prompt_tokens": 1, "total_tokens": 1}}
        )

    listener, address = free_port()
    async with served(Starlette(routes=[Route("/v1/embeddings", embed, methods=["POST"])]), listener):
        offered = tools("a/close-lantern", "a/list-parcels", "a/get-ticket")
        async with open_embeddings(settings(f"{address}/v1", "secret-key")) as embeddings:
            assert (await found(ToolFinder(embeddings), "Mach die Laterne aus", offered))[0] == "a/close-lantern"
        assert await found(ToolFinder(), "Mach die Laterne aus", offered) == []
    assert {body["model"] for body in asked} == {"small"}
    texts = [text for body in asked for text in ([body["input"]] if isinstance(body["input"], str) else body["input"])]
    assert all(isinstance(text, str) for text in texts)  # and no numbers, which only OpenAI itself understands


async def test_an_endpoint_that_fails_leaves_the_words() -> None:
    async with open_embeddings(settings("http://127.0.0.1:9/v1", "key")) as embeddings:
        assert await found(ToolFinder(embeddings), "close lantern", tools("a/close-lantern")) == ["a/close-lantern"]


async def test_without_an_endpoint_embeddings_are_refused_and_without_a_name_there_are_none() -> None:
    async with open_embeddings(settings(None, "key", name=None)) as embeddings:
        assert embeddings is None
    with pytest.raises(SettingsError, match="NANGO_AGENT_EMBEDDINGS"):
        async with open_embeddings(settings(None, None)):
            pass
