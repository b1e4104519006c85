import pytest

from nango_tools import Access, classify

READ, WRITE, DESTRUCTIVE = Access.READ, Access.WRITE, Access.DESTRUCTIVE


@pytest.mark.parametrize(
    ("description", "access"),
    [
        ("Deletes the report after reading it.", DESTRUCTIVE),
        ("  *Creates* a report.", WRITE),
        ("Publishes what it lists.", WRITE),
        ("Action to delete a user.", DESTRUCTIVE),
        ("This endpoint revokes access.", DESTRUCTIVE),
        ("Request a new export of the data.", READ),  # to request is two-faced: the name decides
        ("Order a pizza.", WRITE),
        ("Order details.", READ),
        ("Starts an export job and returns its id.", WRITE),
        ("Lists users. Removes them.", DESTRUCTIVE),
    ],
)
def test_the_verb_that_a_sentence_begins_with_counts(description: str, access: Access) -> None:
    assert classify("get-report", description, None).access is access


@pytest.mark.parametrize(
    ("description", "access"),
    [
        ("Returns the message and marks it as read.", WRITE),
        ("Returns X, which is thereby marked as seen.", WRITE),
        ("Retrieve and delete messages.", DESTRUCTIVE),
        ("Retrieve, archive it.", WRITE),
        ("Returns a contact, creates it if missing.", WRITE),
        ("Gets a contact, creating one if it does not exist.", WRITE),
        ("Returns a contact (created if there was none).", WRITE),
        ("Lists them and sends an email to the owner.", WRITE),
        ("Lists users. Will delete them afterwards.", DESTRUCTIVE),
        ("Lists users. They will be deleted once read.", DESTRUCTIVE),
        ("Lists users by deleting the others.", DESTRUCTIVE),
        ("Gets the account. It charges them for it.", DESTRUCTIVE),
        ("Returns the next ticket; claims it.", WRITE),
    ],
)
def test_a_second_deed_is_found(description: str, access: Access) -> None:
    assert classify("get-message", description, None).access is access


@pytest.mark.parametrize(
    "description",
    ["Permanently removes items.", "This cannot be undone.", "It is irreversible.", "Invalidates the earlier one."],
)
def test_what_is_for_good_is_destructive(description: str) -> None:
    assert classify("get-x", description, None).access is DESTRUCTIVE
    assert classify("create-x", description, None).access is DESTRUCTIVE


@pytest.mark.parametrize(
    "description",
    [
        "Run any SQL statement.",
        "Sends an arbitrary request to the API.",
        "Calls any model method.",
        "Query with raw GraphQL.",
    ],
)
def test_what_passes_on_anything_is_destructive(description: str) -> None:
    assert classify("query", description, None).access is DESTRUCTIVE


@pytest.mark.parametrize(
    "description",
    [
        "List sent, opened and clicked messages, with the number of updates and deletes.",
        "Returns permanently deleted users.",
        "Search orders, posts and comments.",
        "List the groups a user belongs to.",
        "Get a page. Use the returned cursor to retrieve more. Note that this does not paginate.",
        "Retrieve the settings used to send messages.",
        "List reasons that can be assigned when closing a deal.",
        "Look up ids before updating a contact.",
        "Get transfers, charges, refunds and disputes.",
    ],
)
def test_nouns_participles_and_purposes_do_not_raise(description: str) -> None:
    assert classify("list-things", description, None).access is READ


def test_nothing_lowers() -> None:
    assert classify("delete-issue", "Gets an issue.", None).access is DESTRUCTIVE
    assert classify("create-issue", "Read-only, I promise. It does not write.", "GET").access is WRITE
    assert classify("frobnicate", "Lists all frobs.", None).access is WRITE
    assert classify("users", "List users. Read-only.", None).access is WRITE
