"""Results in plain words: what was found, what was done, what was not and why, and nothing more."""

from typing import Any

import pytest

ISSUES = 's1 github/list-issues {"owner":"octo","repo":"widgets","state":"open"} -> succeeded\nshape: '
TWO = (
    '{issues: [{number: integer}] (2)}\npreview: {"issues":[{"number":7,"title":"Crash","state":"open",'
    '"created_at":"2026-01-02T00:00:00Z"},{"number":8,"title":"Slow","created_at":"2026-01-01T00:00:00Z"}]}'
)
SHORTENED = (
    '{issues: [{number: integer}] (42), has_more: boolean}\npreview: {"issues":[{"number":7,"title":"Crash"}],'
    '"has_more":false} (shortened: lists to 1 items, texts to 20 characters)'
)


async def test_how_many_is_answered_with_the_number_and_what_was_counted(answer: Any) -> None:
    said = await answer("How many open issues does octo/widgets have?", ISSUES + TWO)
    assert said == "There are 2 open issues in octo/widgets."


async def test_a_list_is_told_line_by_line(answer: Any) -> None:
    said = await answer("List the open issues in octo/widgets", ISSUES + TWO)
    assert said.split("\n") == [
        "2 open issues in octo/widgets:",
        "- #7 Crash (open, 2026-01-02)",
        "- #8 Slow (2026-01-01)",
    ]


async def test_an_empty_list_is_said_to_be_empty(answer: Any) -> None:
    empty = ISSUES + '{issues: [] (0)}\npreview: {"issues":[]}'
    assert await answer("List them", empty) == "There are no open issues in octo/widgets."


async def test_the_count_is_the_list_s_and_not_the_preview_s(answer: Any) -> None:
    assert await answer("How many are open?", ISSUES + SHORTENED) == "There are 42 open issues in octo/widgets."
    said = (await answer("List the open issues", ISSUES + SHORTENED)).split("\n")
    assert said == ["42 open issues in octo/widgets:", "- #7 Crash", "… and 41 more, which I do not show here."]


async def test_a_preview_that_was_cut_still_has_its_count(answer: Any) -> None:
    cut = '{issues: [{number: integer}] (3)}\npreview: "{"issues":[{"num…" (cut; 9000 characters in all)'
    assert await answer("How many open issues are there?", ISSUES + cut) == "There are 3 open issues in octo/widgets."


@pytest.mark.parametrize(
    "rest",
    [
        '{issues: [{number: integer}] (30)}\npreview: {"issues":[]}',
        '{issues: [{n: integer}] (2), has_more: boolean}\npreview: {"issues":[{"n":1},{"n":2}],"has_more":true}',
        '{issues: [{n: integer}] (2), next_cursor: string}\npreview: {"issues":[{"n":1},{"n":2}],"next_cursor":"x"}',
    ],
    ids=["a whole page", "has_more", "a cursor"],
)
async def test_of_a_page_it_is_not_claimed_that_it_is_all(rest: str, answer: Any) -> None:
    assert "There are at least " in await answer("How many open issues are there?", ISSUES + rest)


async def test_the_oldest_one_is_picked_when_one_is_asked_for(answer: Any) -> None:
    said = await answer("What is the oldest issue?", ISSUES + TWO)
    assert said == "The oldest of 2 open issues in octo/widgets is #8 Slow (2026-01-01)."
    assert "#8" not in await answer("What is the oldest issue?", ISSUES + SHORTENED), "the others are not known"


async def test_a_question_about_a_field_is_answered_with_it(answer: Any) -> None:
    result = 's1 github/get-issue {"owner":"o","repo":"w","issue_number":7} -> succeeded\npreview: {"number":7,"title":"Crash","state":"open","assignees":["ada","bo"]}'
    assert await answer("who is it assigned to?", result) == "#7 Crash — assignees: ada, bo."


async def test_a_record_is_shown_with_its_fields(answer: Any) -> None:
    said = await answer(
        "Show deal d1",
        's1 hubspot/get-deal {"deal_id":"d1"} -> succeeded\npreview: {"id":"d1","properties":{"name":"Acme","amount":5.0}}',
    )
    assert said.split("\n") == ["Deal Acme [d1]:", "- amount: 5", "- id: d1"]


