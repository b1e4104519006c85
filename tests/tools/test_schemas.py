import json
from typing import Any

import jsonschema
import pytest

from nango_tools.schemas import NOT_DECLARED, resolved


def references(schema: Any) -> int:
    return json.dumps(schema).count('"$ref"')


def test_references_into_the_definitions_are_replaced() -> None:
    definitions = {
        "Id": {"type": "string", "minLength": 1},
        "Issue": {"properties": {"id": {"$ref": "#/definitions/Id"}}},
    }
    schema = {"type": "object", "properties": {"issue": {"$ref": "#/definitions/Issue", "description": "which"}}}
    found = resolved(schema, definitions)
    assert found["properties"]["issue"] == {
        "properties": {"id": {"type": "string", "minLength": 1}},
        "description": "which",
    }


def test_the_definitions_of_the_schema_itself_count_under_both_names() -> None:
    for name in ("definitions", "$defs"):
        schema = {name: {"A": {"type": "integer"}}, "properties": {"a": {"$ref": f"#/{name}/A"}}}
        assert resolved(schema) == {"properties": {"a": {"type": "integer"}}}
    assert resolved({"$ref": "#/$defs/A"}, {"A": {"type": "integer"}}) == {"type": "integer"}


def test_what_stands_beside_a_reference_and_restricts_goes_on_restricting() -> None:
    found = resolved({"$ref": "#/definitions/A", "maximum": 5}, {"A": {"type": "integer", "maximum": 9}})
    assert jsonschema.Draft202012Validator(found).is_valid(5)
    assert not jsonschema.Draft202012Validator(found).is_valid(6)
    assert not jsonschema.Draft202012Validator(found).is_valid("x")


def test_a_reference_to_nowhere_allows_anything_and_says_so() -> None:
    for reference in ("#/definitions/Gone", "https://example.com/schema", "other.json", "#/definitions/A/9"):
        found = resolved({"properties": {"a": {"$ref": reference, "title": "T"}}})
        assert found["properties"]["a"] == {"description": NOT_DECLARED, "title": "T"}


def test_a_shape_that_contains_itself_ends() -> None:
    definitions = {
        "Block": {
            "type": "object",
            "properties": {"children": {"type": "array", "items": {"$ref": "#/definitions/Block"}}},
        }
    }
    found = resolved({"$ref": "#/definitions/Block"}, definitions)
    assert found["properties"]["children"]["items"] == {"description": "the same shape again as Block"}
    assert jsonschema.Draft202012Validator(found).is_valid({"children": [{"children": [{}]}]})
    assert not jsonschema.Draft202012Validator(found).is_valid({"children": 7})
    assert resolved({"$ref": "#"}) is not None


def test_a_reference_in_data_is_data() -> None:
    schema = {
        "properties": {"$ref": {"type": "string"}, "a": {"default": {"$ref": "#/x"}, "enum": [{"$ref": "#/x"}]}},
        "required": ["$ref"],
    }
    assert resolved(schema) == schema


def test_a_schema_made_to_explode_stays_small() -> None:
    definitions: dict[str, Any] = {
        f"D{n}": {"allOf": [{"$ref": f"#/definitions/D{n + 1}"}] * 10} for n in range(12)
    } | {"D12": {}}
    found = resolved({"$ref": "#/definitions/D0"}, definitions)
    assert len(json.dumps(found)) < 3_000_000


def test_a_schema_made_to_sink_stays_shallow() -> None:
    deep: dict[str, Any] = {}
    for _ in range(400):
        deep = {"properties": {"a": deep}}
    assert json.dumps(resolved(deep)).count("properties") < 70


@pytest.mark.parametrize("definitions", [True, {"A": True}, {"A": [1]}, None])
def test_odd_definitions_do_no_harm(definitions: Any) -> None:
    schema = {"definitions": definitions, "properties": {"a": {"$ref": "#/definitions/A"}}}
    assert references(resolved(schema)) == 0
