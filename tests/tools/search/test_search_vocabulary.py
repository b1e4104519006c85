import pytest

from nango_tools.search.vocabulary import ENGLISH, FOREIGN, Entry, Foreign, Phrases, read_entries
from nango_tools.search.vocabulary.entries import parsed
from nango_tools.search.words import stems_of, words_of


def meant(lines: list[str], request: str) -> set[str]:
    found = Phrases(parsed(lines)).meanings(stems_of(request))
    return {stem for meaning in found for stem in meaning.meant}


def foreign(lines: list[str], request: str) -> set[str]:
    return {word for _, meanings in Foreign(parsed(lines)).meanings(words_of(request)) for word in meanings}


def test_each_of_a_group_stands_for_each() -> None:
    assert list(parsed(["deal = opportunity  # CRM"])) == [
        Entry("deal", ("opportunity",)),
        Entry("opportunity", ("deal",)),
    ]


def test_what_is_said_stands_for_each_of_the_words_meant() -> None:
    assert list(parsed(["# nothing", "", "remove ban: throw … out"])) == [Entry("throw … out", ("remove", "ban"))]


@pytest.mark.parametrize("request_", ["throw out Bo", "Throwing Bo out", "throws the very rude guest out"])
def test_a_phrase_is_found_with_words_in_its_gap(request_: str) -> None:
    assert meant(["remove: throw … out"], request_) == {"remov"}


@pytest.mark.parametrize("request_", ["throw Bo", "out, throw", "throw a b c d e out"])
def test_a_phrase_is_not_found_in_part_nor_over_a_long_way(request_: str) -> None:
    assert meant(["remove: throw … out"], request_) == set()


def test_the_short_form_of_not_is_read() -> None:
    assert meant(["hold: do not ship"], "Don’t ship it") == {"hold"}


@pytest.mark.parametrize("word", ["Rechnung", "RECHNUNGEN", "Kundenrechnungen"])
def test_a_word_of_another_language_is_found_in_its_forms_and_in_compounds(word: str) -> None:
    assert foreign(["invoice: rechnung"], word) == {"invoice"}


@pytest.mark.parametrize("word", ["Rechenschaft", "Rechnungslegungsvorschriften"])
def test_a_word_that_only_looks_alike_is_left_alone(word: str) -> None:
    assert foreign(["invoice: rechnung"], word) == set()


def test_the_longest_entry_counts() -> None:
    assert foreign(["list: list", "order: listing"], "listing") == {"order"}
    assert foreign(["send: 发", "invoice: 发票"], "发票") == {"invoice"}


def test_accents_may_be_left_out() -> None:
    assert foreign(["delete: loesch, losch"], "löschen") == foreign(["delete: losch"], "loschen") == {"delete"}


@pytest.mark.parametrize("name", [*ENGLISH, FOREIGN])
def test_every_line_of_a_file_says_something(name: str) -> None:
    entries = read_entries(name)
    assert len(entries) > 50
    for entry in entries:
        assert words_of(entry.said), entry
        assert all(words_of(word) for word in entry.meant), entry
        assert entry.meant, entry
