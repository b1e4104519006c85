"""What leaves is of the type that Nango takes, or does not leave."""

import math
from collections import deque
from collections.abc import Awaitable, Callable
from types import MappingProxyType
from typing import Any

import pytest
from starlette.responses import JSONResponse

from nango_tools import InvalidInput, NangoClient, Outcome

Attempt = Callable[[Any], Awaitable[Any]]
WHERE = {"connection_id": "c", "integration_id": "i"}
TAGS = {"end_user_id": "a"}
ELEVEN = {f"k{number}": "v" for number in range(11)}


async def every(listing: Any) -> list[Any]:
    return [found async for found in listing]


REFUSED: dict[str, Attempt] = {
    "a text as allowed integrations": lambda n: n.connect_sessions.create(tags=TAGS, allowed_integrations="github"),
    "no allowed integration": lambda n: n.connect_sessions.create(tags=TAGS, allowed_integrations=[]),
    "an empty allowed integration": lambda n: n.connect_sessions.create(tags=TAGS, allowed_integrations=[""]),
    "a number as a tag": lambda n: n.connect_sessions.create(tags={"a": 1}, allowed_integrations=["i"]),
    "a number as a tag's key": lambda n: n.connect_sessions.create(tags={1: "a"}, allowed_integrations=["i"]),
    "no tags at all": lambda n: n.connect_sessions.create(tags=None, allowed_integrations=["i"]),
    "eleven tags on a session": lambda n: n.connect_sessions.create(tags=ELEVEN, allowed_integrations=["i"]),
    "eleven tags on a reconnect session": lambda n: n.connect_sessions.reconnect(**WHERE, tags=ELEVEN),
    "a reconnect session of nothing": lambda n: n.connect_sessions.reconnect(
        connection_id="", integration_id="i", tags={}
    ),
    "eleven tags on an import": lambda n: n.connections.import_connection("i", {"type": "NONE"}, tags=ELEVEN),
    "an import for nothing": lambda n: n.connections.import_connection("", {"type": "NONE"}, tags={}),
    "an import as nothing": lambda n: n.connections.import_connection("i", {"type": "NONE"}, tags={}, connection_id=""),
    "eleven tags on a connection": lambda n: n.connections.patch("c", "i", tags=ELEVEN),
    "a number as an address": lambda n: n.connections.patch("c", "i", webhook_url_override=5),
    "a listing by a tag of nothing": lambda n: every(n.connections.list(tags={"end_user_id": None})),
    "a listing by a tag of two": lambda n: every(n.connections.list(tags={"end_user_id": ["a", "b"]})),
    "a listing by a number": lambda n: every(n.connections.list(tags={"end_user_id": 5})),
    "numbers as integrations": lambda n: every(n.connections.list(integration_ids=[5])),
    "half a connection": lambda n: every(n.connections.list(limit=1.5)),
    "a true number of connections": lambda n: every(n.connections.list(limit=True)),
    "metadata of an empty id": lambda n: n.connections.set_metadata("", "i", {"a": 1}),
    "metadata of no ids": lambda n: n.connections.set_metadata([], "i", {"a": 1}),
    "metadata of one empty id": lambda n: n.connections.update_metadata(["c", ""], "i", {"a": 1}),
    "metadata that is a list": lambda n: n.connections.update_metadata("c", "i", [("a", 1)]),
    "metadata that is no JSON": lambda n: n.connections.update_metadata("c", "i", {"a": object()}),
    "a text as include": lambda n: n.integrations.get("i", include="credentials"),
    "an unknown include": lambda n: n.integrations.get("i", include=["secrets"]),
    "a number as a key": lambda n: n.integrations.create(5, "github"),
    "no provider": lambda n: n.integrations.create("i", None),
    "words for a bool": lambda n: n.integrations.create("i", "github", forward_webhooks="no"),
    "a number for a bool": lambda n: n.integrations.update("i", forward_webhooks=0),
    "a key of nothing": lambda n: n.integrations.update("i", new_key=""),
    "a mode of its own": lambda n: n.syncs.trigger("i", ["s"], sync_mode="everything"),
    "a reset in words": lambda n: n.syncs.trigger("i", ["s"], reset="yes"),
    "an empty name of a sync": lambda n: n.syncs.start("i", [""]),
    "a sync of an empty connection": lambda n: n.syncs.pause("i", ["s"], connection_id=""),
    "numbers as syncs": lambda n: n.syncs.status("i", [5]),
    "a number as syncs": lambda n: n.syncs.status("i", 5),
    "a text as ids": lambda n: every(n.records.list(**WHERE, model="M", ids="abc")),
    "a text as filter": lambda n: every(n.records.list(**WHERE, model="M", filter="added")),
    "an unknown filter": lambda n: every(n.records.list(**WHERE, model="M", filter=["changed"])),
    "bytes in a query": lambda n: n.proxy.get("x", **WHERE, params={"a": b"b"}),
    "an object in a query": lambda n: n.proxy.get("x", **WHERE, params={"a": {"b": "c"}}),
    "lists of lists in a query": lambda n: n.proxy.get("x", **WHERE, params={"a": [["b"]]}),
    "a number as a name in a query": lambda n: n.proxy.get("x", **WHERE, params={1: "a"}),
    "a number in a header": lambda n: n.proxy.get("x", **WHERE, headers={"X-A": 1}),
    "a number as a header": lambda n: n.proxy.get("x", **WHERE, headers={1: "a"}),
    "half a repetition": lambda n: n.proxy.get("x", **WHERE, retries=0.5),
}


