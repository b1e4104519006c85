"""Whole turns over a thousand tools: an index, the signatures that the request may need, and a planner that searches."""

import itertools
import json
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver

from nango_graph import build_graph
from nango_graph.asking_the_planner import REPAIRS, SEARCHES
from nango_graph.planning.presenting import INDEX, SIGNATURES, tokens_of
from nango_sandbox import Sandbox
from nango_sandbox.apps import all_apps
from nango_sandbox.catalog import read_catalog
from nango_sandbox.faults import Status
from nango_sandbox.rule_model import RuleBasedChatModel

APPROVE: dict[str, Any] = {"type": "approve"}
VERBS = ("list", "get", "create", "update", "delete", "export", "assign", "close", "clone", "lock")
NOUNS = (
    "invoice", "contact", "ticket", "shipment", "contract", "folder", "report", "deal", "employee", "order", "voucher", "asset",
    "recipe", "survey", "vehicle", "booking", "patient", "lesson", "tenant", "parcel", "shelf", "turbine", "meadow", "lantern", "kettle",
    "violin",
)  # fmt: skip
DESKS = ("acorn", "birch", "cedar", "dogwood")


@pytest.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[Sandbox]:
    """Four services with 260 tools each, beside the three of the sandbox."""
    lines = [
        {
            "integration": desk,
            "name": f"{verb}-{noun}",
            "description": f"{verb.title()} a {noun} that is kept in the {desk} service.",
            "input_schema": {
                "type": "object",
                "properties": {f"{noun}_id": {"type": "string", "description": f"Of the {noun}."}},
                "required": [f"{noun}_id"],
            },
            "auth_mode": "API_KEY",
        }
        for desk, verb, noun in itertools.product(DESKS, VERBS, NOUNS)
    ]
    file = tmp_path / "catalog.jsonl"
    file.write_text("\n".join(map(json.dumps, lines)))
    async with Sandbox(integrations=[*all_apps(), *read_catalog(file)]) as running:
        yield running


@pytest.fixture
async def large(start: Any, sandbox: Sandbox) -> AsyncIterator[Any]:
    """Ada, who is connected to all four."""
    for desk in DESKS:
        await sandbox.connect(desk, {"end_user_id": "ada"})
    async with start() as opened:
        opened.model.integrations = list(DESKS)
        yield opened


def step(number: int, tool: str, **arguments: Any) -> dict[str, Any]:
    return {"id": f"s{number}", "tool": tool, "arguments": arguments, "purpose": "as asked"}


def plan(*steps: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "plan", "steps": list(steps)}


def search(words: str, **more: str) -> dict[str, Any]:
    return {"kind": "search_tools", "text": words, **more}


ANSWER = {"kind": "answer", "text": "That can't be done."}


def block(name: str, prompt: str) -> str:
    found = re.search(rf"^<{name}>\n(.*?)</{name}>", prompt, re.MULTILINE | re.DOTALL)
    return found[1] if found else ""


def in_full(prompt: str) -> set[str]:
    """Ids of the tools whose signatures stand in a prompt."""
    return set(re.findall(r"^((?:acorn|birch|cedar|dogwood)/[a-z-]+)\(", block("tools", prompt), re.MULTILINE))


async def test_the_model_searches_in_its_own_words_plans_with_what_was_found_and_the_plan_runs(large) -> None:
    plans = plan(step(1, "cedar/close-turbine", turbine_id="T7"))
    large.model.script = [search("close turbine", integration="cedar"), plans]
    seen = await large.say("Mach das Windrad T7 zu")
    first, second = large.model.prompts
    assert "cedar/close-turbine" not in in_full(first)
    assert "cedar/close-turbine" in in_full(second)
    assert block("searches", second).startswith('"close turbine": cedar/')
    assert [request["name"] for request in seen.asks] == ["cedar/close-turbine"]
    assert (await large.decide(APPROVE)).answer == "Done."
    assert await large.written() == [("close-turbine", {"turbine_id": "T7"})]


async def test_what_the_request_names_is_there_in_full_at_once_and_the_rest_in_the_index(large) -> None:
    large.model.script = [plan(step(1, "birch/close-lantern", lantern_id="L1"))]
    await large.say("Close the lantern L1")
    (prompt,) = large.model.prompts
    assert "birch/close-lantern" in in_full(prompt)
    assert tokens_of(block("tools", prompt)) <= SIGNATURES
    assert tokens_of(block("tool_index", prompt)) <= INDEX
    indexed = {desk: names.split(", ") for desk, names in re.findall("(.+): (.+)", block("tool_index", prompt))}
    assert indexed == {desk: sorted(f"{verb}-{noun}" for verb in VERBS for noun in NOUNS) for desk in DESKS}
    assert tokens_of(prompt) < 11_000  # some 40,000 with all signatures


async def test_prompts_of_different_requests_are_alike_to_the_end_of_the_index(large) -> None:
    large.model.script = [ANSWER, ANSWER]
    await large.say("Close the lantern L1", thread="one")
    await large.say("Which parcels are there?", thread="two")
    one, two = (prompt.partition("</tool_index>") for prompt in large.model.prompts)
    assert one[0] == two[0]
    assert one[2] != two[2]


async def test_a_small_catalogue_is_shown_whole_and_has_no_index(agent) -> None:
    agent.model.script = [ANSWER]
    await agent.say("hello there, what is up with those?")
    (prompt,) = agent.model.prompts
    assert not block("tool_index", prompt)
    assert "\ngithub/list-issues(" in prompt
    assert "\nslack/post-message(" in prompt


