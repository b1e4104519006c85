import gzip
import json
import pathlib
from collections import Counter

import pytest

from nango_tools import Access, classify

CATALOG = pathlib.Path(__file__).parents[3] / "shared" / "action-catalog"
READ, WRITE, DESTRUCTIVE = Access.READ, Access.WRITE, Access.DESTRUCTIVE


def test_access_is_ordered_by_what_it_can_do() -> None:
    assert READ < WRITE < DESTRUCTIVE
    assert max(WRITE, READ, DESTRUCTIVE) is DESTRUCTIVE
    assert READ <= WRITE >= READ
    assert not WRITE < READ
    assert sorted([DESTRUCTIVE, READ, WRITE]) == [READ, WRITE, DESTRUCTIVE]
    assert [str(access) for access in Access] == ["read", "write", "destructive"]


@pytest.mark.parametrize(
    ("name", "description", "method", "access"),
    [
        ("list-issues", "", None, READ),
        ("list_issues", "", None, READ),
        ("listIssues", "", None, READ),
        ("ListHTTPLogs", "", None, READ),
        ("get-order", "Retrieve an order.", None, READ),
        ("batch-get-values", "", None, READ),
        ("create-issue", "", None, WRITE),
        ("createIssue", "", None, WRITE),
        ("delete-issue", "", None, DESTRUCTIVE),
        ("issue_delete", "", None, DESTRUCTIVE),
        ("softDeleteIssue", "", None, DESTRUCTIVE),
        ("get-and-delete-message", "", None, DESTRUCTIVE),
        ("get-or-create-contact", "", None, WRITE),
        ("list-and-archive", "", None, WRITE),
        ("search-and-replace", "", None, WRITE),
        ("create-user-deletion-job", "", None, DESTRUCTIVE),
        ("frobnicate", "", None, WRITE),
        ("", "", None, WRITE),
        ("users", "List all users.", None, WRITE),
        ("get-dеlete", "", "GET", WRITE),  # a Cyrillic e
    ],
)
def test_the_worst_verb_in_the_name_decides(name: str, description: str, method: str | None, access: Access) -> None:
    assert classify(name, description, method).access is access


@pytest.mark.parametrize(
    ("name", "method", "access"),
    [
        ("whatever", "GET", READ),
        ("whatever", "get", READ),
        ("delete-issue", "GET", DESTRUCTIVE),
        ("create-issue", "GET", WRITE),
        ("whatever", "POST", WRITE),
        ("search-issues", "POST", READ),
        ("list-issues", "PUT", WRITE),
        ("list-issues", "PATCH", WRITE),
        ("list-issues", "DELETE", DESTRUCTIVE),
        ("create-issue", "DELETE", DESTRUCTIVE),
    ],
)
def test_the_method_raises_and_get_only_helps_where_the_name_is_silent(name: str, method: str, access: Access) -> None:
    assert classify(name, "", method).access is access


@pytest.mark.parametrize(
    ("name", "description", "access"),
    [
        ("get-report", "Deletes the report after reading it.", DESTRUCTIVE),
        ("get-report", "  *Creates* a report.", WRITE),
        ("list-messages", "Publishes what it lists.", WRITE),
        ("delete-issue", "Gets an issue.", DESTRUCTIVE),
        ("create-issue", "Read-only, I promise.", WRITE),
        ("query", "Run any SQL statement.", DESTRUCTIVE),
        ("query", "Run a query.", READ),
    ],
)
def test_the_description_can_raise_and_never_lowers(name: str, description: str, access: Access) -> None:
    assert classify(name, description, None).access is access


def test_a_scope_for_writing_takes_away_what_get_would_have_given() -> None:
    assert classify("whatever", "", "GET", ["issues:read"]).access is READ
    assert classify("whatever", "", "GET", ["issues:write"]).access is WRITE
    assert classify("list-issues", "", None, ["issues:write"]).access is READ


def test_a_verdict_says_why() -> None:
    assert classify("remove-tag", "", None).reason == '"remove" in its name'
    assert classify("list-tags", "", "DELETE").reason == "declared as DELETE"
    assert "nothing says" in classify("users", "", None).reason


if CATALOG.is_dir():

    def test_on_3168_real_actions_nothing_that_changes_something_is_called_a_read() -> None:
        labels = json.loads((CATALOG / "labels.json").read_text())
        notes = json.loads((CATALOG / "label-notes.json").read_text())
        confusion: Counter[tuple[str, str]] = Counter()
        with gzip.open(CATALOG / "catalog.jsonl.gz", "rt") as lines:
            for line in lines:
                action = json.loads(line)
                integration, name = action["integration"], action["name"]
                label = labels[integration][name]
                also = notes.get(integration, {}).get(name, {}).get("also_defensible")
                endpoint = action["endpoint"] or {}
                verdict = classify(name, action["description"] or "", endpoint.get("method"), action["scopes"])
                said = label if str(verdict.access) == also else str(verdict.access)
                confusion[label, said] += 1
        assert confusion.total() == 3168
        assert confusion["write", "read"] == confusion["destructive", "read"] == 0
        assert confusion["destructive", "write"] == 0
        assert confusion["read", "read"] > 0.97 * 1425
        assert confusion["write", "write"] > 0.98 * 1241