@pytest.mark.parametrize("attempt", REFUSED)
async def test_what_has_another_type_is_not_sent(fake: Any, nango: NangoClient, attempt: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        await REFUSED[attempt](nango)
    assert caught.value.outcome is Outcome.NOT_SENT
    assert fake.seen == []


async def test_a_refusal_says_what_is_wrong(nango: NangoClient) -> None:
    bad: Any = "github"
    with pytest.raises(InvalidInput, match="allowed_integrations"):
        await nango.connect_sessions.create(tags={}, allowed_integrations=bad)
    with pytest.raises(InvalidInput, match=r"tags.*at most 10 items"):
        await nango.connect_sessions.create(tags=ELEVEN, allowed_integrations=["i"])
    with pytest.raises(InvalidInput, match=r"include.*'github' is none of credentials, webhook"):
        await nango.integrations.get("i", include=[bad])


async def test_what_is_alike_is_taken(fake: Any, nango: NangoClient) -> None:
    """Any mapping, any sequence, and ten tags; null stays in metadata, where it means something."""
    session = {"token": "t", "connect_link": "https://c.example/", "expires_at": "2026-11-20T21:32:12.568Z"}
    fake.answers(JSONResponse({"data": session}))
    ten = {f"k{number}": "" for number in range(10)}
    await nango.connect_sessions.create(tags=MappingProxyType(ten), allowed_integrations=deque(["a", "b"]))
    await nango.connections.set_metadata(("c", "d"), "i", MappingProxyType({"a": None, "b": [{"c": None}, (1, 2)]}))
    await nango.connections.patch("c", "i", tags={}, webhook_url_override="")
    assert [seen.body for seen in fake.seen] == [
        {"tags": ten, "allowed_integrations": ["a", "b"]},
        {
            "connection_id": ["c", "d"],
            "provider_config_key": "i",
            "metadata": {"a": None, "b": [{"c": None}, [1, 2]]},
        },
        {"tags": {}, "webhook_url_override": ""},
    ]


async def test_the_query_of_a_provider_takes_numbers_and_bools(fake: Any, nango: NangoClient) -> None:
    params = {"a": 1.5, "b": True, "c": None, "d": [1, 2.5, "x", False], "e": -3, "f": math.pi}
    await nango.proxy.get("x", connection_id="c", integration_id="i", params=params)
    assert fake.seen[0].query == [
        ("a", "1.5"),
        ("b", "true"),
        *(("d", item) for item in ("1", "2.5", "x", "false")),
        ("e", "-3"),
        ("f", "3.141592653589793"),
    ]