async def test_searching_ends_and_then_the_model_must_decide(large) -> None:
    large.model.script = [*(search(f"number {number}") for number in range(SEARCHES)), search("again"), ANSWER]
    assert (await large.say("do it")).answer == "That can't be done."
    assert f"you have searched {SEARCHES} times" in block("problem", large.model.prompts[-1])
    large.model.script = [search("again")] * (SEARCHES + REPAIRS + 1)
    assert "I could not make a plan" in (await large.say("do it", thread="stubborn")).answer


async def test_searches_take_nothing_from_the_budgets_of_plans_and_repairs(large) -> None:
    wrong = plan(step(1, "acorn/no-such-thing"))
    searches = [search(words) for words in ("kettle", "violin", "meadow")]
    large.model.script = [wrong, *searches, wrong, plan(step(1, "acorn/get-kettle", kettle_id="K"))]
    assert (await large.say("do it", max_replans=0)).answer == "Done."


async def test_a_tool_from_the_index_may_be_used_unseen_where_its_arguments_fit(large) -> None:
    large.model.script = [plan(step(1, "dogwood/get-violin", violin_id="V"))]
    assert (await large.say("tu das bitte")).answer == "Done."
    assert "dogwood/get-violin" not in in_full(large.model.prompts[0])


async def test_where_they_do_not_fit_the_signature_comes_with_the_refusal(large) -> None:
    large.model.script = [
        plan(step(1, "dogwood/get-violin", violin="V")),
        plan(step(1, "dogwood/get-violin", violin_id="V")),
    ]
    assert (await large.say("tu das bitte")).answer == "Done."
    assert "dogwood/get-violin" in in_full(large.model.prompts[1])
    assert "dogwood/get-violin(violin_id: string)" in large.model.prompts[1]


async def test_for_a_tool_that_is_not_there_near_ones_are_named_and_shown(large) -> None:
    large.model.script = [
        plan(step(1, "dogwood/fetch-the-violin", violin_id="V")),
        plan(step(1, "dogwood/get-violin", violin_id="V")),
    ]
    assert (await large.say("tu das bitte")).answer == "Done."
    named = block("problem", large.model.prompts[1]).partition("Near that name are: ")[2]
    near = re.findall(r"[a-z]+/[a-z-]+", named)
    assert near
    assert all("violin" in name for name in near)
    assert set(near) <= in_full(large.model.prompts[1])


async def test_what_was_searched_for_stays_in_view_when_a_step_failed_and_the_rest_is_planned_anew(large) -> None:
    large.sandbox.faults.add(Status(status=400, action="get-voucher", body={"error": {"code": "no", "message": "no"}}))
    get = plan(step(1, "birch/get-voucher", voucher_id="V"))
    large.model.script = [search("voucher", integration="birch"), get, ANSWER]
    assert (await large.say("tu das bitte")).answer == "That can't be done."
    found = in_full(large.model.prompts[1])
    assert {"birch/get-voucher", "birch/lock-voucher"} <= found
    assert "Step s1 failed" in block("problem", large.model.prompts[2])
    assert found <= in_full(large.model.prompts[2])


async def test_a_follow_up_sees_the_tools_of_what_was_said_before(large) -> None:
    large.model.script = [{"kind": "question", "text": "Which desk?"}, ANSWER]
    await large.say("Close the lantern L1")
    await large.say("the second")
    assert any(tool.endswith("/close-lantern") for tool in in_full(large.model.prompts[1]))


async def test_a_denied_tool_is_in_no_index_no_search_and_no_list_of_near_names(large) -> None:
    large.model.script = [
        search("close lantern"),
        plan(step(1, "birch/close-lantern", lantern_id="L")),
        plan(step(1, "birch/close-the-lantern", lantern_id="L")),
        ANSWER,
    ]
    await large.say("Close the lantern in birch", deny=["*/close-lantern"])
    said_by_the_model = '"close lantern"'
    for number, prompt in enumerate(large.model.prompts):
        told = prompt.replace(said_by_the_model, "")
        assert "/close-lantern" not in told.replace("there is no tool 'birch/close-lantern'", ""), number
        assert not re.search(r"\bclose-lantern\b", block("tool_index", prompt)), number


async def test_names_of_integrations_that_are_not_in_use_follow_the_request_and_all_keys_are_listed(
    start, sandbox
) -> None:
    await sandbox.connect("github", {"end_user_id": "ada"})
    async with start() as agent:
        agent.model.integrations = ["github"]
        agent.model.script = [ANSWER, search("lock violin"), ANSWER]
        await agent.say("wenn schon, dann github: milk the turbine", thread="one")
        await agent.say("something else", thread="two")
    first, _, third = (block("other_integrations", prompt) for prompt in agent.model.prompts)
    for listed in (first, third):
        assert [line.partition(" — ")[0] for line in listed.splitlines()] == [*DESKS, "hubspot", "slack"]
    assert first.count("-turbine") > third.count("-turbine")
    assert "lock-violin" in third


async def test_the_rule_based_model_finds_its_tools_in_what_is_shown(start, sandbox) -> None:
    for desk in DESKS:
        await sandbox.connect(desk, {"end_user_id": "ada"})
    async with start() as agent:
        services = replace(agent.services, model=RuleBasedChatModel())
        agent.graph = build_graph(services).compile(checkpointer=InMemorySaver())
        assert (
            "To close a lantern I need to know: which lantern" in (await agent.say("Close a lantern in birch")).answer
        )
