"""What "the oldest one", "it" and "that" stand for when the last result is not what they mean; agreeing, and doing without."""

from typing import Any

import pytest

OCTO = {"owner": "octo", "repo": "widgets"}
LISTED = """
s1 github/list-issues {"owner":"octo","repo":"widgets","state":"open"} -> succeeded
shape: {issues: [{number: integer, title: string, state: string, labels: [string] (1), assignees: [] (0), created_at: string}] (5)}
preview: {"issues":[{"number":7,"title":"Crash"}]} (shortened: lists to 1 items, texts to 20 characters)
"""
POSTED = """
s2 slack/post-message {"channel":"#general","text":"Crash and so on …"} -> succeeded
shape: {ok: boolean, channel: string, ts: string, text: string}
preview: {"ok":true,"channel":"C1","ts":"1.2","text":"Crash and so on and on"}
"""
OLDEST = "${sort_by(s1.issues, &created_at)[0].number}"
NEWEST = "${reverse(sort_by(s1.issues, &created_at))[0].number}"

AFTER_A_POST: list[tuple[str, str, dict[str, Any], str]] = [
    ("now close the oldest one", "github/update-issue", {**OCTO, "issue_number": OLDEST, "state": "closed"}, ""),
    (
        "assign the newest one to grace",
        "github/update-issue",
        {**OCTO, "issue_number": NEWEST, "assignees": ["grace"]},
        "",
    ),
    (
        "comment 'thanks' on the oldest one",
        "github/add-issue-comment",
        {**OCTO, "issue_number": OLDEST, "body": "thanks"},
        "",
    ),
    ("who is the oldest one assigned to?", "github/get-issue", {**OCTO, "issue_number": OLDEST}, ""),
    (
        "close the first two",
        "github/update-issue",
        {**OCTO, "issue_number": "${item.number}", "state": "closed"},
        "${s1.issues[:2]}",
    ),
    (
        "label the first two as p1",
        "github/update-issue",
        {
            **OCTO,
            "issue_number": "${item.number}",
            "labels": "${[item.labels[?!contains(['p1'], @)], ['p1']][]}",
        },
        "${s1.issues[:2]}",
    ),
    ("delete that message", "slack/delete-message", {"channel": "${s2.channel}", "ts": "${s2.ts}"}, ""),
    ("For each deal create an issue in octo/widgets", "hubspot/list-deals", {}, ""),
]


@pytest.mark.parametrize(("said", "tool", "arguments", "each"), AFTER_A_POST, ids=[case[0] for case in AFTER_A_POST])
async def test_it_looks_back_to_the_newest_result_that_fits(
    said: str, tool: str, arguments: dict[str, Any], each: str, submit: Any, short: Any
) -> None:
    steps = short(await submit(said, earlier=LISTED + POSTED, next_id="s3"))
    assert steps[0] == ((tool, arguments, each) if each else (tool, arguments))


async def test_it_is_the_thing_that_can_be_commented_on_and_not_the_message_since(submit: Any, short: Any) -> None:
    one = 's1 github/get-issue {"owner":"octo","repo":"widgets","issue_number":7} -> succeeded\nshape: {number: integer, title: string}\n'
    assert short(await submit("comment 'thanks' on it", earlier=one + POSTED, next_id="s3")) == [
        ("github/add-issue-comment", {**OCTO, "issue_number": "${s1.number}", "body": "thanks"})
    ]


async def test_which_of_many_is_asked_and_not_guessed(submit: Any) -> None:
    submitted = await submit("who is it assigned to?", earlier=LISTED + POSTED, next_id="s3")
    assert submitted["kind"] == "question"
    assert "which issue" in submitted["text"]


async def test_a_message_is_posted_again_whole_although_it_is_shown_in_short(submit: Any, short: Any) -> None:
    """The arguments of earlier steps are abridged in the prompt, the outputs can be referred to."""
    tools = """
slack/post-message(channel: string, text: string) -> {ok: boolean, channel: string, ts: string, text: string}
  [write] Post a message to a channel.
github/get-issue(owner: string, repo: string, issue_number: number) -> {number: integer, title: string}
  [read] Fetch a single issue by number.
"""
    read = 's3 github/get-issue {"owner":"octo","repo":"widgets","issue_number":7} -> succeeded\nshape: {number: integer, title: string}\npreview: {"number":7,"title":"Crash"}\n'
    steps = short(await submit("post that to #random too", tools=tools, earlier=POSTED + read, next_id="s4"))
    assert steps == [("slack/post-message", {"channel": "#random", "text": "${s2.text}"})]


