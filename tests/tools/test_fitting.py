"""Do arguments fit a tool's schema: soon, whatever the schema and the arguments, and never refusing what was not looked at."""

import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from nango_tools.fitting import misfit
from nango_tools.lenient import KEYWORDS, BrokenSchema, leniently

EVIL = "^(a+)+$"
SLOW = "a" * 40 + "!"
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def _within(seconds: float, schema: dict[str, Any], arguments: Any) -> str | None:
    started = time.thread_time()
    found = misfit(schema, arguments)
    assert time.thread_time() - started < seconds
    return found


@pytest.mark.parametrize(
    ("schema", "arguments"),
    [
        ({"properties": {"q": {"type": "string", "pattern": EVIL}}}, {"q": SLOW}),
        ({"properties": {"q": {"$schema": DIALECT, "type": "string", "pattern": EVIL}}}, {"q": SLOW}),
        ({"properties": {"q": {"$schema": "http://json-schema.org/draft-07/schema#", "pattern": EVIL}}}, {"q": SLOW}),
        ({"$schema": DIALECT, "patternProperties": {EVIL: {"type": "null"}}}, {SLOW: 1}),
        ({"propertyNames": {"pattern": EVIL}}, {SLOW: 1}),
        ({"patternProperties": {EVIL: {}}, "additionalProperties": False}, {SLOW: 1}),
        ({"patternProperties": {EVIL: {}}, "unevaluatedProperties": False}, {SLOW: 1}),
        ({"properties": {"q": {"anyOf": [{"not": {"pattern": EVIL}}, {"contains": {"pattern": EVIL}}]}}}, {"q": SLOW}),
        ({"properties": {"q": {"format": "regex"}}}, {"q": "("}),
    ],
)
def test_no_regular_expression_of_a_schema_is_run(schema: dict[str, Any], arguments: Any) -> None:
    assert _within(0.2, schema, arguments) is None


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": {"q": {"type": "string", "pattern": r"^\p{L}+$"}}},
        {"properties": {"q": {"pattern": "("}}},
        {"properties": {"q": {}}, "patternProperties": {r"\p{L}": {}}},
        {"properties": {"q": {"not": {"pattern": "x"}}}},
        {"properties": {"q": {"not": {"anyOf": [{"type": "null"}, {"allOf": [{"pattern": "x"}]}]}}}},
        {"properties": {"q": {"oneOf": [{"pattern": "^a"}, {"pattern": "^w"}]}}},
        {"properties": {"q": {"oneOf": [{"pattern": "^a"}, {"type": "string"}], "allOf": [{"type": "string"}]}}},
        {"if": {"properties": {"q": {"pattern": "^a"}}}, "then": {"required": ["a"]}},
        {"properties": {"tags": {"contains": {"pattern": "^a"}, "maxContains": 1}}},
        {"properties": {"q": {"type": "string"}}, "patternProperties": {"^t": {}}, "additionalProperties": False},
        {"patternProperties": {"^t": {}}, "additionalProperties": {"type": "string"}},
        {"properties": {"q": {}}, "patternProperties": {"^t": {}}, "unevaluatedProperties": False},
        {"properties": {"tags": {"uniqueItems": True}}},
        {"not": {"properties": {"tags": {"uniqueItems": True}}}},
    ],
)
def test_what_is_not_looked_at_refuses_nothing(schema: dict[str, Any]) -> None:
    arguments = {"q": "word", "tags": ["b", "c", "b"]}
    if "patternProperties" not in schema:
        arguments = {name: arguments[name] for name in schema.get("properties", arguments)}
    assert misfit(schema, arguments) is None


