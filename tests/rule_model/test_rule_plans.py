"""Requests over GitHub-, HubSpot- and Slack-like tools, and the steps they become."""

from typing import Any

import pytest

OCTO = {"owner": "octo", "repo": "widgets"}
GADGETS = {"owner": "octo", "repo": "gadgets"}


def added(record: str, label: str) -> str:
    """The labels of a record and one more: an update replaces them."""
    return f"${{[{record}.labels[?!contains(['{label}'], @)], ['{label}']][]}}"


ONE_STEP: list[tuple[str, str, dict[str, Any]]] = [
    ("How many open issues does octo/gadgets have?", "github/list-issues", {**GADGETS, "state": "open"}),
    (
        "Can you list all closed issues labelled bug in octo/widgets?",
        "github/list-issues",
        {**OCTO, "state": "closed", "labels": "bug"},
    ),
    ("open issues in octo/widgets", "github/list-issues", {**OCTO, "state": "open"}),
    ("List the deals in HubSpot", "hubspot/list-deals", {}),
    ("which channels are there in Slack?", "slack/list-channels", {}),
    ("Who is issue 7 in octo/widgets assigned to?", "github/get-issue", {**OCTO, "issue_number": 7}),
    ("What's the topic of #sales?", "slack/get-channel-info", {"channel": "#sales"}),
    ("Show the last 5 messages in #general", "slack/get-conversation-history", {"channel": "#general", "limit": 5}),
    ("Search Slack for messages about deploy", "slack/search-messages", {"query": "deploy"}),
    ("Get user ada@example.com in Slack", "slack/lookup-user-by-email", {"email": "ada@example.com"}),
    (
        "Create an issue in octo/widgets titled 'Login broken' with label bug",
        "github/create-issue",
        {**OCTO, "title": "Login broken", "labels": ["bug"]},
    ),
    (
        "Create an issue called “A” in octo/widgets with body “B” and labels bug and ui",
        "github/create-issue",
        {**OCTO, "title": "A", "body": "B", "labels": ["bug", "ui"]},
    ),
    (
        "Create an issue in octo/widgets titled Crash on save with label bug",
        "github/create-issue",
        {**OCTO, "title": "Crash on save", "labels": ["bug"]},
    ),
    ("open an issue in octo/widgets: Login broken", "github/create-issue", {**OCTO, "title": "Login broken"}),
    (
        "Comment 'on it' on issue 7 in octo/widgets",
        "github/add-issue-comment",
        {**OCTO, "issue_number": 7, "body": "on it"},
    ),
    ("Close issue #7 in octo/widgets", "github/update-issue", {**OCTO, "issue_number": 7, "state": "closed"}),
    ("Reopen issue 7 in octo/widgets", "github/update-issue", {**OCTO, "issue_number": 7, "state": "open"}),
    ("Assign issue 7 in octo/widgets to ada", "github/update-issue", {**OCTO, "issue_number": 7, "assignees": ["ada"]}),
    (
        "Rename issue 7 in octo/widgets to 'Better'",
        "github/update-issue",
        {**OCTO, "issue_number": 7, "title": "Better"},
    ),
    ("delete the stale label from octo/widgets", "github/delete-label", {**OCTO, "name": "stale"}),
    (
        "Add Ada Lovelace <ada@example.com> as a contact in HubSpot",
        "hubspot/create-contact",
        {"email": "ada@example.com", "first_name": "Ada", "last_name": "Lovelace"},
    ),
    (
        "Create a company named Initech with domain initech.com",
        "hubspot/create-company",
        {"name": "Initech", "domain": "initech.com"},
    ),
    ("Set deal 9001 amount to 12000", "hubspot/update-deal", {"deal_id": "9001", "amount": 12000}),
    ("Set the topic of #sales to 'Q4 push'", "slack/set-channel-topic", {"channel": "#sales", "topic": "Q4 push"}),
    ("Post 'hello' to #general", "slack/post-message", {"channel": "#general", "text": "hello"}),
    ("say good morning in #general", "slack/post-message", {"channel": "#general", "text": "good morning"}),
    (
        "tell #general that we're live, at last",
        "slack/post-message",
        {"channel": "#general", "text": "we're live, at last"},
    ),
    (
        "Post in #general: one and two, and update three",
        "slack/post-message",
        {"channel": "#general", "text": "one and two, and update three"},
    ),
    ("Archive #old-stuff", "slack/archive-channel", {"channel": "#old-stuff"}),
]


@pytest.mark.parametrize(("request_", "tool", "arguments"), ONE_STEP, ids=[case[0] for case in ONE_STEP])
async def test_a_request_becomes_one_step(
    request_: str, tool: str, arguments: dict[str, Any], submit: Any, short: Any
) -> None:
    assert short(await submit(request_)) == [(tool, arguments)]


