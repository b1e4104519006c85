import random

from hypothesis import given, settings
from hypothesis import strategies as st

from nango_tools.search import ToolSearch
from searched_tools import A_SMALL_COMPANY, tool

SEARCH = ToolSearch(A_SMALL_COMPANY)
OF_TOOLS = sorted({word for t in A_SMALL_COMPANY for word in f"{t.name} {t.description}".replace("-", " ").split()})
OTHERS = ["deal", "opportunity", "throw", "out", "please", "Rechnung", "請求書", "naïve", "@", "a@b.com", "don't"]
WORDS = st.sampled_from([*OF_TOOLS, *OTHERS])
REQUESTS = st.one_of(st.text(max_size=80), st.lists(WORDS, max_size=12).map(" ".join))
IDS = st.sets(st.sampled_from([t.id for t in A_SMALL_COMPANY]))
UNRELATED = st.lists(st.text("qxzvkj", min_size=3, max_size=8), min_size=1, max_size=20, unique=True)


@given(REQUESTS, st.none() | IDS, st.integers(0, 30))
def test_hits_are_best_first_positive_distinct_wanted_and_few_enough(
    text: str, among: set[str] | None, limit: int
) -> None:
    hits = SEARCH.search(text, among=among, limit=limit)
    ids = [hit.tool.id for hit in hits]
    assert len(ids) == len(set(ids)) <= limit
    assert all(hit.score > 0 for hit in hits)
    assert [(-hit.score, hit.tool.id) for hit in hits] == sorted((-hit.score, hit.tool.id) for hit in hits)
    assert among is None or set(ids) <= among


@given(REQUESTS, st.randoms(use_true_random=False))
@settings(max_examples=25)
def test_the_order_in_which_tools_are_given_means_nothing(text: str, chance: random.Random) -> None:
    shuffled = chance.sample(A_SMALL_COMPANY, len(A_SMALL_COMPANY))
    assert ToolSearch(shuffled).search(text) == SEARCH.search(text)


@given(REQUESTS, st.integers(0, 20))
def test_a_smaller_limit_gives_the_beginning_of_the_same_list(text: str, limit: int) -> None:
    assert SEARCH.search(text, limit=limit) == SEARCH.search(text, limit=100)[:limit]


@given(st.sampled_from(A_SMALL_COMPANY), UNRELATED)
@settings(max_examples=25)
def test_unrelated_tools_do_not_hide_the_one_that_is_named_exactly(wanted: object, names: list[str]) -> None:
    known = A_SMALL_COMPANY[A_SMALL_COMPANY.index(wanted)]  # type: ignore[arg-type]
    search = ToolSearch([*A_SMALL_COMPANY, *(tool(f"other/{name}", f"About {name}.") for name in names)])
    assert search.search(known.name.replace("-", " "), limit=1)[0].tool.id == known.id


@given(REQUESTS)
def test_upper_case_without_camels_means_the_same_as_lower_case(text: str) -> None:
    flat = text.lower()
    if flat.upper().lower() == flat:
        assert [h.tool.id for h in SEARCH.search(flat.upper())] == [h.tool.id for h in SEARCH.search(flat)]
