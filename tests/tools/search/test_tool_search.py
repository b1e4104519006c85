import time

import pytest

from nango_tools import Access
from nango_tools.search import ToolSearch
from searched_tools import A_SMALL_COMPANY, tool


@pytest.fixture(scope="module")
def search() -> ToolSearch:
    return ToolSearch(A_SMALL_COMPANY)


def best(search: ToolSearch, request: str) -> str:
    return search.search(request, limit=1)[0].tool.id


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ("Which opportunities are in play?", "pipeline/list-deals"),
        ("Get rid of the Initech opportunity", "pipeline/delete-deal"),
        ("Throw Bo out of the room", "chat/remove-user-from-channel"),
        ("Silence the random channel", "chat/mute-channel"),
        ("Call the appointment off", "google-calendar/delete-event"),
        ("Bill Initech for May", "books/create-invoice"),
        ("make a new directory", "files/create-folder"),
        ("Which cases are waiting?", "helpdesk/list-tickets"),
        ("undelete the file", "files/restoreDeletedFile"),
        ("when are Ana and Bo both free?", "google-calendar/find-free-slots"),
    ],
)
def test_everyday_words_find_the_words_of_tools(search: ToolSearch, request_: str, expected: str) -> None:
    assert expected in [hit.tool.id for hit in search.search(request_, limit=2)]


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ("Zeig mir alle Rechnungen", "books/list-invoices"),
        ("Supprime l'affaire Initech", "pipeline/delete-deal"),
        ("Crea una factura para Initech", "books/create-invoice"),
        ("Maak een nieuwe map", "files/create-folder"),
        ("请创建一个文件夹", "files/create-folder"),
        ("請求書の一覧を見せてください", "books/list-invoices"),
        ("인보이스를 만들어 주세요", "books/create-invoice"),
        ("Pokaż wszystkie faktury", "books/list-invoices"),
    ],
)
def test_requests_in_other_languages_find_english_tools(search: ToolSearch, request_: str, expected: str) -> None:
    assert best(search, request_) == expected


def test_a_question_looks_for_what_reads_and_an_order_for_what_acts(search: ToolSearch) -> None:
    assert search.search("Is there a deal with Initech?")[0].tool.access is Access.READ
    assert search.search("A deal with Initech, please")[0].tool.access is not Access.READ


def test_words_of_the_schema_are_searched(search: ToolSearch) -> None:
    assert best(search, "urgent") == "helpdesk/update-ticket"
    assert best(search, "attendees") == "google-calendar/create-event"


def test_a_name_in_camel_case_is_found_by_its_words(search: ToolSearch) -> None:
    assert best(search, "restore deleted file") == "files/restoreDeletedFile"


def test_the_named_integration_comes_first() -> None:
    search = ToolSearch([tool(f"{where}/create-task", "Create a task.") for where in ("asana", "one-drive", "todoist")])
    assert best(search, "a task in Todoist") == "todoist/create-task"
    assert best(search, "a task in OneDrive") == "one-drive/create-task"


def test_only_what_is_among_the_given_ids_is_found(search: ToolSearch) -> None:
    hits = search.search("create", among=["books/create-invoice", "books/list-invoices", "no/such-tool"])
    assert [hit.tool.id for hit in hits] == ["books/create-invoice"]
    assert search.search("create", among=[]) == []


@pytest.mark.parametrize("request_", ["", "   ", "the of and to", "😀🎉", "\x00\x1b[31m\u202e", "qwzrtp", "?!…", "‰"])
def test_what_says_nothing_finds_nothing(search: ToolSearch, request_: str) -> None:
    assert search.search(request_) == []


def test_a_very_long_request_is_answered_by_its_beginning(search: ToolSearch) -> None:
    started = time.process_time()
    assert best(search, "create an invoice " + "x" * 100_000) == "books/create-invoice"
    assert best(search, "create an invoice " * 6_000) == "books/create-invoice"
    assert time.process_time() - started < 1


def test_no_tools_and_no_limit_find_nothing(search: ToolSearch) -> None:
    assert ToolSearch([]).search("create an invoice") == []
    assert search.search("create an invoice", limit=0) == []
    assert search.search("create an invoice", limit=-3) == []


def test_tools_without_any_text_but_their_name_are_found() -> None:
    assert best(ToolSearch([tool("a/b"), tool("a/create-invoice")]), "create an invoice") == "a/create-invoice"