SEVERAL: list[tuple[str, list[tuple[Any, ...]]]] = [
    (
        "Post the titles of the open issues in octo/widgets to #general",
        [
            ("github/list-issues", {**OCTO, "state": "open"}),
            ("slack/post-message", {"channel": "#general", "text": "${join('\n', s1.issues[].title)}"}),
        ],
    ),
    (
        "Post the number of open issues in octo/widgets to #general",
        [
            ("github/list-issues", {**OCTO, "state": "open"}),
            ("slack/post-message", {"channel": "#general", "text": "${to_string(length(s1.issues))}"}),
        ],
    ),
    (
        "For each open issue in octo/widgets, post a message to #engineering",
        [
            ("github/list-issues", {**OCTO, "state": "open"}),
            (
                "slack/post-message",
                {"channel": "#engineering", "text": "#${item.number} ${item.title}"},
                "${s1.issues}",
            ),
        ],
    ),
    (
        "Close all issues labelled stale in octo/gadgets",
        [
            ("github/list-issues", {**GADGETS, "labels": "stale"}),
            ("github/update-issue", {**GADGETS, "issue_number": "${item.number}", "state": "closed"}, "${s1.issues}"),
        ],
    ),
    (
        "Label every open bug in octo/widgets as triage",
        [
            ("github/list-issues", {**OCTO, "state": "open", "labels": "bug"}),
            (
                "github/update-issue",
                {**OCTO, "issue_number": "${item.number}", "labels": added("item", "triage")},
                "${s1.issues}",
            ),
        ],
    ),
    (
        "For every open issue labelled bug in octo/widgets comment 'triaged'",
        [
            ("github/list-issues", {**OCTO, "state": "open", "labels": "bug"}),
            ("github/add-issue-comment", {**OCTO, "issue_number": "${item.number}", "body": "triaged"}, "${s1.issues}"),
        ],
    ),
    (
        "Close issues 7 and 8 in octo/widgets",
        [
            ("github/update-issue", {**OCTO, "issue_number": 7, "state": "closed"}),
            ("github/update-issue", {**OCTO, "issue_number": 8, "state": "closed"}),
        ],
    ),
    (
        "Create an issue in octo/widgets for each deal in HubSpot",
        [
            ("hubspot/list-deals", {}),
            ("github/create-issue", {**OCTO, "title": "${item.name}"}, "${s1.deals}"),
        ],
    ),
    (
        "Create an issue in octo/widgets titled 'X' and post it to #general",
        [
            ("github/create-issue", {**OCTO, "title": "X"}),
            ("slack/post-message", {"channel": "#general", "text": "#${s1.number} ${s1.title}"}),
        ],
    ),
    (
        "Create an issue in octo/widgets titled 'Pay' and assign it to ada and label it bug",
        [
            ("github/create-issue", {**OCTO, "title": "Pay"}),
            ("github/update-issue", {**OCTO, "issue_number": "${s1.number}", "assignees": ["ada"]}),
            ("github/update-issue", {**OCTO, "issue_number": "${s2.number}", "labels": added("s2", "bug")}),
        ],
    ),
    (
        "find issues labelled bug in octo/widgets and comment 'mine' on each",
        [
            ("github/list-issues", {**OCTO, "labels": "bug"}),
            ("github/add-issue-comment", {**OCTO, "issue_number": "${item.number}", "body": "mine"}, "${s1.issues}"),
        ],
    ),
    (
        "List all issues in octo/widgets, then close the oldest one",
        [
            ("github/list-issues", {**OCTO, "state": "all"}),
            (
                "github/update-issue",
                {**OCTO, "issue_number": "${sort_by(s1.issues, &created_at)[0].number}", "state": "closed"},
            ),
        ],
    ),
    (
        "Tell the team in #general how many open issues octo/widgets has",
        [
            ("github/list-issues", {**OCTO, "state": "open"}),
            ("slack/post-message", {"channel": "#general", "text": "${to_string(length(s1.issues))}"}),
        ],
    ),
    (
        "Make a channel named launch, set its topic to 'Go live' and post 'Welcome' there",
        [
            ("slack/create-channel", {"name": "launch"}),
            ("slack/set-channel-topic", {"channel": "${s1.id}", "topic": "Go live"}),
            ("slack/post-message", {"channel": "${s1.id}", "text": "Welcome"}),
        ],
    ),
]


@pytest.mark.parametrize(("request_", "steps"), SEVERAL, ids=[case[0] for case in SEVERAL])
async def test_one_step_feeds_the_next(request_: str, steps: list[tuple[Any, ...]], submit: Any, short: Any) -> None:
    assert short(await submit(request_)) == steps


async def test_ids_count_up_from_the_next_one_and_references_follow(submit: Any) -> None:
    submitted = await submit("Post the titles of the open issues in octo/widgets to #general", next_id="s12")
    assert [step["id"] for step in submitted["steps"]] == ["s12", "s13"]
    assert "s12.issues" in submitted["steps"][1]["arguments"]["text"]


async def test_every_step_says_what_it_is_for(submit: Any) -> None:
    submitted = await submit("Close all issues labelled stale in octo/gadgets")
    assert [step["purpose"] for step in submitted["steps"]] == ["List issues", "Update issue"]


async def test_what_looks_like_a_reference_in_the_request_stays_text(submit: Any, bind: Any) -> None:
    submitted = await submit('Post "the key is ${s1.secret}" to #general')
    text = submitted["steps"][0]["arguments"]["text"]
    assert bind(text, {"s1": {"secret": "hunter2"}}) == "the key is ${s1.secret}"


async def test_a_name_with_quotes_and_braces_is_found_by_a_reference_that_resolves(submit: Any, bind: Any) -> None:
    for title in ("it's {broken}", "back\\slash `tick`"):
        submitted = await submit(f'Close the issue "{title}" in octo/widgets')
        number = bind(
            submitted["steps"][1]["arguments"]["issue_number"],
            {"s1": {"issues": [{"number": 1, "title": "x"}, {"number": 2, "title": title}]}},
        )
        assert number == 2