async def test_a_place_that_is_named_is_read_and_not_the_one_read_before(submit: Any, short: Any) -> None:
    earlier = """
s1 slack/get-conversation-history {"channel":"#general","limit":3} -> succeeded
shape: {messages: [{ts: string, user: string, text: string}] (3)}
preview: {"messages":[]}
"""
    read, delete = short(await submit("delete the last message in #random", earlier=earlier, next_id="s2"))
    assert read == ("slack/get-conversation-history", {"channel": "#random"})
    assert delete[1] == {"channel": "#random", "ts": "${reverse(sort_by(s2.messages, &ts))[0].ts}"}


async def test_what_is_said_there_is_the_text(submit: Any, short: Any) -> None:
    earlier = 's1 slack/create-channel {"name":"war-room"} -> succeeded\nshape: {id: string, name: string}\npreview: {"id":"C9","name":"war-room"}'
    ((_, arguments),) = short(await submit("say hello in it", earlier=earlier, next_id="s2"))
    assert arguments["text"] == "hello"


async def test_a_reply_needs_to_know_to_what(submit: Any) -> None:
    submitted = await submit("reply 'yes' to the last message in #engineering")
    assert (submitted["kind"], submitted["steps"]) == ("question", [])


async def test_a_fan_out_can_be_referred_to(submit: Any, short: Any) -> None:
    calls = '[{"owner":"octo","repo":"widgets","issue_number":7,"state":"closed"},{"owner":"octo","repo":"widgets","issue_number":8,"state":"closed"}]'
    earlier = (
        f"s1 github/update-issue {calls} -> succeeded\nshape: [{{number: integer, state: string}}] (2)\npreview: []"
    )
    assert short(await submit("reopen them", earlier=earlier, next_id="s2")) == [
        ("github/update-issue", {**OCTO, "issue_number": "${item.number}", "state": "open"}, "${s1}")
    ]


UNFINISHED = [{"id": "s1", "tool": "slack/post-message", "arguments": {"channel": "#engineering", "text": "done"}}]


@pytest.mark.parametrize(
    "said",
    [
        "yes, please go on",
        "ok do it",
        "continue please",
        "yes",
        "go ahead",
        "Yes!",
        "sure, go ahead then",
        "try again",
        "ja bitte",
    ],
)
async def test_who_agrees_and_says_nothing_else_gets_the_unfinished_plan(said: str, submit: Any, short: Any) -> None:
    steps = short(await submit(said, unfinished=UNFINISHED, next_id="s2"))
    assert steps == [("slack/post-message", {"channel": "#engineering", "text": "done"})]


@pytest.mark.parametrize("said", ["no", "don't do it", "not yet", "stop", "yes, but louder", "thanks"])
async def test_who_does_not_agree_does_not_get_it(said: str, submit: Any) -> None:
    submitted = await submit(said, unfinished=UNFINISHED, next_id="s2")
    assert (submitted["kind"] in ("answer", "question"), submitted["steps"]) == (True, [])


async def test_one_value_can_be_changed_while_agreeing(submit: Any, short: Any) -> None:
    steps = short(await submit("yes, but to #random", unfinished=UNFINISHED, next_id="s2"))
    assert steps == [("slack/post-message", {"channel": "#random", "text": "done"})]


async def test_which_value_to_change_is_asked_where_several_could_be_meant(submit: Any) -> None:
    second = {"id": "s2", "tool": "slack/archive-channel", "arguments": {"channel": "#old"}}
    submitted = await submit("yes, but to #random", unfinished=[*UNFINISHED, second], next_id="s3")
    assert (submitted["kind"], submitted["steps"]) == ("question", [])


async def test_agreeing_to_nothing_does_nothing(submit: Any) -> None:
    submitted = await submit("yes", history=["Post 'x' to #general", "Posted to #general: x"])
    assert (submitted["kind"], submitted["steps"]) == ("answer", [])


async def test_an_unfinished_plan_asks_for_the_integration_that_it_needs(submit: Any) -> None:
    steps = [{"id": "s1", "tool": "todoist/create-task", "arguments": {"content": "x"}}]
    submitted = await submit("go on", unfinished=steps, next_id="s2")
    assert (submitted["kind"], submitted["integration"]) == ("integration", "todoist")


SLACK = """
slack/post-message(channel: string, text: string) -> {ok: boolean}
  [write] Post a message to a channel.
"""


