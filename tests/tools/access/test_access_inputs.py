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


def one(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": {name: schema}}


def test_an_address_is_found_under_other_names_and_deeper() -> None:
    uri = {"type": "object", "properties": {"site": {"type": "string", "format": "uri"}}}
    assert judge(uri) is READ
    assert judge({**uri, "required": ["site"]}) is WRITE
    assert judge(takes("base_url", "path")) is WRITE
    assert judge(takes("host", "path")) is WRITE
    assert judge(takes("host")) is READ
    nested = one("request", takes("url", required=("url",)))
    assert judge(nested) is READ
    assert judge({**nested, "required": ["request"]}) is WRITE
    assert judge(takes("deliver_to")) is judge(takes("cc")) is judge(takes("notify")) is WRITE


@pytest.mark.parametrize(
    "name", ["sqlQuery", "sql_text", "graphql_query", "cmd", "javascript", "\u0455ql", "s\u200bql"]
)
def test_a_statement_is_found_under_other_names_and_deeper(name: str) -> None:
    assert judge(takes(name)) is DESTRUCTIVE
    assert judge(one("input", takes(name))) is DESTRUCTIVE
    for other in ("sql_id", "script_type", "statement_period", "command_name"):
        assert judge(takes(other)) is READ


def test_a_deed_that_can_be_switched_on_or_chosen_raises() -> None:
    switch = {"type": "boolean"}
    for name in ("mark_as_read", "deleteAfter", "create_if_missing", "archive"):
        assert judge(one(name, switch)) is WRITE, name
    for name in ("archived", "deleted", "include_deleted", "is_removed", "strip_html", "exclude_archived"):
        assert judge(one(name, switch)) is READ, name
    assert judge(one("action", {"enum": ["get", "delete"]})) is DESTRUCTIVE
    assert judge(one("operation", {"enum": ["read", "update"]})) is WRITE
    assert judge(one("action", {"enum": ["created", "deleted"]})) is READ
    assert judge(one("action", {"enum": ["approve", "deny"]})) is READ  # a filter: nothing in it looks
    assert judge(one("status", {"enum": ["get", "delete"]})) is READ


@pytest.mark.parametrize("key", ["patternProperties", "then", "else", "contains"])
def test_all_branches_of_a_schema_are_walked(key: str) -> None:
    assert judge({key: {".*": takes("sql")} if key == "patternProperties" else takes("sql")}) is DESTRUCTIVE
    for listed in ("items", "prefixItems"):
        assert judge(one("a", {"type": "array", listed: [takes("callback_url")]})) is WRITE


def test_a_method_that_can_only_look_passes_on_no_request() -> None:
    schema = one("method", {"enum": ["GET"]})
    schema["properties"]["path"] = {"type": "string"}
    assert judge(schema) is READ
    schema["properties"]["method"] = {"enum": ["GET", "DELETE"]}
    assert judge(schema) is DESTRUCTIVE
