"""What a message means in its conversation: earlier results, questions that were asked, plans left unfinished."""

from typing import Any

import pytest

OCTO = {"owner": "octo", "repo": "widgets"}
SHAPE = "{issues: [{number: integer, title: string, state: string, labels: [string], assignees: [string], created_at: string}]}"
LISTED = f"""
s1 github/list-issues {{"owner":"octo","repo":"widgets"}} -> succeeded
shape: {SHAPE}
preview: {{"issues":[{{"number":7,"title":"Crash on save","created_at":"2026-10-02T09:00:00Z"}}, ...]}}
"""
CLOSED = (
    LISTED
    + """
s2 github/update-issue {"owner":"octo","repo":"widgets","issue_number":7,"state":"closed"} -> succeeded
shape: {number: integer, title: string, state: string}
preview: {"number":7,"title":"Crash on save","state":"closed"}
"""
)
POSTED = """
s1 slack/post-message {"channel":"#general","text":"Crash on save"} -> succeeded
shape: {ok: boolean, ts: string, channel: string}
preview: {"ok":true,"ts":"123.4","channel":"C1"}
"""

AFTER_A_LIST: list[tuple[str, str, dict[str, Any], str]] = [
    (
        "now close the oldest one",
        "github/update-issue",
        {**OCTO, "issue_number": "${sort_by(s1.issues, &created_at)[0].number}", "state": "closed"},
        "",
    ),
    (
        "close the first one",
        "github/update-issue",
        {**OCTO, "issue_number": "${s1.issues[0].number}", "state": "closed"},
        "",
    ),
    (
        "close the first two",
        "github/update-issue",
        {**OCTO, "issue_number": "${item.number}", "state": "closed"},
        "${s1.issues[:2]}",
    ),
    (
        "close them all",
        "github/update-issue",
        {**OCTO, "issue_number": "${item.number}", "state": "closed"},
        "${s1.issues}",
    ),
    ("close #7", "github/update-issue", {**OCTO, "issue_number": 7, "state": "closed"}, ""),
    (
        "label them as triage",
        "github/update-issue",
        {
            **OCTO,
            "issue_number": "${item.number}",
            "labels": "${[item.labels[?!contains(['triage'], @)], ['triage']][]}",
        },
        "${s1.issues}",
    ),
    (
        "comment 'on it' on the newest one",
        "github/add-issue-comment",
        {**OCTO, "issue_number": "${reverse(sort_by(s1.issues, &created_at))[0].number}", "body": "on it"},
        "",
    ),
    ("who is the third one assigned to?", "github/get-issue", {**OCTO, "issue_number": "${s1.issues[2].number}"}, ""),
    (
        "show the comments on the second one",
        "github/list-issue-comments",
        {**OCTO, "issue_number": "${s1.issues[1].number}"},
        "",
    ),
    (
        "post the titles to #random",
        "slack/post-message",
        {"channel": "#random", "text": "${join('\n', s1.issues[].title)}"},
        "",
    ),
    ("how many are closed?", "github/list-issues", {**OCTO, "state": "closed"}, ""),
    ("Create an issue titled 'Z'", "github/create-issue", {**OCTO, "title": "Z"}, ""),
    ("List the deals in HubSpot", "hubspot/list-deals", {}, ""),
]


@pytest.mark.parametrize(
    ("request_", "tool", "arguments", "each"), AFTER_A_LIST, ids=[case[0] for case in AFTER_A_LIST]
)
async def test_a_follow_up_refers_to_the_earlier_list(
    request_: str, tool: str, arguments: dict[str, Any], each: str, submit: Any, short: Any
) -> None:
    steps = short(await submit(request_, earlier=LISTED, next_id="s5"))
    assert steps == [(tool, arguments, each) if each else (tool, arguments)]


async def test_it_is_asked_which_one_it_is_of_many(submit: Any) -> None:
    submitted = await submit("close it", earlier=LISTED)
    assert submitted["kind"] == "question"
    assert "which issue" in submitted["text"]


async def test_a_list_is_read_again_once_something_in_it_was_changed(submit: Any, short: Any) -> None:
    steps = short(await submit("now close the oldest one", earlier=CLOSED, next_id="s5"))
    assert steps == [
        ("github/list-issues", OCTO),
        (
            "github/update-issue",
            {**OCTO, "issue_number": "${sort_by(s5.issues, &created_at)[0].number}", "state": "closed"},
        ),
    ]


async def test_it_is_what_was_changed_last(submit: Any, short: Any) -> None:
    for request, tool, more in (
        ("reopen it", "github/update-issue", {"state": "open"}),
        ("comment 'sorry' on it", "github/add-issue-comment", {"body": "sorry"}),
        ("who is it assigned to?", "github/get-issue", {}),
    ):
        assert short(await submit(request, earlier=CLOSED)) == [
            (tool, {**OCTO, "issue_number": "${s2.number}", **more})
        ]


