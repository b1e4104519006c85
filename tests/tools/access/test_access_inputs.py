from typing import Any

import pytest

from nango_tools import Access, classify

READ, WRITE, DESTRUCTIVE = Access.READ, Access.WRITE, Access.DESTRUCTIVE


def takes(*names: str, required: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"type": "object", "properties": {name: {"type": "string"} for name in names}, "required": list(required)}


def judge(schema: Any, name: str = "get-report") -> Access:
    return classify(name, "", None, (), schema).access


@pytest.mark.parametrize(
    "name", ["webhook_url", "callbackUrl", "webhook", "notify_email", "recipient_emails", "send_to"]
)
def test_an_address_that_is_called_or_told_makes_a_write_of_a_read(name: str) -> None:
    assert judge(takes(name)) is WRITE
    assert judge({"type": "object", "properties": {"options": takes(name)}}) is WRITE
    assert judge({"anyOf": [takes("id"), takes(name)]}) is WRITE
    assert judge({"type": "array", "items": takes(name)}) is WRITE
    assert f'"{name}"' in classify("get-report", "", None, (), takes(name)).reason


def test_any_address_that_must_be_given_makes_a_write_of_a_read() -> None:
    assert judge(takes("url", required=("url",))) is WRITE
    assert judge(takes("page_url", required=("page_url",))) is WRITE
    assert judge(takes("url")) is READ  # a filter
    assert judge(takes("site_url", required=("site_url",))) is READ  # what a thing is known by


@pytest.mark.parametrize(
    "names",
    [("method", "path"), ("httpMethod", "url", "body"), ("request_method", "endpoint"), ("method", "uri", "headers")],
)
def test_what_takes_a_method_and_a_place_passes_on_any_request(names: tuple[str, ...]) -> None:
    assert judge(takes(*names)) is DESTRUCTIVE


@pytest.mark.parametrize("name", ["sql", "statement", "sql_statement", "graphql", "mutation", "script", "command"])
def test_what_takes_a_statement_is_destructive(name: str) -> None:
    assert judge(takes(name), "query-database") is DESTRUCTIVE


def test_other_input_says_nothing() -> None:
    for names in (("id", "email", "phone"), ("query", "from", "to"), ("payment_method", "collection_method", "path")):
        assert judge(takes(*names, required=names)) is READ
    assert judge(takes("webhook_id", "recipientId", "callback_count")) is READ
    odd: Any
    for odd in (
        {},
        {"properties": []},
        {"properties": {"url": None}},
        {"required": "url"},
        {"anyOf": 3, "items": [1]},
        None,
    ):
        assert judge(odd) is READ
    assert judge(takes("id"), "delete-report") is DESTRUCTIVE
