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
        ("Request a new export of the data.", WRITE),  # two-faced
        ("Order a pizza.", WRITE),
        ("Get it. Order details.", READ),
        ("Lists users. To delete one, use delete-user.", READ),
        ("Lists users. Löscht sie.", DESTRUCTIVE),
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


@pytest.mark.parametrize(
    "description",
    [
        "Move members to another list.",
        "Rings a lost phone.",
        "Runs the workflow.",
        "Generates a new token and returns it.",
        "Ban members.",
        "Turn off the alarm.",
        "Erstellt einen Kontakt.",
        "The message is flagged as seen.",
        "D e l e t e s it.",
    ],
)
def test_a_read_by_name_that_opens_with_something_else_is_no_read(description: str) -> None:
    verdict = classify("get-x", description, None)
    assert verdict.access is WRITE
    assert "begins with" in verdict.reason
    assert classify("widgets", description, "GET").access is WRITE


@pytest.mark.parametrize(
    "description",
    [
        "",
        " - ",
        "Returns it.",
        "Tool for listing contacts",
        "Use this to fetch a page.",
        "Validate the state.",
        "Run a saved report and return its rows.",
        "Quickly look it up.",
        "1. Lists them.",
        "Details of an order.",
        "Continue listing.",
        "Batch get rows.",
    ],
)
def test_openings_that_look_do_not_raise(description: str) -> None:
    assert classify("get-x", description, None).access is READ


@pytest.mark.parametrize(
    "description",
    [
        "Löscht einen Kontakt.",
        "删除联系人",
        "Удаляет контакт",
        "De\u200bletes the contact",
        "D\u0435letes the contact",
        "<b>Deletes</b> the contact",
        "HTTP DELETE on the contact",
        "Gets it via DELETE /contacts/1",
        "Permanent deletion of contacts.",
        "Contact removal",
        "Gets rid of a contact.",
        "Takes down the listing.",
        "Get the file & delete it",
        "Get the file/delete it",
        "Gets a key. Any previous key is revoked.",
        "Returns the file before deleting it.",
        "Returns a key. The older one stops working.",
    ],
)
def test_what_destroys_is_found_in_disguise_in_other_languages_and_as_a_thing(description: str) -> None:
    assert classify("get-x", description, None).access is DESTRUCTIVE


@pytest.mark.parametrize(
    "description",
    [
        "Get keys that are revoked.",
        "Lists rows. Hidden ones are excluded.",
        "List spend and receive money transactions.",
        "Retrieve a ticket without marking it as read.",
        "Get the account, e.g. send and receive limits.",
        "Poll the status of a change (create/update/delete).",
        "Fetch the users and groups a policy has.",
    ],
)
def test_what_is_only_told_about_does_not_raise(description: str) -> None:
    assert classify("get-x", description, None).access is READ


def test_a_second_verb_in_the_third_person_counts_after_one() -> None:
    assert classify("get-x", "Gets the report and posts a summary to the channel.", None).access is WRITE
    assert classify("get-x", "Get it and optionally set its time.", None).access is WRITE
