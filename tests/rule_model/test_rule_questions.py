"""When nothing can be planned: what is missing, unclear or impossible is said, and nothing is made up."""

from typing import Any

import pytest

QUESTIONS: list[tuple[str, list[str]]] = [
    ("Create an issue", ["repository (owner/name)", "title"]),
    ("Create an issue titled 'X'", ["repository"]),
    ("Comment on issue 7 in octo/widgets", ["body"]),
    ("Close issue 7", ["repository"]),
    ("Close the issue in octo/widgets", ["which issue (its number)"]),
    ("Delete the contact", ["which contact (its id)"]),
    ("Post 'hello'", ["which channel"]),
    ("Create a label 'urgent' in octo/widgets", ["color"]),
    ("create 3 issues in octo/widgets", ["title"]),
    ("Update issue 7 in octo/widgets", ["What should I change", "title", "state"]),
]


@pytest.mark.parametrize(("request_", "named"), QUESTIONS, ids=[case[0] for case in QUESTIONS])
async def test_what_is_missing_is_asked_for_by_name(request_: str, named: list[str], submit: Any) -> None:
    submitted = await submit(request_)
    assert (submitted["kind"], submitted["steps"]) == ("question", [])
    assert submitted["text"].endswith("?")
    assert [name for name in named if name not in submitted["text"]] == []


UNCLEAR: list[tuple[str, str]] = [
    ("delete all stale contacts", "stale"),
    ("Close the largest issue in octo/widgets", "largest"),
    ("create a private channel called war-room", "private"),
    ("Remove label bug from issue 7 in octo/widgets", "7"),
    ("Post 'hi' to #general and #random", "#random"),
]


@pytest.mark.parametrize(("request_", "word"), UNCLEAR, ids=[case[0] for case in UNCLEAR])
async def test_a_word_that_would_be_ignored_is_asked_about_before_anything_is_written(
    request_: str, word: str, submit: Any
) -> None:
    submitted = await submit(request_)
    assert submitted["kind"] == "question"
    assert f"“{word}" in submitted["text"]


@pytest.mark.parametrize(
    "request_",
    [
        "water the plants",
        "Do the dishes",
        "Unassign issue 7 in octo/widgets",
        "Delete all closed issues in octo/widgets",
        "delete everything",
        "🪴",
        "?!",
    ],
)
async def test_what_no_tool_can_do_is_said(request_: str, submit: Any) -> None:
    submitted = await submit(request_)
    assert submitted["kind"] in ("answer", "question")
    assert submitted["steps"] == []
    assert submitted["text"]


async def test_the_nearest_tools_are_named_when_none_fits(submit: Any) -> None:
    assert "github/get-issue" in (await submit("Unassign issue 7 in octo/widgets"))["text"]


async def test_if_one_part_cannot_be_done_the_rest_is_not_begun(submit: Any) -> None:
    submitted = await submit("Post 'hi' to #general and water the plants")
    assert submitted["steps"] == []


@pytest.mark.parametrize("request_", ["Create a task 'Buy milk'", "List my tasks", "Show the deals in Todoist"])
async def test_an_integration_that_is_not_connected_yet_is_asked_for(request_: str, submit: Any) -> None:
    submitted = await submit(request_)
    assert (submitted["kind"], submitted["integration"], submitted["steps"]) == ("integration", "todoist", [])


async def test_two_apps_that_fit_alike_are_asked_about(submit: Any, short: Any) -> None:
    tools = """
asana/create-task(name: string) -> {id: string}
  [write] Create a task.
todoist/create-task(content: string) -> {id: string}
  [write] Create a task.
"""
    submitted = await submit("Create a task 'Buy milk'", tools=tools, others="")
    assert submitted["kind"] == "question"
    assert "asana, todoist" in submitted["text"]
    assert short(await submit("Create a task 'Buy milk' in Todoist", tools=tools, others="")) == [
        ("todoist/create-task", {"content": "Buy milk"})
    ]
    history = ["Create a task 'Buy milk'", submitted["text"]]
    assert short(await submit("Todoist", tools=tools, others="", history=history)) == [
        ("todoist/create-task", {"content": "Buy milk"})
    ]


async def test_a_tool_whose_output_is_unknown_feeds_no_other(submit: Any) -> None:
    tools = """
todoist/list-tasks(project_id?: string)
  [read] List tasks.
todoist/delete-task(task_id: string)
  [destructive] Delete a task.
"""
    submitted = await submit("Delete all tasks", tools=tools)
    assert submitted["kind"] == "answer"
    assert "todoist/list-tasks does not say what it returns" in submitted["text"]


async def test_greetings_get_an_overview(submit: Any) -> None:
    for request in ("hi", "What can you do?"):
        submitted = await submit(request)
        assert submitted["kind"] == "answer"
        assert "create issue" in submitted["text"]


async def test_after_a_problem_the_same_is_not_submitted_again(submit: Any) -> None:
    submitted = await submit("Archive #old-stuff", problem="s1 slack/archive-channel failed: channel_not_found.")
    assert (submitted["kind"], submitted["steps"]) == ("answer", [])
    assert "channel_not_found" in submitted["text"]


async def test_without_tools_it_says_so(submit: Any) -> None:
    submitted = await submit("Post 'hi' to #general", tools="", others="")
    assert submitted["kind"] == "answer"
    assert "No tools are connected" in submitted["text"]
