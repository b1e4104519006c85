"""Every recorded exchange with a real Nango server, sent to a sandbox that is seeded alike.

The recordings are no part of this repository; without them beside it, nothing here runs (see test_cases.py).
"""

import asyncio
import re
from collections.abc import Callable
from functools import cache

import pytest
from wire_differences import ACCEPTED, NOT_EXCHANGES, NOT_TOPICS
from wire_player import Answer, expected, is_exchange, play
from wire_recordings import FOLDER, OTHER_KEYS, REPEATED, SESSION_OF, SESSIONS, TOPICS

NOTHING = ("", "(?!)")
Played = Callable[[str], dict[int, Answer | Exception]]

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="the recordings are not here")


def _exchanges() -> list[pytest.ParameterSet]:
    return [
        pytest.param(topic.name, number, id=f"{topic.name}-{number:02} {each['name']}")
        for topic in TOPICS.values()
        if FOLDER.is_dir()
        for number, each in enumerate(topic.exchanges())
        if is_exchange(each)
    ]


@pytest.fixture(scope="module")
def played() -> Played:
    """The answers to a topic, which is played once, when it is first asked for."""
    return cache(lambda topic: asyncio.run(play(TOPICS[topic])))


def _answer(answered: Answer | Exception) -> Answer:
    if isinstance(answered, Exception):
        raise answered
    return answered


@pytest.mark.parametrize(("topic", "number"), _exchanges())
def test_recorded_requests_get_the_recorded_answers(topic: str, number: int, played: Played) -> None:
    recorded, found = TOPICS[topic].exchanges()[number], _answer(played(topic)[number])
    if _came_sooner(topic, number, found):
        return
    _, accepted = ACCEPTED.get((topic, recorded["name"]), NOTHING)
    told = [line for line in expected(recorded).differences(found) if not re.match(accepted, line)]
    assert not told, "\n".join([recorded["name"], *told])


def _came_sooner(topic: str, number: int, found: Answer) -> bool:
    """Was there no answer yet when it was recorded, and here already the one that was recorded next? That is a race."""
    exchanges = TOPICS[topic].exchanges()
    recorded = exchanges[number]
    path = recorded.get("request", {}).get("path", "")
    if not path.startswith("/action/") or recorded["response"]["status"] != 404:
        return False
    later = [each for each in exchanges[number + 1 :] if each.get("request", {}).get("path") == path]
    return any(
        not [line for line in expected(each).differences(found) if not re.match(accepted, line)]
        for each in later
        if "response" in each
        for _, accepted in [ACCEPTED.get((topic, each["name"]), NOTHING)]
    )


@pytest.mark.parametrize(("topic", "number"), _exchanges())
def test_recorded_headers_come_with_the_answers(topic: str, number: int, played: Played) -> None:
    recorded, found = TOPICS[topic].exchanges()[number], _answer(played(topic)[number])
    _, accepted = ACCEPTED.get((topic, recorded["name"]), NOTHING)
    told = [line for line in expected(recorded).differences_of_headers(found) if not re.match(accepted, line)]
    assert not told, "\n".join([recorded["name"], *told])


def test_every_recording_is_played_or_says_why_not() -> None:
    assert {path.stem for path in FOLDER.glob("*.json")} == set(TOPICS) | set(NOT_TOPICS)
    left_out = {
        (topic.name, each["name"]) for topic in TOPICS.values() for each in topic.exchanges() if not is_exchange(each)
    }
    assert left_out == set(NOT_EXCHANGES)


def test_the_tables_name_exchanges_that_were_recorded() -> None:
    recorded = {(topic.name, each["name"]) for topic in TOPICS.values() for each in topic.exchanges()}
    named = {*ACCEPTED, *OTHER_KEYS, *REPEATED}
    named |= {("connect-as-end-user", name) for name in SESSIONS} | {("connect-sessions", name) for name in SESSION_OF}
    assert named <= recorded