def test_a_description_full_of_a_word_does_not_beat_the_tool_that_is_named_so() -> None:
    honest = tool("books/create-invoice", "Create an invoice.")
    greedy = tool("evil/export-all", "create invoice " * 3_000)
    everything = tool("evil/take-all", " ".join(t.name.replace("-", " ") for t in A_SMALL_COMPANY) * 20)
    search = ToolSearch([*A_SMALL_COMPANY, greedy, everything])
    for other in A_SMALL_COMPANY:
        assert best(search, other.name.replace("-", " ")) == other.id
    assert best(search, "Create an invoice for Initech") == honest.id


def test_copies_of_a_tool_under_another_integration_do_not_crowd_out_others() -> None:
    copies = [tool(f"shop-{number}/create-refund", "Create a refund.") for number in range(20)]
    other = tool("shop-1/list-refunds", "List refunds.")
    assert other in [hit.tool for hit in ToolSearch([*copies, other]).search("create a refund", limit=3)]


def test_of_copies_the_named_integration_comes_first() -> None:
    search = ToolSearch([tool(f"{where}/create-refund", "Create a refund.") for where in ("adyen", "mollie", "stripe")])
    assert best(search, "create a refund in mollie") == "mollie/create-refund"


def test_equally_good_tools_come_in_the_order_of_their_ids() -> None:
    tools = [tool(f"{where}/ping", f"Ping {where}.") for where in "dbca"]
    assert [hit.tool.id for hit in ToolSearch(tools).search("ping")] == ["a/ping", "b/ping", "c/ping", "d/ping"]


def test_a_strange_schema_is_no_problem() -> None:
    schemas = [
        {
            "type": "object",
            "properties": {"a": True, "b": {"enum": [1, None, "red"]}, "c": {"description": ["no text"]}},
        },
        {"oneOf": [{"properties": {"tag": {"const": 1}}}, False]},
        {"properties": ["nothing"]},
        {},
    ]
    tools = [
        tool(f"odd/tool{number}").model_copy(update={"input_schema": schema}) for number, schema in enumerate(schemas)
    ]
    assert best(ToolSearch(tools), "red") == "odd/tool0"


@pytest.mark.parametrize("request_", ["my vacation", "PTO left", "days of holiday", "an absence", "paid leave"])
def test_a_meaning_may_have_words_that_say_nothing_in_a_request(request_: str) -> None:
    search = ToolSearch([tool("staff/get-time-off"), tool("staff/get-offer"), tool("staff/get-employee")])
    assert best(search, request_) == "staff/get-time-off"


def test_a_particle_counts_where_tools_have_it_after_the_same_word() -> None:
    search = ToolSearch([tool("staff/check-in"), tool("staff/check-out"), tool("staff/check-all")])
    assert best(search, "check out") == "staff/check-out"
    assert best(search, "check in") == "staff/check-in"


def test_a_list_is_filled_up_on_demand_with_what_else_the_integration_has_what_fits_first() -> None:
    search = ToolSearch([*A_SMALL_COMPANY, tool("books/zap-all", "Delete all of them.")])
    among = [t.id for t in search.tools if t.integration == "books"]
    found = search.search("which invoices?", among=among, limit=len(among), fill=True)
    matching = search.search("which invoices?", among=among, limit=len(among))
    assert found[: len(matching)] == matching
    assert sorted(hit.tool.id for hit in found) == among
    rest = found[len(matching) :]
    assert rest
    assert {hit.score for hit in rest} == {0.0}
    assert [hit.tool.access is Access.READ for hit in rest] == sorted(
        (hit.tool.access is Access.READ for hit in rest), reverse=True
    )
    assert len(search.search("which invoices?", among=among, limit=2, fill=True)) == 2


def test_a_list_is_filled_from_the_integration_of_the_best_hit_and_not_at_random() -> None:
    search = ToolSearch(A_SMALL_COMPANY)
    best_hit = search.search("get rid of the deal", limit=1)[0]
    filled = search.search("get rid of the deal", limit=1000, fill=True)
    assert {hit.tool.integration for hit in filled if hit.score == 0} <= {best_hit.tool.integration}
    assert search.search("qxz", fill=True) == []
    assert [hit.tool.id for hit in search.search("qxz", among=["books/list-invoices"], fill=True)] == [
        "books/list-invoices"
    ]
    assert search.search("qxz", among=[], fill=True) == []
