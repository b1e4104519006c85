import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nango_tools.search import ToolSearch
from nango_tools.search.near_words import NearWords
from searched_tools import A_SMALL_COMPANY, tool

WORDS = NearWords(["invoice", "message", "calendar", "change", "attachment", "mail", "main", "map", "paid", "ébahi"])


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("invoce", ["invoice"]),
        ("invioce", ["invoice"]),
        ("invoicce", ["invoice"]),
        ("invoixe", ["invoice"]),
        ("nivoice", ["invoice"]),
        ("atachmnet", ["attachment"]),
        ("maip", ["map", "mail", "main"]),
    ],
)
def test_a_slip_leads_back_to_the_word(word: str, meant: list[str]) -> None:
    assert list(WORDS.near(word)) == meant


@pytest.mark.parametrize("word", ["ivoce", "messier", "xnvoice", "mao", "", "m", "4711", "изменить", "x" * 100_000])
def test_what_is_too_far_off_or_too_short_is_left_alone(word: str) -> None:
    assert list(WORDS.near(word)) == []


@given(st.data())
def test_any_letter_left_out_or_doubled_after_the_first_is_forgiven(data: st.DataObject) -> None:
    word = data.draw(st.sampled_from(["invoice", "message", "calendar", "attachment"]))
    place = data.draw(st.integers(1, len(word) - 1))
    assert word in WORDS.near(word[:place] + word[place + 1 :])
    assert word in WORDS.near(word[:place] + word[place] + word[place:])


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ("crate an invioce", "books/create-invoice"),
        ("delte the oportunity", "pipeline/delete-deal"),
        ("mute teh chanel", "chat/mute-channel"),
        ("list the tikets", "helpdesk/list-tickets"),
    ],
)
def test_a_misspelled_request_finds_its_tool(request_: str, expected: str) -> None:
    assert expected in [hit.tool.id for hit in ToolSearch(A_SMALL_COMPANY).search(request_, limit=2)]


def test_what_is_written_right_comes_before_what_was_perhaps_meant() -> None:
    search = ToolSearch([tool("a/get-moon", "Get it."), tool("a/get-mood", "Get it."), tool("a/get-moor", "Get it.")])
    assert [hit.tool.id for hit in search.search("mood")] == ["a/get-mood"]


def test_names_and_words_of_other_languages_are_not_mended() -> None:
    search = ToolSearch([tool("a/list-markers"), tool("a/get-racing-result")])
    assert search.search("for Markerz, please") == []
    assert search.search("for markerz, please") != []
    assert search.search("die Rechnung") == []


def test_a_long_text_of_unknown_words_is_searched_quickly() -> None:
    search = ToolSearch(A_SMALL_COMPANY)
    started = time.process_time()
    search.search(" ".join(f"{a}{b}nvoicess" for a in "abcdefghijklmnopqrst" for b in "abcdefghijklmnopqrst"))
    assert time.process_time() - started < 1
