"""Results in plain words: what was found, what was done, what was not and why, and nothing more."""

from typing import Any

import pytest

ISSUES = 's1 github/list-issues {"owner":"octo","repo":"widgets","state":"open"} -> succeeded\nshape: any\npreview: '
TWO = '{"issues":[{"number":7,"title":"Crash","state":"open","created_at":"2026-01-02T00:00:00Z"},{"number":8,"title":"Slow","created_at":"2026-01-01T00:00:00Z"}]}'


async def test_a_list_is_counted_and_its_items_named(answer: Any) -> None:
    said = await answer("How many open issues does octo/widgets have?", ISSUES + TWO)
    assert said.startswith("There are 2 issues (in octo/widgets, state open):")
    assert "- #7 Crash (open, 2026-01-02)" in said
    assert "- #8 Slow" in said


async def test_an_empty_list_is_said_to_be_empty(answer: Any) -> None:
    assert await answer("List them", ISSUES + '{"issues":[]}') == "There are no issues (in octo/widgets, state open)."


@pytest.mark.parametrize(
    "preview",
    [
        '{"issues":[{"number":7,"title":"Crash"}, ...]}',
        '{"issues":[{"number":7,"title":"Crash"}, …]}',
        '{"issues":[{"number":7,"title":"Crash"},{"number":8,"tit',
        '{"issues":[{"number":7,"title":"Crash"},{"number":8,"title":"Sl…',
    ],
)
async def test_of_a_cut_preview_no_number_is_claimed(preview: str, answer: Any) -> None:
    said = await answer("How many open issues are there?", ISSUES + preview)
    assert "at least" in said
    assert "#7 Crash" in said
    assert "cut off" in said


async def test_the_number_left_out_is_counted_where_it_is_told(answer: Any) -> None:
    said = await answer("List the issues", ISSUES + '{"issues":[{"number":7,"title":"Crash [...] here"}, … 12 more]}')
    assert said == "I found 13 issues (in octo/widgets, state open):\n- #7 Crash [...] here\n… and 12 more."


async def test_a_long_list_says_how_many_it_leaves_out(answer: Any) -> None:
    items = ",".join(f'{{"number":{n},"title":"T{n}"}}' for n in range(25))
    said = await answer("List the issues", f'{ISSUES}{{"issues":[{items}]}}')
    assert said.startswith("I found 25 issues")
    assert said.endswith("… and 5 more.")


async def test_the_oldest_one_is_picked_when_one_is_asked_for(answer: Any) -> None:
    assert (
        await answer("What is the oldest issue?", ISSUES + TWO)
        == "The oldest (in octo/widgets, state open): #8 Slow (2026-01-01)."
    )


async def test_a_question_about_a_field_is_answered_with_it(answer: Any) -> None:
    result = 's1 github/get-issue {"owner":"o","repo":"w","issue_number":7} -> succeeded\npreview: {"number":7,"title":"Crash","state":"open","assignees":["ada","bo"]}'
    assert await answer("who is it assigned to?", result) == "#7 Crash (in o/w, issue number 7) — assignees: ada, bo."


async def test_a_record_is_shown_with_its_fields(answer: Any) -> None:
    said = await answer(
        "Show deal d1",
        's1 hubspot/get-deal {"deal_id":"d1"} -> succeeded\npreview: {"id":"d1","properties":{"name":"Acme","amount":5}}',
    )
    assert said.startswith("Deal (deal id d1): Acme [d1]")
    assert "- amount: 5" in said


DEEDS = """
s1 github/list-issues {"owner":"octo","repo":"widgets"} -> succeeded
preview: {"issues":[{"number":7,"title":"Crash"}]}
s2 slack/post-message {"channel":"#general","text":"Crash"} -> succeeded
preview: {"ok":true,"ts":"1.2","channel":"C1"}
s3 slack/archive-channel {"channel":"#x"} -> failed
error: channel_not_found
s4 github/update-issue {"owner":"octo","repo":"widgets","issue_number":7,"state":"closed"} -> rejected by the user
s5 github/update-issue {"owner":"octo","repo":"widgets","issue_number":9,"state":"closed"} -> unknown
error: the request timed out
s6 github/create-issue {"owner":"octo","repo":"widgets","title":"Z"} -> succeeded
preview: {"number":12,"title":"Z","html_url":"https://example.com/12"}
s7 hubspot/delete-deal {"deal_id":"d1"} -> skipped
s8 hubspot/create-deal {"name":"Acme"} -> not_sent
error: no connection
"""


async def test_what_was_done_and_what_was_not_is_told_apart(answer: Any) -> None:
    parts = (await answer("Do all that", DEEDS)).split("\n\n")
    assert parts == [
        "I looked at 1 issue (in octo/widgets).",
        "Posted a message (channel #general, text Crash).",
        "This failed: archive channel (channel #x): channel_not_found.",
        "Not done: update issue (in octo/widgets, issue number 7, state closed). You declined it.",
        "I do not know whether this took effect: update issue (in octo/widgets, issue number 9, state closed): \
the request timed out. Look before trying it again.",
        "Created an issue: #12 Z (in octo/widgets). https://example.com/12",
        "Not done: delete deal (deal id d1). It was skipped.",
        "Not done: create deal (name Acme). Its status is “not_sent”: no connection.",
    ]


async def test_a_fan_out_is_told_with_its_items(answer: Any) -> None:
    result = 's2 github/update-issue {"state":"closed"} -> succeeded\npreview: [{"number":7,"title":"Crash"},{"number":8,"title":"Slow"}]'
    assert await answer("Close them", result) == "Updated 2 issues (state closed):\n- #7 Crash\n- #8 Slow"


async def test_without_results_nothing_is_claimed(answer: Any) -> None:
    assert await answer("Close issue 7") == "I have no results for that: nothing was found, and nothing was done."


async def test_a_question_can_be_answered_from_an_earlier_result(answer: Any) -> None:
    assert "#7 Crash" in await answer("Which issues were there again?", earlier=ISSUES + TWO)


async def test_a_problem_is_told(answer: Any) -> None:
    assert "the plan was not valid" in await answer("Close issue 7", problem="the plan was not valid")