@pytest.mark.parametrize(
    ("schema", "arguments", "named"),
    [
        ({"properties": {"q": {"type": "string", "pattern": r"\p{L}"}}}, {"q": 7}, "q: 7 is not of type 'string'"),
        ({"properties": {"q": {"oneOf": [{"pattern": "^a"}, {"type": "string"}]}, "n": {"type": "null"}}}, {"n": 1}, "n: "),
        ({"properties": {"q": {"oneOf": [{"type": "string", "pattern": "^a"}, {"type": "null"}]}}}, {"q": 1}, "q: "),
        ({"properties": {"q": {"oneOf": [{"type": "number"}, {"type": "integer"}]}}}, {"q": 1}, "valid under each of"),
        ({"properties": {"q": {"not": {"type": "null"}}}}, {"q": None}, "q: None should not be valid"),
        ({"properties": {"q": {"contains": {"const": 1}, "maxContains": 1}}}, {"q": [1, 1]}, "q: Too many"),
        ({"properties": {"q": {"enum": [1, "a"]}}}, {"q": True}, "q: True is not one of"),
        ({"properties": {"q": {"const": [0]}}}, {"q": [False]}, "q: [0] was expected"),
        ({"if": {"properties": {"q": {"const": 1}}}, "then": {"required": ["a"]}}, {"q": 1}, "'a' is a required"),
        ({"properties": {"q": {"multipleOf": 0.01}}}, {"q": 19.995}, "not a multiple"),
        ({"properties": {"q": {"multipleOf": 0.5}}}, {"q": float("nan")}, "arguments: "),
    ],
)  # fmt: skip
def test_what_is_looked_at_is_checked_as_the_draft_says(schema: dict[str, Any], arguments: Any, named: str) -> None:
    found = misfit(schema, arguments)
    assert found is not None
    assert named in found


@pytest.mark.parametrize(
    ("unit", "number"), [(0.5, 10**400), (0.01, 19.99), (0.1, 0.3), (1e-300, 1e300), (1, 2.0), (7, 7 * 10**400)]
)
def test_a_multiple_is_one_however_large_or_however_it_is_rounded(unit: float, number: float) -> None:
    assert misfit({"properties": {"q": {"multipleOf": unit}}}, {"q": number}) is None


def _nested(keyword: str, depth: int, innermost: Any) -> Any:
    for _ in range(depth):
        innermost = {keyword: [innermost, innermost]} if keyword != "not" else {"not": innermost}
    return innermost


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"uniqueItems": True}, [[n, {"a": n}] for n in range(50_000)]),
        ({"enum": [{"a": n} for n in range(20_000)]}, {"a": -1}),
        ({"items": {"enum": [[n] for n in range(5_000)]}}, [[-1]] * 20_000),
        ({"items": {"anyOf": [{"const": n} for n in range(2_000)]}}, [-1] * 20_000),
        ({"anyOf": [{"type": "null"}] * 5_000}, "x" * 500_000),
        ({"items": {"items": {"required": [str(n) for n in range(1_000)]}}}, [[{}] * 100] * 1_000),
        (_nested("oneOf", 12, {"items": {"type": "null"}}), ["x"] * 1_000),
        ({"allOf": [{"additionalProperties": {"type": "string"}}] * 2_000}, {str(n): "" for n in range(2_000)}),
    ],
)  # fmt: skip
def test_checking_has_a_budget(schema: dict[str, Any], value: Any) -> None:
    _within(3, {"properties": {"q": schema}}, {"q": value})


def test_a_large_list_of_records_is_checked_in_full() -> None:
    record = {"type": "object", "required": ["id"], "properties": {f"p{n}": {"type": "string"} for n in range(10)}}
    schema = {"properties": {"records": {"items": record}}}
    records: list[Any] = [{"id": n, **{f"p{m}": "x" for m in range(10)}} for n in range(5_000)]
    assert misfit(schema, {"records": records}) is None
    assert misfit(schema, {"records": [*records, {"p0": "no id"}]}) == "records.5000: 'id' is a required property"


def test_a_schema_of_many_parts_is_read_soon() -> None:
    schema = {"properties": {f"p{n}": {"type": "string", "maxLength": 4} for n in range(6_000)}}
    assert _within(0.5, schema, {"p7": "abcde"}) == "p7: 'abcde' is too long"


@pytest.mark.parametrize("value", [10**5_000, [10**5_000], float("inf")], ids=["long", "in a list", "infinite"])
def test_what_can_hardly_be_written_down_raises_nothing(value: Any) -> None:
    for schema in ({"type": "null"}, {"enum": [1]}, {"maximum": 5}, {"multipleOf": 0.3}, {"not": {}}):
        told = misfit({"properties": {"q": schema}}, {"q": value})
        assert told is not None or schema.keys() < {"maximum", "multipleOf"}


def test_what_is_too_deep_is_refused() -> None:
    deep: Any = 1
    for _ in range(100_000):
        deep = [deep]
    assert misfit({"properties": {"q": {"type": "null"}}}, {"q": deep}) is not None
    assert "broken" in str(misfit(_nested("not", 100_000, {}), {}))