async def test_a_message_can_be_posted_elsewhere_changed_and_deleted(submit: Any, short: Any) -> None:
    assert short(await submit("post that to #random too", earlier=POSTED)) == [
        ("slack/post-message", {"channel": "#random", "text": "Crash on save"})
    ]
    place = {"channel": "${s1.channel}", "ts": "${s1.ts}"}
    assert short(await submit("delete that message", earlier=POSTED)) == [("slack/delete-message", place)]
    assert short(await submit("change it to 'Hi'", earlier=POSTED)) == [
        ("slack/update-message", {**place, "text": "Hi"})
    ]


async def test_what_a_step_was_given_is_never_taken_for_a_reference(submit: Any, bind: Any) -> None:
    earlier = POSTED.replace("Crash on save", "see ${s1.ts}")
    submitted = await submit("post that to #random too", earlier=earlier)
    written = [step["arguments"].get("text", "") for step in submitted["steps"]]
    assert "see 123.4" not in bind(written, {"s1": {"ts": "123.4"}})


async def test_a_failed_step_is_nothing_to_refer_to(submit: Any) -> None:
    submitted = await submit(
        "now close the oldest one",
        earlier='s1 github/list-issues {"owner":"octo","repo":"widgets"} -> failed\nerror: Not Found',
    )
    assert submitted["kind"] != "plan"


ANSWERED: list[tuple[list[str], str, str, dict[str, Any]]] = [
    (["Create an issue titled 'X'"], "octo/widgets", "github/create-issue", {**OCTO, "title": "X"}),
    (["Create an issue"], "octo/widgets, Login broken", "github/create-issue", {**OCTO, "title": "Login broken"}),
    (["Create an issue"], "in octo/widgets with title It broke", "github/create-issue", {**OCTO, "title": "It broke"}),
    (["Create an issue", "octo/widgets"], "Login broken", "github/create-issue", {**OCTO, "title": "Login broken"}),
    (["List the open issues"], "octo/widgets", "github/list-issues", {**OCTO, "state": "open"}),
    (["Close the issue in octo/widgets"], "7", "github/update-issue", {**OCTO, "issue_number": 7, "state": "closed"}),
    (["Post 'hello'"], "#general", "slack/post-message", {"channel": "#general", "text": "hello"}),
    (["Post 'hello'"], "general", "slack/post-message", {"channel": "#general", "text": "hello"}),
]


@pytest.mark.parametrize(
    ("before", "last", "tool", "arguments"), ANSWERED, ids=[f"{case[0]}, {case[1]}" for case in ANSWERED]
)
async def test_an_answer_goes_on_with_the_request_that_was_asked_about(
    before: list[str], last: str, tool: str, arguments: dict[str, Any], submit: Any, short: Any
) -> None:
    history: list[str] = []
    for said in before:  # its own questions, as the conversation would hold them
        asked = await submit(said, history=history)
        assert asked["kind"] == "question", asked
        history += [said, asked["text"]]
    assert short(await submit(last, history=history)) == [(tool, arguments)]


async def test_a_new_request_instead_of_an_answer_is_planned(submit: Any, short: Any) -> None:
    history = ["Create an issue", "To create an issue I need to know: which repository (owner/name) and what title?"]
    assert short(await submit("List the deals", history=history)) == [("hubspot/list-deals", {})]


async def test_never_mind_drops_the_question(submit: Any) -> None:
    submitted = await submit("never mind", history=["Create an issue", "Which repository?"])
    assert (submitted["kind"], submitted["steps"]) == ("answer", [])


PLAN = [
    {"id": "s3", "tool": "github/list-issues", "arguments": OCTO, "purpose": "List issues"},
    {
        "id": "s4",
        "tool": "slack/post-message",
        "arguments": {"channel": "#general", "text": "s3 says ${join(', ', s3.issues[?title!='s3'].s3)} ${s1.x}"},
        "purpose": "Post",
    },
    {
        "id": "s5",
        "tool": "github/update-issue",
        "arguments": {"issue_number": "${item.number}"},
        "for_each": "${s3.issues}",
        "purpose": "Close",
    },
]


@pytest.mark.parametrize("said", ["go on", "Continue", "yes", "OK!", "please continue."])
async def test_go_on_submits_the_unfinished_plan_under_new_ids(said: str, submit: Any) -> None:
    steps = (await submit(said, unfinished=PLAN, next_id="s9"))["steps"]
    assert [step["id"] for step in steps] == ["s9", "s10", "s11"]
    assert steps[0]["arguments"] == OCTO
    assert steps[1]["arguments"]["text"] == "s3 says ${join(', ', s9.issues[?title!='s3'].s3)} ${s1.x}"
    assert steps[2]["for_each"] == "${s9.issues}"


async def test_another_request_leaves_the_unfinished_plan(submit: Any, short: Any) -> None:
    assert short(await submit("List the deals", unfinished=PLAN, next_id="s9")) == [("hubspot/list-deals", {})]
