"""What a filter found nothing for is planned again as that, and is no complaint about the kind of an argument."""

from typing import Any

import pytest

from nango_graph.execution.binding import found_nothing
from nango_graph.planning.plan import Step

OCTO = {"owner": "octo", "repo": "widgets"}
LIST = {"id": "s1", "tool": "github/list-issues", "arguments": OCTO}
NONE = "${s1.issues[?title=='nowhere'].number}"
NUMBERS = {"type": "object", "properties": {"n": {"type": "integer"}, "all": {"type": "array"}}}


def read(number: Any, **more: Any) -> dict[str, Any]:
    return {"id": "s2", "tool": "github/get-issue", "arguments": {**OCTO, "issue_number": number}, **more}


@pytest.mark.parametrize(
    ("reference", "hint"),
    [
        (NONE, False),
        ("${s1.issues[?title=='nowhere'][0].number}", True),
        ("${s1.issues[*][0].number}", True),
        ("${s1.issues[?title=='nowhere'] | [0].number}", False),
    ],
)
async def test_it_is_planned_again_because_nothing_was_found(agent: Any, reference: str, hint: bool) -> None:
    agent.model.script = [
        {"kind": "plan", "steps": [LIST, read(reference)]},
        {"kind": "answer", "text": "There is none."},
    ]
    seen = await agent.say("show that issue")
    assert seen.answer == "There is none."
    [told] = [one["error"] for one in seen.values["results"] if one["step"] == "s2"]
    assert "found nothing (for issue_number" in told
    assert "don't fit" not in told
    assert ("| [0]` takes the first" in told) == hint
    problem = agent.model.prompts[1].split("<problem>")[1].split("</problem>")[0]
    assert "found nothing" in problem
    assert "s2 failed" not in problem
    assert [entry.action for entry in await agent.ledger()] == ["list-issues"]


@pytest.mark.parametrize(
    ("planned", "bound", "schema", "told"),
    [
        ({"n": NONE}, {"n": []}, NUMBERS, "(for n)"),
        ({"n": "x", "all": NONE}, {"n": "x", "all": []}, NUMBERS, ""),
        ({"n": NONE, "all": NONE}, {"n": [], "all": []}, NUMBERS, "(for n)"),
        ({"n": "${s1.x}"}, {"n": None}, NUMBERS, "(for n)"),
        ({"n": []}, {"n": []}, NUMBERS, ""),
        ({"n": "see ${s1.x}"}, {"n": "see []"}, NUMBERS, ""),
        (
            {"n": "${s1.x}"},
            {"n": []},
            {"properties": {"n": {"anyOf": [{"type": "string"}, {"type": "null"}]}}},
            "(for n)",
        ),
        ({"n": "${s1.x}"}, {"n": []}, {"properties": {"n": {"type": "array", "minItems": 1}}}, "(for n)"),
        (
            {"a": [{"b": "${s1.x}"}]},
            {"a": [{"b": []}]},
            {"properties": {"a": {"items": {"properties": {"b": {"type": "string"}}}}}},
            "(for a[0].b)",
        ),
    ],
)
def test_only_where_the_tool_takes_no_empty_list(planned: Any, bound: Any, schema: Any, told: str) -> None:
    step = Step(id="s2", tool="app/act", arguments=planned)
    found = found_nothing(step, bound, schema)
    assert found.endswith(told)
    assert bool(found) == bool(told)
    assert found.count("found nothing") <= 1
