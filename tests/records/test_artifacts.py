"""Outputs that are too large to be carried along: kept once, read whole, and only by whom they belong to."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nango_graph import Records
from nango_graph.execution.outputs import Outputs, earlier_results
from nango_graph.records import Call, CallKey
from nango_graph.records.artifacts import LARGE

NOW = 1_000_000.0
ISSUES = {"issues": [{"number": number, "title": f"Issue {number}", "body": "x" * 200} for number in range(100)]}


@pytest.fixture
async def records(records_url: str | Path) -> AsyncIterator[Records]:
    opened = await Records.open(records_url)
    yield opened
    await opened.close()


async def kept(records: Records, output: Any, *, tenant: str = "ada", thread_id: str = "t") -> str:
    inline, artifact = await records.artifacts.kept(output, tenant=tenant, thread_id=thread_id, now=NOW)
    assert inline is None
    assert artifact is not None
    return artifact


def read(step: str, item: str = "") -> Call:
    return Call(CallKey("plan", step, item), "github/list-issues", "c1", "read", "d", {}, "succeeded", "w", 0.0)


async def record(records: Records, step: str, output: Any, *, item: str = "", at: float = NOW) -> None:
    inline, artifact = await records.artifacts.kept(output, tenant="ada", thread_id="t", now=NOW)
    call = replace(read(step, item), output=inline, artifact=artifact)
    await records.calls.record(call, tenant="ada", thread_id="t", now=at)


async def plan(records: Records, *steps: dict[str, Any]) -> None:
    await records.plans.save(
        plan_id="plan", tenant="ada", thread_id="t", turn_id="turn", ordinal=0, steps=list(steps), seen=(), now=NOW
    )


@pytest.mark.parametrize(
    ("output", "is_kept"),
    [
        ("x" * (LARGE - 2), False),
        ("x" * (LARGE - 1), True),
        ("ä" * (LARGE // 2 - 1), False),
        ("ä" * (LARGE // 2), True),
        ([1] * (LARGE // 2 - 1), False),
        ([1] * (LARGE // 2), True),
        (None, False),
        ({}, False),
    ],
)
async def test_it_is_the_bytes_of_json_that_count(output: Any, is_kept: bool) -> None:
    records = await Records.in_memory()
    inline, artifact = await records.artifacts.kept(output, tenant="ada", thread_id="t", now=NOW)
    assert (artifact is not None) is is_kept
    assert inline == (None if is_kept else output)
    await records.close()


async def test_what_is_read_is_what_was_kept(records: Records) -> None:
    artifact = await kept(records, ISSUES)
    assert await records.artifacts.read(artifact, tenant="ada") == ISSUES


async def test_the_same_output_of_one_thread_is_kept_once(records: Records) -> None:
    together = await asyncio.gather(*(kept(records, ISSUES) for _ in range(5)))
    assert {*together, await kept(records, ISSUES)} == {together[0]}
    assert await kept(records, ISSUES, thread_id="another") != together[0]


async def test_nobody_else_reads_it_and_an_equal_output_of_theirs_is_another_one(records: Records) -> None:
    artifact = await kept(records, ISSUES)
    with pytest.raises(LookupError, match=f"There is no artifact {artifact}"):
        await records.artifacts.read(artifact, tenant="bea")
    assert await records.artifacts.many([artifact], "bea") == {}
    assert await records.artifacts.about([artifact], "bea") == {}
    assert await kept(records, ISSUES, tenant="bea") != artifact


async def test_what_there_is_to_know_of_it_is_known_without_reading_it(records: Records) -> None:
    artifact = await kept(records, ISSUES)
    about = (await records.artifacts.about([artifact], "ada"))[artifact]
    assert about.size == len(json.dumps(ISSUES, separators=(",", ":")))
    assert about.shape == "{issues: [{number: integer, title: string, body: string}] (100)}"
    assert about.preview.startswith('{"issues":[{"number":0,"title":"Issue 0"')
    assert len(about.preview) < 2_200


async def test_more_than_one_query_can_name_are_read(records: Records) -> None:
    ids = await asyncio.gather(*(kept(records, [number] * 5_000) for number in range(45)))
    found = await records.artifacts.many([*ids, *ids, "nothing"], "ada")
    assert {artifact: value[0] for artifact, value in found.items()} == dict(zip(ids, range(45), strict=True))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters(codec=None)),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(codec=None)), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=JSON)
async def test_any_json_comes_back_as_it_was(value: Any) -> None:
    records = await Records.in_memory()
    output = [value, "x" * LARGE, "\0\ud800<"]
    assert await records.artifacts.read(await kept(records, output), tenant="ada") == output
    await records.close()


async def test_an_output_that_is_nested_hundreds_of_levels_deep_is_kept(records: Records) -> None:
    deep: Any = "x" * LARGE
    for _ in range(400):
        deep = [deep, {"a": 1}]
    artifact = await kept(records, deep)
    assert json.dumps(await records.artifacts.read(artifact, tenant="ada")) == json.dumps(deep)


async def test_references_see_the_whole_and_only_the_steps_that_are_asked_for_are_read(records: Records) -> None:
    await plan(records, {"id": "s1"}, {"id": "s2"}, {"id": "s3", "for_each": "${s1.issues}"}, {"id": "s4"})
    await record(records, "s1", ISSUES)
    await record(records, "s2", {"small": 1})
    for number in range(3):
        await record(records, "s3", ["y" * (LARGE * number)], item=f"i{number}", at=NOW + number)
    outputs = Outputs(records, "t", "ada")
    assert await outputs.of(["s1", "s2", "s9"]) == {"s1": ISSUES, "s2": {"small": 1}}
    assert await outputs.of(["s3"]) == {"s3": [["y" * (LARGE * number)] for number in range(3)]}
    assert await outputs.of([]) == {}
    assert await Outputs(records, "t", "bea").of(["s1"]) == {}
    assert await Outputs(records, "another", "ada").of(["s1"]) == {}


async def test_calls_are_made_whole_in_their_order(records: Records) -> None:
    await plan(records, {"id": "s1", "for_each": "${s0}"})
    for number in range(3):
        await record(records, "s1", ["y" * (LARGE * number)], item=f"i{number}", at=NOW + number)
    calls = await records.calls.of_plan("plan", "ada")
    assert [call.output is None for call in calls] == [False, True, True]
    whole = await Outputs(records, "t", "ada").whole(calls)
    assert [len(call.output[0]) for call in whole] == [0, LARGE, 2 * LARGE]


async def test_an_output_that_is_gone_is_never_taken_for_null(records: Records) -> None:
    await plan(records, {"id": "s1"}, {"id": "s2"})
    gone = replace(read("s1"), artifact="gone")
    await records.calls.record(gone, tenant="ada", thread_id="t", now=NOW)
    await record(records, "s2", "here")
    outputs = Outputs(records, "t", "ada")
    assert await outputs.of(["s1", "s2"]) == {"s2": "here"}
    with pytest.raises(LookupError, match=r"the output of step s1 \(github/list-issues\) any more"):
        await outputs.whole([gone])
    (first, _) = await earlier_results(records, "t", "ada")
    assert first["shape"] == "not kept any more"


async def test_earlier_results_tell_of_large_outputs_without_loading_them(records: Records) -> None:
    await plan(
        records, {"id": "s1"}, {"id": "s2", "for_each": "${s1.issues}"}, {"id": "s3", "select": "issues[0].title"}
    )
    await record(records, "s1", ISSUES)
    for number in range(30):
        await record(records, "s2", {"number": number, **ISSUES}, item=f"i{number:02}", at=NOW + 1 + number)
    await record(records, "s3", {"issues": ISSUES["issues"][:5]}, at=NOW + 100)

    async def many(*_: Any) -> dict[str, Any]:
        raise AssertionError("loaded")

    records.artifacts.many = many  # type: ignore[method-assign]
    s1, s2, s3 = await earlier_results(records, "t", "ada")
    assert s1["shape"] == "{issues: [{number: integer, title: string, body: string}] (100)}"
    assert s1["preview"].startswith('{"issues":[{"number":0,')
    assert len(s1["artifacts"]) == 1
    assert s2["shape"].endswith("] (30)")
    assert s2["preview"].startswith('[{"number":0,"issues":[')
    assert "(shortened: the first item of 30; shortened: lists" in s2["preview"]
    assert s2["size"] > 30 * s1["size"]
    assert len(s2["artifacts"]) == 20
    assert (s3["preview"], s3["selected"]) == ('"Issue 0"', "issues[0].title")
    assert "size" not in s3


async def test_large_outputs_of_older_versions_stand_in_the_call_and_go_on_working(records: Records) -> None:
    await plan(records, {"id": "s1"})
    await records.calls.record(replace(read("s1"), output=ISSUES), tenant="ada", thread_id="t", now=NOW)
    assert await Outputs(records, "t", "ada").of(["s1"]) == {"s1": ISSUES}
    (result,) = await earlier_results(records, "t", "ada")
    assert result["size"] == len(json.dumps(ISSUES, separators=(",", ":")))
    assert "artifacts" not in result


async def test_which_steps_are_done_and_what_is_in_doubt_is_known_without_outputs(records: Records) -> None:
    await plan(records, {"id": "s1"}, {"id": "s2"})
    await record(records, "s1", ISSUES)
    unknown = replace(read("s2"), access="write", digest="posted", state="unknown")
    await records.calls.record(unknown, tenant="ada", thread_id="t", now=NOW)
    assert await records.calls.steps_done("plan", "ada") == {"s1"}
    assert await records.calls.steps_done("plan", "bea") == set()
    (sent,) = await records.claims.sent_before("posted", "ada", "t")
    assert sent.may_have_happened
    assert await records.claims.sent_before("posted", "ada", "another") == []
    assert await records.claims.sent_before("posted", "bea", "t") == []
    assert await records.claims.sent_before("d", "ada", "t") == []
