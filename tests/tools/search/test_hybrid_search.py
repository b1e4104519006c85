import asyncio
import logging
from typing import Any

import pytest
from starlette.responses import JSONResponse, Response

from nango_tools.search import HybridSearch, ToolSearch
from searched_tools import tool

CARS = [
    tool("garage/list-automobiles", "List automobiles."),
    tool("garage/list-invoices", "List invoices."),
    tool("zoo/list-felines", "List felines."),
    tool("sky/get-weather", "Get the weather."),
]
WORDS = ToolSearch(CARS)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def ids(hits: list[Any]) -> list[str]:
    return [hit.tool.id for hit in hits]


async def test_a_tool_is_found_by_meaning_where_no_word_is_the_same(endpoint: Any) -> None:
    assert WORDS.search("my vehicle") == []
    assert ids(await HybridSearch(WORDS, endpoint.embeddings).search("my vehicle"))[0] == "garage/list-automobiles"


async def test_words_and_meaning_are_fused(endpoint: Any) -> None:
    found = ids(await HybridSearch(WORDS, endpoint.embeddings).search("weather for the vehicle", limit=2))
    assert set(found) == {"sky/get-weather", "garage/list-automobiles"}


async def test_tools_are_embedded_once_in_batches_and_copies_not_at_all(endpoint: Any) -> None:
    many = [tool(f"lot/car-{number}", f"Number {number}.") for number in range(300)]
    copies = [tool(f"other-lot/car-{number}", f"Number {number}.") for number in range(300)]
    search = HybridSearch(ToolSearch([*many, *copies]), endpoint.embeddings)
    await asyncio.gather(search.search("car"), search.search("cat"))
    assert sorted(len(texts) for texts in endpoint.texts) == [1, 1, 44, 128, 128]
    await search.search("car")
    assert len(endpoint.texts) == 6


async def test_only_what_is_new_is_embedded_when_the_catalogue_has_changed(endpoint: Any) -> None:
    vectors: dict[str, Any] = {}
    await HybridSearch(WORDS, endpoint.embeddings, vectors=vectors).search("car")
    new = tool("zoo/feed-cat", "Feed a cat.")
    changed = HybridSearch(ToolSearch([*CARS, new]), endpoint.embeddings, vectors=vectors)
    assert ids(await changed.search("cat"))[0] == "zoo/feed-cat"
    assert endpoint.texts[2:] == [["feed-cat: Feed a cat."], ["cat"]]


async def test_only_what_is_among_the_given_ids_is_found(endpoint: Any) -> None:
    search = HybridSearch(WORDS, endpoint.embeddings)
    assert ids(await search.search("my vehicle", among=["zoo/list-felines", "no/such-tool"])) == ["zoo/list-felines"]
    assert await search.search("my vehicle", among=[]) == []


async def test_nothing_is_asked_of_the_endpoint_for_nothing(endpoint: Any) -> None:
    search = HybridSearch(WORDS, endpoint.embeddings)
    assert await search.search("  ") == await search.search("car", limit=0) == []
    assert endpoint.texts == []


@pytest.mark.parametrize(
    "answer",
    [
        JSONResponse({"error": {"message": "key-of-the-embeddings-endpoint is no key"}}, 401),
        JSONResponse({"error": {"message": "later"}}, 429),
        Response("<html>", 502),
        JSONResponse({"object": "list", "data": [], "model": "m", "usage": {"prompt_tokens": 1, "total_tokens": 1}}),
        JSONResponse("no object"),
        JSONResponse({"data": [{"embedding": [0.0, 0.0], "index": 0, "object": "embedding"}] * 4, "model": "m"}),
        JSONResponse({"data": [{"embedding": ["a"], "index": 0, "object": "embedding"}] * 4, "model": "m"}),
    ],
    ids=["refused", "too many", "gateway", "too few", "no object", "zeros", "no numbers"],
)
async def test_words_alone_are_searched_where_the_endpoint_fails(
    endpoint: Any, answer: Response, caplog: pytest.LogCaptureFixture
) -> None:
    endpoint.broken = answer
    search = HybridSearch(WORDS, endpoint.embeddings)
    with caplog.at_level(logging.WARNING, "nango_tools"):
        assert await search.search("weather") == WORDS.search("weather") != []
    assert "searched by words alone" in caplog.text
    assert "key-of-the-embeddings-endpoint" not in caplog.text


async def test_vectors_of_another_size_are_not_compared(endpoint: Any) -> None:
    search = HybridSearch(WORDS, endpoint.embeddings)
    await search.search("car")
    endpoint.broken = JSONResponse(
        {"data": [{"embedding": [1.0, 2.0], "index": 0, "object": "embedding"}], "model": "m"}
    )
    assert await search.search("weather") == WORDS.search("weather")


async def test_an_endpoint_that_failed_is_left_alone_for_a_while_and_then_asked_again(endpoint: Any) -> None:
    clock = Clock()
    search = HybridSearch(WORDS, endpoint.embeddings, rest=60, clock=clock)
    endpoint.broken = Response("down", 500)
    await search.search("my vehicle")
    endpoint.broken = None
    asked = len(endpoint.texts)
    clock.now = 59
    assert await search.search("my vehicle") == []
    assert len(endpoint.texts) == asked
    clock.now = 61
    assert ids(await search.search("my vehicle"))[0] == "garage/list-automobiles"


async def test_a_slow_endpoint_is_not_waited_for_longer_than_it_takes_patience(endpoint: Any) -> None:
    endpoint.held = asyncio.Event()
    search = HybridSearch(WORDS, endpoint.embeddings, patience=0.05)
    async with asyncio.timeout(2):
        assert await search.search("weather") == WORDS.search("weather")


async def test_a_search_that_is_given_up_is_given_up(endpoint: Any) -> None:
    endpoint.held = asyncio.Event()
    searching = asyncio.create_task(HybridSearch(WORDS, endpoint.embeddings).search("weather"))
    await endpoint.arrived.wait()
    searching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await searching
