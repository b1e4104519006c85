"""Floors a little under what was measured (README.md of the search). Skipped where the labelled requests are not at hand."""

import time

import pytest

from nango_tools.search import ToolSearch
from search_recall import CATALOG, Recall, Requests, ours, plain_bm25, recall, without_private_phrases

pytestmark = pytest.mark.skipif(not CATALOG.exists(), reason="no shared/action-catalog beside the project")


@pytest.fixture(scope="module")
def requests() -> Requests:
    return Requests.read()


@pytest.fixture(scope="module")
def search(requests: Requests) -> ToolSearch:
    return ToolSearch(requests.tools)


def at_ten(found: dict[str, Recall]) -> tuple[float, ...]:
    return tuple(found[where].at(10) for where in ("known", "ten", "all"))


def test_a_right_tool_is_among_the_first_ten(requests: Requests, search: ToolSearch) -> None:
    known, ten, everywhere = at_ten(recall(requests, requests.asked, lambda _: ours(search)))
    assert known >= 0.93
    assert ten >= 0.86
    assert everywhere >= 0.70


def test_so_it_is_for_integrations_whose_requests_were_not_looked_at(requests: Requests, search: ToolSearch) -> None:
    unseen = [asked for asked in requests.asked if asked.family not in requests.looked_at]
    known, ten, everywhere = at_ten(recall(requests, unseen, lambda _: ours(search)))
    assert known >= 0.86
    assert ten >= 0.77
    assert everywhere >= 0.63


def test_it_does_not_live_on_phrases_that_one_integration_alone_needs(requests: Requests, search: ToolSearch) -> None:
    phrases = without_private_phrases(requests)
    left_out = {asked.family: search.with_phrases(phrases(asked)) for asked in requests.asked}
    known, ten, everywhere = at_ten(recall(requests, requests.asked, lambda asked: ours(left_out[asked.family])))
    assert known >= 0.78
    assert ten >= 0.69
    assert everywhere >= 0.56


def test_plain_bm25_finds_far_less(requests: Requests) -> None:
    plain = plain_bm25(requests.tools)
    known, ten, everywhere = at_ten(recall(requests, requests.asked, lambda _: plain))
    assert known <= 0.70
    assert ten <= 0.55
    assert 0.30 <= everywhere <= 0.36


def test_the_index_is_made_and_searched_quickly(requests: Requests) -> None:
    started = time.process_time()
    search = ToolSearch(requests.tools)
    assert time.process_time() - started < 3
    started = time.process_time()
    for asked in requests.asked[:50]:
        search.search(asked.text)
    assert (time.process_time() - started) / 50 < 0.06