def test_a_complaint_can_be_written_down_and_stands_on_one_line() -> None:
    schema = {"properties": {"a\ud800\nb": {"type": "null"}}}
    for arguments in ({"a\ud800\nb": "\ud800"}, {"c\ud800\nd": 1}):
        told = misfit(schema, arguments)
        assert told is not None
        assert "\n" not in told
        assert told.encode()


@pytest.mark.parametrize(
    "broken", [{"type": []}, {"type": [["string"]]}, {"enum": 1}, {"anyOf": []}, {"allOf": {}}, {"multipleOf": 0},
               {"minLength": -1}, {"maximum": "5"}, {"maximum": float("nan")}, {"properties": {"a": None}}, {"items": [{}]}]
)  # fmt: skip
def test_a_schema_that_means_nothing_is_told_as_such(broken: dict[str, Any]) -> None:
    with pytest.raises(BrokenSchema):
        leniently(broken)
    assert "schema is broken" in str(misfit({"properties": {"a": {"not": broken}}}, {"a": 1}))


NUMBERS = st.integers() | st.sampled_from([10**400, -(10**400), 1e300, 1e-300, float("nan"), float("inf")])
TEXTS = st.sampled_from(["a", "b", "", "\ud800", "a\nb", EVIL, "(", r"\p{L}"])
SCALARS = st.none() | st.booleans() | NUMBERS | st.floats() | TEXTS
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3), max_leaves=8
)
WORDS = sorted(
    {
        *KEYWORDS,
        *Draft202012Validator.VALIDATORS,
        "then",
        "else",
        "minContains",
        "maxContains",
        "$schema",
        "$id",
        "$defs",
    }
)
TYPES = st.sampled_from(["string", "number", "object", "array", "null", "nonsense", ["string", "null"]])


def _schemas(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    values = inner | st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3) | JSON | TYPES
    return st.dictionaries(st.sampled_from(WORDS), values, max_size=3)


@given(st.dictionaries(st.sampled_from(WORDS), st.recursive(JSON | TYPES, _schemas, max_leaves=8), max_size=4), JSON)
@settings(max_examples=400)
def test_nothing_raises_whatever_the_schema_and_the_arguments(schema: dict[str, Any], arguments: Any) -> None:
    told = misfit(schema, arguments)
    assert told is None or told.encode()


SMALL = st.none() | st.booleans() | st.integers(-2, 3) | st.sampled_from(["a", "b", "ab"])
VALUES = st.recursive(
    SMALL, lambda one: st.lists(one, max_size=3) | st.dictionaries(st.sampled_from("ab"), one), max_leaves=5
)


def _sound(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    one, some = inner | st.booleans(), st.lists(inner, min_size=1, max_size=3)
    named = st.dictionaries(st.sampled_from("ab"), inner, max_size=2)
    few = st.integers(0, 2)
    return st.fixed_dictionaries(
        {},
        optional={
            "type": st.sampled_from(["string", "number", "object", "array", ["null", "integer"]]),
            "pattern": st.sampled_from(["a", "^b$"]), "uniqueItems": st.booleans(), "minLength": few, "minimum": few,
            "enum": st.lists(SMALL, min_size=1, max_size=3), "const": VALUES, "required": st.just(["a"]),
            "properties": named, "patternProperties": named, "additionalProperties": one, "unevaluatedProperties": one,
            "propertyNames": inner, "items": one, "prefixItems": some, "contains": inner, "minContains": few,
            "maxContains": few, "not": inner, "if": inner, "then": inner, "else": inner, "dependentSchemas": named,
            "allOf": some, "anyOf": some, "oneOf": some, "multipleOf": st.sampled_from([1, 2, 0.5]),
        },
    )  # fmt: skip


SOUND = st.recursive(_sound(st.just({})), _sound, max_leaves=4)


@given(SOUND, VALUES)
@settings(max_examples=400)
def test_whatever_fits_a_schema_fits_what_is_left_of_it(schema: dict[str, Any], value: Any) -> None:
    if Draft202012Validator(schema).is_valid(value):
        assert Draft202012Validator(leniently(schema)).is_valid(value)
        told = misfit(schema, value)
        assert told is None or "there is no such argument" in told
