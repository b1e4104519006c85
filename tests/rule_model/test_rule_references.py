"""References are worth nothing unless they resolve: each is evaluated on an output of the tool it refers to."""

from typing import Any

import pytest

ISSUES = {
    "issues": [
        {
            "number": 7,
            "title": "Crash",
            "labels": ["bug"],
            "state": "open",
            "created_at": "2026-10-02",
            "assignees": [],
            "body": None,
        },
        {
            "number": 9,
            "title": "Slow",
            "labels": ["stale"],
            "state": "open",
            "created_at": "2026-01-02",
            "assignees": [],
            "body": None,
        },
        {
            "number": 11,
            "title": "Typo",
            "labels": [],
            "state": "open",
            "created_at": "2026-05-02",
            "assignees": [],
            "body": "x",
        },
    ]
}
CONTACTS = {
    "contacts": [
        {"id": "1", "email": "ada.b@example.com", "first_name": "Ada", "last_name": "B", "phone": None},
        {"id": "2", "email": "ada@example.com", "first_name": "Ada", "last_name": "Lovelace", "phone": "1"},
    ]
}
DEALS = {
    "deals": [
        {"id": "d1", "name": "Acme", "amount": None, "stage": "won"},
        {"id": "d2", "name": "Initech", "amount": 900, "stage": "lost"},
        {"id": "d3", "name": "Hooli", "amount": 50, "stage": "lost"},
    ]
}
CHANNELS = {
    "channels": [
        {"id": "C1", "name": "a", "is_private": True, "is_archived": False},
        {"id": "C2", "name": "b", "is_private": False, "is_archived": False},
    ]
}
MESSAGES = {"messages": [{"ts": "10.5", "text": "new", "user": "U1"}, {"ts": "10.1", "text": "old", "user": "U1"}]}

RESOLVED: list[tuple[str, dict[str, Any], str, Any]] = [
    ("Close the oldest issue in octo/widgets", ISSUES, "issue_number", 9),
    ("Close the newest issue in octo/widgets", ISSUES, "issue_number", 7),
    ("Close the second issue in octo/widgets", ISSUES, "issue_number", 9),
    ("Close the last issue in octo/widgets", ISSUES, "issue_number", 7),
    ("Close the two oldest issues in octo/widgets", ISSUES, "issue_number", [9, 11]),
    ("Close the issue 'Crash' in octo/widgets", ISSUES, "issue_number", 7),
    ("Post the titles of the issues in octo/widgets to #x", ISSUES, "text", "Crash\nSlow\nTypo"),
    ("Post the titles and numbers of the issues in octo/widgets to #x", ISSUES, "text", "Crash 7\nSlow 9\nTypo 11"),
    ("Post the number of issues in octo/widgets to #x", ISSUES, "text", "3"),
    ("Post the newest issue in octo/widgets to #x", ISSUES, "text", "#7 Crash"),
    ("For each issue in octo/widgets, post a message to #x", ISSUES, "text", ["#7 Crash", "#9 Slow", "#11 Typo"]),
    ("Show the comments of the oldest issue in octo/widgets", ISSUES, "issue_number", 9),
    ("Delete the contact with email ada@example.com", CONTACTS, "contact_id", "2"),
    ("Change the phone of the contact ada@example.com to 555-1234", CONTACTS, "contact_id", "2"),
    ("Delete all contacts", CONTACTS, "contact_id", ["1", "2"]),
    ("Send the emails of all contacts to #x", CONTACTS, "text", "ada.b@example.com\nada@example.com"),
    ("Post the phones of the contacts to #x", CONTACTS, "text", "\n1"),
    ("Post the largest deal to #x", DEALS, "text", "Initech"),
    ("Delete the smallest deal", DEALS, "deal_id", "d3"),
    ("Delete the deal 'Hooli'", DEALS, "deal_id", "d3"),
    ("Set the amount of the deal 'Acme' to 5000", DEALS, "deal_id", "d1"),
    ("Delete the Hool deal", DEALS, "deal_id", "d3"),
    ("Delete every deal in stage lost", DEALS, "deal_id", ["d2", "d3"]),
    ("Delete the largest deal in stage lost", DEALS, "deal_id", "d2"),
    ("Archive all private channels", CHANNELS, "channel", ["C1"]),
    ("Delete the newest message in #x", MESSAGES, "ts", "10.5"),
]


@pytest.mark.parametrize(("request_", "output", "argument", "expected"), RESOLVED, ids=[case[0] for case in RESOLVED])
async def test_a_reference_resolves_to_what_was_meant(
    request_: str, output: dict[str, Any], argument: str, expected: Any, submit: Any, bind: Any
) -> None:
    submitted = await submit(request_)
    assert submitted["kind"] == "plan", submitted
    read, step = submitted["steps"]
    assert read["id"] == "s1"
    scope = {"s1": output}
    if "for_each" in step:
        items = bind(step["for_each"], scope)
        assert [bind(step["arguments"][argument], {**scope, "item": item}) for item in items] == expected
    else:
        assert bind(step["arguments"][argument], scope) == expected


async def test_a_value_to_set_is_no_part_of_what_is_looked_for(submit: Any) -> None:
    submitted = await submit("Set the amount of the deal 'Acme' to 5000")
    assert submitted["steps"][1]["arguments"]["amount"] == 5000


async def test_a_part_of_a_name_that_fits_several_is_none_of_them(submit: Any, bind: Any) -> None:
    twins = {"deals": [{"id": "d1", "name": "Acme renewal"}, {"id": "d2", "name": "Acme pilot"}]}
    for request, found in (("Delete the Acme deal", None), ("Delete the Acme pilot deal", "d2")):
        submitted = await submit(request)
        assert bind(submitted["steps"][1]["arguments"]["deal_id"], {"s1": twins}) == found


async def test_a_label_is_added_to_those_that_an_issue_has(submit: Any, bind: Any) -> None:
    read, update = (await submit("Label issue 7 in octo/widgets as triage"))["steps"]
    assert read["tool"] == "github/get-issue"
    for labels in ([], ["bug"], ["bug", "triage"]):
        assert bind(update["arguments"]["labels"], {"s1": {"labels": labels}}) == [
            *(label for label in labels if label != "triage"),
            "triage",
        ]


async def test_nothing_found_gives_null_and_not_somebody_else(submit: Any, bind: Any) -> None:
    submitted = await submit("Delete the contact with email grace@example.com")
    assert bind(submitted["steps"][1]["arguments"]["contact_id"], {"s1": CONTACTS}) is None


async def test_an_id_is_looked_up_where_the_tool_wants_one_and_the_request_has_a_name(submit: Any, bind: Any) -> None:
    tools = """
chat/list-rooms(limit?: integer) -> {channels: [{id: string, name: string}]}
  [read] List channels.
chat/send-message(channel_id: string, text: string) -> {ok: boolean}
  [write] Send a message.
"""
    submitted = await submit("Send 'hi' to #b", tools=tools, others="")
    read, send = submitted["steps"]
    assert read["tool"] == "chat/list-rooms"
    assert bind(send["arguments"], {}) == send["arguments"]
    assert bind(send["arguments"]["channel_id"], {"s1": CHANNELS}) == "C2"
