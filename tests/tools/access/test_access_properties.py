import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nango_tools import Access, classify
from nango_tools.access.verbs import vocabulary

# As people say it, not as the code lists it.
TAKE_AWAY = sorted(
    vocabulary("""
    delete destroy remove erase purge wipe trash cancel revoke terminate deactivate disable void reject decline reset refund
    truncate empty clear drop kill abort uninstall unlink unsubscribe expire suspend evict overwrite withdraw discard
    disconnect detach unassign untag unfollow prune shred nuke invalidate
""")
)
READ_FIRST = ["get", "list", "find", "search", "fetch", "retrieve", "read", "query", "count", "download", "lookup"]
JOINED = ["and", "or", "then"]
THINGS = ["user", "contact", "invoice", "message", "file", "row", "account", "page"]

texts = st.text(max_size=60)
methods = st.sampled_from([None, "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", ""])
names = st.one_of(
    texts,
    st.lists(
        st.sampled_from([*TAKE_AWAY, *READ_FIRST, *JOINED, *THINGS, "check", "order", "v2", "url", "upload"]),
        max_size=5,
    ).map("-".join),
)
sentences = st.lists(
    st.sampled_from(
        sorted(
            vocabulary(
                "list get deletes delete the a it and or , . marks as read creates if missing permanently deleted sends will be after"
            )
        )
    ),
    max_size=12,
).map(" ".join)


@given(names, st.one_of(texts, sentences), methods, st.lists(texts, max_size=3))
def test_every_text_gets_a_verdict_with_a_reason(
    name: str, description: str, method: str | None, scopes: list[str]
) -> None:
    verdict = classify(name, description, method, scopes)
    assert verdict.access in Access
    assert verdict.reason


@given(names, st.one_of(texts, sentences), methods)
def test_a_description_never_lowers(name: str, description: str, method: str | None) -> None:
    assert classify(name, description, method).access >= classify(name, "", method).access


@given(names, sentences, sentences)
def test_another_sentence_never_lowers(name: str, description: str, another: str) -> None:
    longer = f"{description}\n{another}"
    assert classify(name, longer, None).access >= classify(name, description, None).access


@given(names, st.one_of(texts, sentences))
def test_a_get_never_raises_and_no_other_method_lowers(name: str, description: str) -> None:
    undeclared = classify(name, description, None).access
    assert classify(name, description, "GET").access <= undeclared
    for method in ("POST", "PUT", "PATCH", "DELETE", "whatever"):
        assert classify(name, description, method).access >= undeclared


@given(
    st.sampled_from(TAKE_AWAY),
    st.sampled_from(THINGS),
    st.sampled_from(READ_FIRST),
    st.sampled_from(JOINED),
    st.sampled_from([None, "GET", "POST"]),
    st.sampled_from(["-", "_", ".", "camel", " "]),
)
@settings(max_examples=400)
def test_what_takes_away_wherever_a_verb_can_stand_is_never_less(
    verb: str, thing: str, reading: str, joined: str, method: str | None, style: str
) -> None:
    for words in (
        (verb, thing),
        (thing, verb),
        (verb,),
        (reading, joined, verb, thing),
        (reading, thing, joined, verb),
        ("bulk", verb),
    ):
        name = words[0] + "".join(word.title() for word in words[1:]) if style == "camel" else style.join(words)
        assert classify(name, "", method).access is Access.DESTRUCTIVE, name


@pytest.mark.parametrize(
    "part", ["a", "A", "get-", "é", "А", "delet", "AAAAa", "get_and_", "any ", "mark ", "1", "create "]
)
def test_time_grows_with_the_length_and_no_faster(part: str) -> None:
    def seconds(length: int) -> float:
        text = (part * length)[:length]
        started = time.process_time()
        classify(text, text, "GET")
        return time.process_time() - started

    seconds(100)
    assert seconds(20_000) < 1.0  # what grows with the square takes many seconds


_KEYWORDS = st.sampled_from(
    [
        "type",
        "properties",
        "required",
        "enum",
        "const",
        "format",
        "items",
        "anyOf",
        "patternProperties",
        "url",
        "to",
        "sql",
    ]
)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYWORDS, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(_KEYWORDS, _JSON, max_size=4))
@settings(max_examples=400)
def test_whatever_a_schema_holds_there_is_a_verdict_and_it_never_lowers(schema: dict[str, Any]) -> None:
    for method in (None, "GET"):
        assert classify("list-things", "", method, (), schema).access >= classify("list-things", "", method).access
