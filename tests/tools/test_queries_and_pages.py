"""Properties: what is asked for arrives as given, and every listing ends with each thing given once."""

from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.responses import JSONResponse

from nango_tools import InvalidInput, NangoClient, NangoError, Outcome

QUICK = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)

KEYS = st.text(alphabet=st.sampled_from("aZ_0-.é &=+%;#?/ ]["), max_size=6)
VALUES = st.text(alphabet=st.sampled_from("aZ0é\u4e2d &=+%;#?/,[]'\"\\\n\r\t\x00\ud800"), max_size=8) | st.text(
    max_size=5
)


def arrives(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


@QUICK
@given(tags=st.dictionaries(KEYS, VALUES, max_size=4), search=VALUES, connection_id=VALUES)
async def test_filters_arrive_as_given_or_are_not_sent(
    fake: Any, tags: dict[str, str], search: str, connection_id: str
) -> None:
    fake.seen.clear()
    fake.answers(JSONResponse({"connections": []}))
    good_keys = all(key and "[" not in key and "]" not in key for key in tags)
    good = good_keys and all(arrives(text) for text in (*tags, *tags.values(), search, connection_id))
    async with fake.client() as nango:
        listing = nango.connections.list(tags=tags, search=search, connection_id=connection_id)
        if not good:
            with pytest.raises(InvalidInput) as caught:
                await anext(listing)
            assert caught.value.outcome is Outcome.NOT_SENT
            assert fake.seen == []
            return
        assert [found async for found in listing] == []
    assert fake.seen[0].query == [
        *((f"tags[{key}]", value) for key, value in tags.items()),
        ("connectionId", connection_id),
        ("search", search),
        ("limit", "100"),
        ("page", "0"),
    ]


IDS = st.text(alphabet=st.sampled_from("aZ0 .%/?#;+&=\\~:@é\n\x7f"), max_size=8) | st.text(max_size=4)


@QUICK
@given(name=IDS)
async def test_an_id_is_one_segment_of_the_path_or_is_not_sent(fake: Any, name: str) -> None:
    """An id that arrives arrives as itself, on the route that was meant, with the method that was meant."""
    fake.answers(JSONResponse({"error": {"code": "x"}}, 418))
    routes = {
        "/connections/{}": lambda nango: nango.connections.get(name, "i"),
        "/integrations/{}": lambda nango: nango.integrations.delete(name),
        "/integrations/i/functions/{}": lambda nango: nango.integrations.function("i", name),
        "/integrations/{}/functions": lambda nango: anext(nango.integrations.functions(name)),
        "/providers/{}": lambda nango: nango.providers.get(name),
        "/action/{}": lambda nango: nango.actions.result(name),
    }
    async with fake.client() as nango:
        for route, call in routes.items():
            fake.seen.clear()
            with pytest.raises(NangoError) as caught:
                await call(nango)
            if caught.value.outcome is Outcome.NOT_SENT:
                assert isinstance(caught.value, InvalidInput)
                assert fake.seen == []
                continue
            raw = fake.seen[0].raw_path.split("?")[0]
            before, after = route.split("{}")
            assert raw.startswith(before)
            assert raw.endswith(after)
            segment = raw[len(before) : len(raw) - len(after)]
            assert "/" not in segment
            assert unquote(segment) == name


@st.composite
def shifting(draw: st.DrawFn) -> tuple[list[list[str]], int]:
    """Listings of one server as they are at each request: things are put in front and taken away in between."""
    limit = draw(st.integers(1, 4))
    now = [f"n{number}" for number in range(draw(st.integers(0, 9)))]
    moments = [list(now)]
    for moment in range(draw(st.integers(0, 6))):
        now = [item for item in now if draw(st.integers(0, 5))]
        now[:0] = [f"m{moment}-{number}" for number in range(draw(st.integers(0, 3)))]
        moments.append(list(now))
    return moments, limit


def connection(name: str) -> dict[str, Any]:
    return {
        "connection_id": name,
        "provider_config_key": "i",
        "provider": "p",
        "created": "2026-11-20T20:54:32.656+00:00",
    }


@QUICK
@given(server=shifting())
async def test_a_listing_that_shifts_gives_nothing_twice_and_ends(fake: Any, server: Any) -> None:
    moments, limit = server
    requests = 0

    def answer(seen: Any) -> JSONResponse:
        nonlocal requests
        asked = dict(seen.query)
        start = int(asked["page"]) * int(asked["limit"])
        page = moments[min(requests, len(moments) - 1)][start : start + int(asked["limit"])]
        requests += 1
        if seen.path == "/connections":
            return JSONResponse({"connections": [connection(name) for name in page]})
        return JSONResponse({"data": [{"name": name, "type": "action"} for name in page]})

    fake.answer = answer
    async with fake.client() as nango:
        for listing in (nango.connections.list(limit=limit), nango.integrations.functions("i", limit=limit)):
            requests = 0
            names = [getattr(found, "connection_id", None) or found.name async for found in listing]
            assert len(names) == len(set(names))
            ever = set().union(*moments)
            assert set(names) <= ever
            if len(moments) == 1:
                assert names == moments[0]
            # Each page but the last brought something new.
            assert requests <= len(ever) + 1


@QUICK
@given(
    count=st.integers(0, 30),
    limit=st.integers(1, 12),
    loop_to=st.none() | st.integers(0, 5),
)
async def test_records_come_in_order_whatever_the_page_size_and_never_for_ever(
    fake: Any, count: int, limit: int, loop_to: int | None
) -> None:
    """loop_to: the server names the cursor of an earlier page, in place of none, after the last one."""
    fake.seen.clear()

    def answer(seen: Any) -> JSONResponse:
        start = int(dict(seen.query).get("cursor", "0"))
        end = start + int(dict(seen.query)["limit"])
        last = str(loop_to * limit) if loop_to is not None else None
        records = [
            {
                "id": number,
                "_nango_metadata": {
                    "first_seen_at": "2026-11-20T20:54:40.580531+00:00",
                    "last_modified_at": "2026-11-20T20:54:40.580531+00:00",
                    "last_action": "ADDED",
                    "cursor": str(number),
                },
            }
            for number in range(start, min(end, count))
        ]
        return JSONResponse({"records": records, "next_cursor": str(end) if end < count else last})

    fake.answer = answer
    pages = max(1, -(-count // limit))
    ids: list[Any] = []
    async with fake.client() as nango:
        try:
            async for found in nango.records.list(connection_id="c", integration_id="i", model="M", limit=limit):
                ids.append(found.data["id"])  # noqa: PERF401 - those before an error count
        except NangoError:
            assert loop_to is not None
        else:
            assert loop_to is None
    assert ids[:count] == list(range(count))
    assert loop_to is not None or len(ids) == count
    assert len(fake.seen) <= 2 * pages + 8


async def test_one_string_is_not_taken_for_a_sequence_of_letters(fake: Any, nango: NangoClient) -> None:
    with pytest.raises(InvalidInput):
        [found async for found in nango.connections.list(integration_ids="github")]
    assert fake.seen == []