@pytest.mark.parametrize(
    "said",
    [
        "Post the titles of the open issues in octo/widgets to #general",
        "How many open issues does octo/gadgets have?",
        "List the issues in GitHub",
    ],
)
async def test_what_needs_a_declined_integration_is_not_done_and_it_says_why(said: str, submit: Any) -> None:
    submitted = await submit(said, tools=SLACK, others="", declined="github")
    assert (submitted["kind"], submitted["steps"]) == ("answer", [])
    assert "do without github" in submitted["text"]


async def test_what_does_not_need_it_is_done(submit: Any, short: Any) -> None:
    steps = short(await submit("Post 'hi' to #general", tools=SLACK, others="", declined="github"))
    assert steps == [("slack/post-message", {"channel": "#general", "text": "hi"})]


async def test_a_lookup_without_a_hit_is_told_in_words(submit: Any) -> None:
    request = "Delete the contact with email nobody@example.com"
    looked = 's4 hubspot/search-contacts {"query":"nobody@example.com"} -> succeeded\nshape: {contacts: [] (0)}\npreview: {"contacts":[]}\n'
    misfit = "s5 hubspot/delete-contact {\"contact_id\":null} -> failed\nerror: The arguments don't fit hubspot/delete-contact: contact_id: None is not of type 'string'. Nothing was sent."
    submitted = await submit(request, earlier=looked + misfit, problem="Step s5 failed: contact_id: None", next_id="s6")
    assert submitted["text"] == "I found no contact with email nobody@example.com, so I deleted nothing."


async def test_after_a_failure_what_was_done_in_this_turn_is_told_and_nothing_older(submit: Any) -> None:
    older = 's3 slack/post-message {"channel":"#old","text":"old"} -> succeeded\nshape: {ok: boolean}\npreview: {"ok":true}\n'
    done = 's4 slack/post-message {"channel":"#general","text":"hi"} -> succeeded\nshape: {ok: boolean}\npreview: {"ok":true}\n'
    failed = 's5 github/update-issue {"owner":"octo","repo":"widgets","issue_number":99,"state":"closed"} -> failed\nerror: Not Found'
    submitted = await submit(
        "post 'hi' to #general and close issue 99 in octo/widgets",
        earlier=older + done + failed,
        problem="Step s5 failed: Not Found",
        next_id="s6",
    )
    assert submitted["kind"] == "answer"
    assert submitted["text"] == "Posted to #general: hi\n\nI could not close issue #99 in octo/widgets: Not Found."


@pytest.mark.parametrize(
    ("said", "word"), [("post a link to it in #engineering", "link"), ("which deals are larger than 10000?", "10000")]
)
async def test_a_word_that_would_be_ignored_is_asked_about(said: str, word: str, submit: Any) -> None:
    one = 's1 github/get-issue {"owner":"octo","repo":"widgets","issue_number":7} -> succeeded\nshape: {number: integer}\n'
    submitted = await submit(said, earlier=one, next_id="s2")
    assert submitted["kind"] == "question"
    assert f"“{word}”" in submitted["text"]


async def test_a_question_about_something_else_is_not_taken_for_the_last_thing(submit: Any, short: Any) -> None:
    earlier = "s1 hubspot/list-deals {} -> succeeded\nshape: {deals: [{id: string, name: string}] (2)}\npreview: {}"
    submitted = await submit("who is the head of marketing?", earlier=earlier, next_id="s2")
    assert (submitted["kind"], submitted["steps"]) == ("answer", [])
    assert short(await submit("how many are there?", earlier=earlier, next_id="s2")) == [("hubspot/list-deals", {})]


async def test_a_whole_request_instead_of_an_answer_is_not_mixed_with_the_question(submit: Any) -> None:
    history = ["Delete the contact", "To delete a contact I need to know: which contact (its id)?"]
    submitted = await submit("update the job title of Hank Stone to CEO", history=history)
    assert "delete" not in submitted["text"]
    assert [step for step in submitted["steps"] if "delete" in step["tool"]] == []


async def test_several_numbers_with_signs_are_several_jobs(submit: Any, short: Any) -> None:
    steps = short(await submit("close #1 and #5", earlier=LISTED, next_id="s2"))
    assert [arguments["issue_number"] for _, arguments in steps] == [1, 5]


async def test_two_lists_asked_for_at_once_are_both_read(submit: Any) -> None:
    submitted = await submit("List the deals and the open issues in octo/widgets")
    assert [step["tool"] for step in submitted["steps"]] == ["hubspot/list-deals", "github/list-issues"]
    submitted = await submit("List the deals and water the plants")
    assert (submitted["kind"], submitted["steps"]) == ("answer", [])
