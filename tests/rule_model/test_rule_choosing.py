"""Which integrations a request needs, from their names and the names of their tools."""

from typing import Any

import pytest

CHOICES: list[tuple[str, list[str]]] = [
    ("Post the titles of the open issues in octo/widgets to #general", ["github", "slack"]),
    ("How many open issues does octo/gadgets have?", ["github"]),
    ("List the deals in HubSpot", ["hubspot"]),
    ("List the deals", ["hubspot"]),
    ("Comment 'on it' on issue 7 in octo/widgets", ["github"]),
    ("Close issue 7 in octo/widgets", ["github"]),
    ("Assign issue 7 to ada", ["github"]),
    ("For each open issue in octo/widgets, post a message to #engineering", ["github", "slack"]),
    ("Add Ada Lovelace <ada@example.com> as a contact", ["hubspot"]),
    ("tell #general that we are live", ["slack"]),
    ("archive #old", ["slack"]),
    ("Create a task for each open issue in octo/widgets", ["github", "todoist"]),
    ("List the contacts and the open issues in octo/widgets", ["github", "hubspot"]),
    ("What is in GitHub?", ["github"]),
    ("water the plants", []),
    ("hello", []),
    ("", []),
]


@pytest.mark.parametrize(("request_", "keys"), CHOICES, ids=[case[0] for case in CHOICES])
async def test_only_what_the_request_needs_is_chosen(request_: str, keys: list[str], choose: Any) -> None:
    assert await choose(request_) == keys


async def test_a_follow_up_needs_what_it_follows(choose: Any) -> None:
    history = ["List the open issues in octo/widgets", "I found 2 issues."]
    assert await choose("now close the oldest one", history) == ["github"]
    assert await choose("post that to #random", history) == ["github", "slack"]
    assert await choose("how many are closed?", history) == ["github"]
    assert await choose("thanks", history) == []


async def test_a_request_after_an_unanswered_question_is_chosen_for_itself(choose: Any) -> None:
    history = ["How many open issues does octo/gadgets have?", "Shall I connect GitHub?"]
    assert await choose("which channels are there in Slack?", history) == ["slack"]
    assert await choose("List the deals", history) == ["hubspot"]
    assert await choose("yes", history) == ["github"]


async def test_an_answer_needs_what_the_question_was_about(choose: Any) -> None:
    assert await choose("octo/widgets", ["Create an issue", "Which repository (owner/name)?"]) == ["github"]
