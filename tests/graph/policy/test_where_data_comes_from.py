"""Rules on where the data in a call comes from: through references, and through what the planner had seen."""

from typing import Any

import pytest

from nango_graph.execution.provenance import Provenance
from nango_graph.records import PlanRow
from nango_sandbox.functions.action import Action
from nango_sandbox.functions.signature import Declared
from nango_tools.policy import USER

APPROVE: dict[str, Any] = {"type": "approve"}
CONTACTS = {"id": "s1", "tool": "hubspot/list-contacts", "arguments": {}}
ISSUES = {"id": "s1", "tool": "github/list-issues", "arguments": {"owner": "octo", "repo": "widgets"}}


def plan(*steps: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "plan", "steps": list(steps)}


def post(text: str, step: str = "s2", channel: str = "general", **more: Any) -> dict[str, Any]:
    return {"id": step, "tool": "slack/post-message", "arguments": {"channel": channel, "text": text}, **more}


NO_LEAKS = """
- name: chat is open
  effect: allow
  tool: slack/post-message
- name: customers stay in the CRM
  effect: deny
  tool: slack/post-message
  from_integration: hubspot
"""


async def test_data_that_a_reference_brings_from_the_wrong_place_is_not_sent(under) -> None:
    async with under(NO_LEAKS) as agent:
        agent.model.script = [plan(CONTACTS, post("${s1.contacts[0].email}")), {"kind": "answer", "text": "No."}]
        assert "customers stay in the CRM" in (await agent.say("post the first contact")).answer
        assert await agent.written() == []


async def test_what_comes_from_elsewhere_goes_as_the_rules_allow(under) -> None:
    async with under(NO_LEAKS) as agent:
        agent.model.script = [plan(ISSUES, post("${s1.issues[0].title}"))]
        assert (await agent.say("post the first title")).answer == "Done."
        assert [action for action, _ in await agent.written()] == ["post-message"]


LOOKING_AT_ALL = [
    "${to_string([s2.issues[0].number, @.s1.contacts[0].email])}",
    "${@ | s1.contacts[0].email}",
    "${values(@)[].contacts[].email | [0]}",
    "${*.contacts[] | [0].email}",
    "${not_null(s2.nothing, @.s1.contacts[0].email)}",
]


@pytest.mark.parametrize("text", LOOKING_AT_ALL)
async def test_no_reference_brings_what_it_does_not_name(under, text) -> None:
    async with under(NO_LEAKS) as agent:
        steps = [CONTACTS, {**ISSUES, "id": "s2"}, post(text, "s3", after=["s1"])]
        agent.model.script = [plan(*steps)] * 3
        assert "must begin with the id of a step" in (await agent.say("post")).answer
        assert await agent.ledger() == []
        # Nor one of an earlier turn.
        agent.model.script = [plan(*steps[:2])]
        await agent.say("read both")
        agent.model.script = [plan(post(text, "s3"))] * 3
        await agent.say("now post")
        assert await agent.written() == []


async def test_names_of_arguments_are_words_too(under, sandbox) -> None:
    async def done(_call: Any, _given: Any) -> Any:
        return {"ok": True}

    open_ended = Declared({"type": "object", "additionalProperties": {"type": "string"}}, checked=False)
    await sandbox.deploy("slack", Action("set-fields", "Set fields.", "write", done, declared=open_ended))
    async with under(NO_LEAKS.replace("slack/post-message", "slack/set-fields")) as agent:
        agent.model.script = [plan(CONTACTS, {**ISSUES, "id": "s2"})]
        await agent.say("list both")
        for step, value in (("s3", ""), ("s4", "${s2.issues[0].title}")):
            named = {"id": step, "tool": "slack/set-fields", "arguments": {"nora.winter@northwind.example": value}}
            agent.model.script = [plan(named), {"kind": "answer", "text": "No."}]
            assert "customers stay in the CRM" in (await agent.say("set the fields")).answer
        assert await agent.written() == []


async def test_items_of_a_list_come_from_where_the_list_does(under) -> None:
    async with under(NO_LEAKS) as agent:
        each = post("${item.email}", for_each="${s1.contacts}")
        agent.model.script = [plan(CONTACTS, each), {"kind": "answer", "text": "No."}]
        assert "customers stay in the CRM" in (await agent.say("post all")).answer
        assert await agent.written() == []


async def test_words_that_a_new_plan_copied_from_what_was_read_count_as_read(under) -> None:
    """The first plan reads and fails; the next one says by itself what the first one brought."""
    async with under(NO_LEAKS) as agent:
        fails = {
            "id": "s2",
            "tool": "github/get-issue",
            "arguments": {"owner": "octo", "repo": "widgets", "issue_number": 999},
        }
        agent.model.script = [
            plan(CONTACTS, fails),
            plan(post("nora.winter@northwind.example", "s3")),
            {"kind": "answer", "text": "No."},
        ]
        assert "customers stay in the CRM" in (await agent.say("read and post")).answer
        assert await agent.written() == []


async def test_words_of_a_later_turn_may_be_copied_from_the_conversation(under) -> None:
    async with under(NO_LEAKS) as agent:
        agent.model.script = [plan(CONTACTS)]
        await agent.say("list the contacts")
        # The owner of the thread takes the results out of the state; the conversation still tells them.
        await agent.edit_state({"earlier": [], "results": []}, after="respond")
        agent.model.script = [plan(post("nora.winter@northwind.example", "s2")), {"kind": "answer", "text": "No."}]
        assert "customers stay in the CRM" in (await agent.say("post the first address")).answer
        assert await agent.written() == []