DEEDS = """
s1 github/list-issues {"owner":"octo","repo":"widgets"} -> succeeded
preview: {"issues":[{"number":7,"title":"Crash"}]}
s2 slack/post-message {"channel":"#general","text":"Crash"} -> succeeded
preview: {"ok":true,"ts":"1.2","channel":"C1"}
s3 slack/archive-channel {"channel":"#x"} -> failed
error: action 'archive-channel' of integration 'slack' on connection 'c': the provider answered 404: channel_not_found; see upstream_body.
s4 github/update-issue {"owner":"octo","repo":"widgets","issue_number":7,"state":"closed"} -> rejected by the user
error: Rejected by the user. not today
s5 github/update-issue {"owner":"octo","repo":"widgets","issue_number":9,"state":"closed"} -> unknown: it may have happened
error: the request timed out
s6 github/create-issue {"owner":"octo","repo":"widgets","title":"Z"} -> succeeded
preview: {"number":12,"title":"Z","html_url":"https://example.com/12"}
s7 hubspot/delete-deal {"deal_id":"${s1.deals[0].id}"} -> not run
s8 hubspot/create-deal {"name":"Acme"} -> not_sent
error: no connection
s9 github/add-issue-comment {"owner":"octo","repo":"widgets","issue_number":7,"body":"on it"} -> succeeded
preview: {"id":1001,"body":"on it"}
s10 slack/set-channel-topic {"channel":"#sales","topic":"Q4"} -> succeeded
preview: {"id":"C3","name":"sales","topic":"Q4","is_archived":false}
"""


async def test_what_was_done_and_what_was_not_is_told_apart(answer: Any) -> None:
    parts = (await answer("Carry all that out", DEEDS)).split("\n\n")
    assert parts == [
        "Posted to #general: Crash",
        "I could not archive channel #x: the provider answered 404: channel_not_found.",
        "I did not update issue #7 Crash in octo/widgets: you rejected it (not today).",
        "I do not know whether this took effect: update issue #9 in octo/widgets. the request timed out. Look before trying it again.",
        "Created issue #12 Z in octo/widgets. https://example.com/12",
        "I did not delete deal, because something before it did not work.",
        "I did not create deal Acme: its status is “not_sent”: no connection.",
        "Added a comment to issue #7 Crash in octo/widgets: on it.",
        "Set the topic of #sales: Q4.",
    ]


async def test_a_message_is_told_once_and_as_it_was_written(answer: Any) -> None:
    posted = 's1 slack/post-message {"channel":"#a","text":"one\\ntwo"} -> succeeded\npreview: {"ok":true,"text":"one\\ntwo"}'
    assert await answer("Post that to #a", posted) == "Posted to #a:\none\ntwo"


async def test_a_rejected_message_is_said_not_to_be_posted(answer: Any) -> None:
    rejected = 's1 slack/post-message {"channel":"#a","text":"x"} -> rejected by the user\nerror: Rejected by the user.'
    assert await answer("Post 'x' to #a", rejected) == "I did not post the message to #a: you rejected it."


OUT = 'shape: [{number: integer}] (2)\npreview: [{"number":7,"title":"Crash"},{"number":8,"title":"Slow"}]'
CALLS = '[{"owner":"o","repo":"w","issue_number":7,"state":"closed"},{"owner":"o","repo":"w","issue_number":8,"state":"closed"}]'


async def test_a_fan_out_is_counted_and_told_with_its_items_by_the_user_s_verb(answer: Any) -> None:
    result = f"s2 github/update-issue {CALLS} -> succeeded\n{OUT}"
    assert await answer("Close them", result) == "Closed 2 issues in o/w:\n- #7 Crash\n- #8 Slow"
    left_out = await answer("Close them", result + "\nerror: 1 left out by the user.")
    assert left_out.endswith("\n1 left out by the user.")


async def test_a_fan_out_over_nothing_says_why_nothing_was_done(answer: Any) -> None:
    listed = 's1 github/list-issues {"owner":"o","repo":"w","labels":"stale"} -> succeeded\nshape: {issues: [] (0)}\npreview: {"issues":[]}'
    nothing = "s2 github/update-issue {} -> succeeded\nshape: [] (0)\npreview: []"
    said = await answer("Close all issues labelled stale in o/w", f"{listed}\n{nothing}")
    assert said == "There is nothing to close: there are no issues labelled stale in o/w."


async def test_without_results_nothing_is_claimed(answer: Any) -> None:
    assert await answer("Close issue 7") == "I have no results for that: nothing was found, and nothing was done."


async def test_a_problem_is_told(answer: Any) -> None:
    assert "the plan was not valid" in await answer("Close issue 7", problem="the plan was not valid")