async def test_a_rule_that_allows_what_comes_from_one_place_asks_where_something_else_is_mixed_in(under) -> None:
    async with under("""
- name: issues may be told
  effect: allow
  tool: slack/post-message
  from_integration: [github, user]
""") as agent:
        agent.model.script = [plan(ISSUES, {**CONTACTS, "id": "s2"}, post("${s1.issues[0].title}", "s3"))]
        assert (await agent.say("post the title")).answer == "Done."
        agent.model.script = [plan(post("${s1.issues[0].title} ${s2.contacts[0].email}", "s4"))]
        assert [request["name"] for request in (await agent.say("and both")).asks] == ["slack/post-message"]


# The sources themselves


def row(*steps: dict[str, Any], seen: frozenset[str] | None = frozenset(), plan_id: str = "p1") -> PlanRow:
    return PlanRow(plan_id, "turn", "t", 0, "open", list(steps), seen)


@pytest.mark.parametrize(
    ("arguments", "sources"),
    [
        ({}, {USER}),
        ({"text": ""}, {USER}),
        ({"tags": [], "more": {}}, {USER}),
        ({"text": "hello"}, {USER, "seen"}),
        ({"number": 7}, {USER, "seen"}),
        ({"text": "${s1.email}"}, {"hubspot"}),
        ({"text": "${s1.email}", "channel": "general"}, {"hubspot", USER, "seen"}),
        ({"text": "Mail: ${s1.email}"}, {"hubspot", USER, "seen"}),
        ({"text": "${join('copied words', s1.emails)}"}, {"hubspot", USER, "seen"}),
        ({"text": '${[s1.a, `"copied"`]}'}, {"hubspot", USER, "seen"}),
        ({"text": "${ {copied: s1.a} }"}, {"hubspot", USER, "seen"}),
        ({"fields": {"copied words": "${s1.a}"}}, {"hubspot", USER, "seen"}),
        ({"all": ["${s1.a}", ["${s1.b}"]]}, {"hubspot"}),
        # What went through another tool may come out of it again.
        ({"text": "${s2.title}"}, {"hubspot", "github", "seen"}),
        ({"text": "${nowhere.title}"}, {USER, "hubspot", "github", "slack"}),
    ],
)
def test_the_sources_of_a_call(arguments, sources) -> None:
    steps = [
        {"id": "s1", "tool": "hubspot/get-contact", "arguments": {}},
        {"id": "s2", "tool": "github/echo", "arguments": {"text": "${s1.email}", "more": "copied"}},
        {"id": "s3", "tool": "slack/post-message", "arguments": arguments},
    ]
    names = {"text", "tags", "more", "number", "channel", "fields", "all"}
    declared = {"github/echo": names, "slack/post-message": names}
    assert Provenance([row(*steps, seen=frozenset({"seen"}))], declared=declared).sources("p1", "s3") == sources


@pytest.mark.parametrize("value", ["", "${s1.email}", [], {}, "hello"])
def test_a_name_that_the_tool_does_not_declare_was_written_by_the_planner(value) -> None:
    steps = [
        {"id": "s1", "tool": "hubspot/get-contact", "arguments": {}},
        {"id": "s2", "tool": "slack/set-fields", "arguments": {"nora.winter@northwind.example": value}},
    ]
    for declared in ({}, {"slack/set-fields": ["text"]}):
        sources = Provenance([row(*steps, seen=frozenset({"seen"}))], declared=declared).sources("p1", "s2")
        assert sources >= {USER, "seen"}


def test_a_list_to_run_for_is_a_source_and_so_are_words_in_it() -> None:
    one = {"id": "s1", "tool": "hubspot/list-contacts", "arguments": {}}
    each = {"id": "s2", "tool": "slack/post", "arguments": {"text": "${item.a}"}, "for_each": "${s1.contacts}"}
    written = {**each, "id": "s3", "for_each": "${[s1.a, 'copied']}"}
    provenance = Provenance([row(one, each, written)], declared={"slack/post": ["text"]})
    assert provenance.sources("p1", "s2") == {"hubspot"}
    assert provenance.sources("p1", "s3") == {"hubspot", USER}
    assert provenance.sources("p1", "s2", edited=True) == {"hubspot", USER}


def test_of_a_plan_of_which_nobody_knows_what_was_seen_it_may_have_been_anything() -> None:
    step = {"id": "s1", "tool": "slack/post", "arguments": {"text": "hi"}}
    assert Provenance([row(step, seen=None)], ["gmail", "hubspot"], declared={}).sources("p1", "s1") == {
        USER, "gmail", "hubspot", "slack",
    }  # fmt: skip


def test_a_later_plan_has_seen_what_earlier_ones_brought_whatever_was_noted() -> None:
    first = row({"id": "s1", "tool": "hubspot/list-contacts", "arguments": {}})
    second = row({"id": "s2", "tool": "slack/post", "arguments": {"text": "copied"}}, plan_id="p2")
    assert Provenance([first, second], declared={}).sources("p2", "s2") == {USER, "hubspot"}
    assert Provenance([first, second], declared={}).sources("p2", "unknown") >= {USER, "hubspot", "slack"}
