"""What the threads are asked to do that are killed: plans, and a model that knows which one comes next from nothing but its prompt."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage

from replying_model import ReplyingModel, calling, first_of

WIDGETS = {"owner": "octo", "repo": "widgets"}
GADGETS = {"owner": "octo", "repo": "gadgets"}
OPEN_ISSUES = 5
"""Of octo/widgets, as the sandbox is seeded. Nothing here opens another one there."""
FIFTY = 50
GO_ON = "Go on with what was left."

Step = dict[str, Any]
Plan = dict[str, Any]


@dataclass(frozen=True)
class Scenario:
    """plan: what the model submits, by what stands in the last message of its prompt.

    writes: that are in Nango's ledger in the end, where nothing is killed
    edits, rejects: ids of steps whose approval is edited (the title gets a mark), or refused
    most: how often one action with the same arguments is approved
    """

    plan: Callable[[str], Plan]
    writes: int
    edits: frozenset[str] = field(default_factory=frozenset)
    rejects: frozenset[str] = field(default_factory=frozenset)
    most: int = 1


def _step(step_id: str, tool: str, arguments: Mapping[str, Any], **more: Any) -> Step:
    return {"id": step_id, "tool": tool, "arguments": dict(arguments), **more}


def _list(step_id: str, **more: Any) -> Step:
    return _step(step_id, "github/list-issues", {**WIDGETS, **more})


def _create(step_id: str, title: str, **more: Any) -> Step:
    return _step(step_id, "github/create-issue", {**GADGETS, "title": title}, **more)


def _post(step_id: str, text: str, **more: Any) -> Step:
    return _step(step_id, "slack/post-message", {"channel": "general", "text": text}, **more)


def _ping(step_id: str, **more: Any) -> Step:
    given = {**WIDGETS, "issue_number": "${item.number}", "body": "ping"}
    return _step(step_id, "github/add-issue-comment", given, for_each="${s1.issues}", **more)


def _always(*steps: Step, plan_again: bool = False) -> Callable[[str], Plan]:
    plan: Plan = {"kind": "plan", "steps": list(steps)}
    if plan_again:
        plan["plan_again"] = True
    return lambda _: plan


def _then(first: Callable[[str], Plan], second: Callable[[str], Plan]) -> Callable[[str], Plan]:
    """The second plan once the first one has brought a result."""
    return lambda prompt: (second if "\ns1 " in prompt else first)(prompt)


def _found_again(prompt: str) -> Plan:
    """Somebody said that the issue was made, and nobody has its number: it is looked up."""
    number = "${r1.issues[?title=='A dock for gadgets'].number | [0]}"
    return {
        "kind": "plan",
        "steps": [_step("r1", "github/list-issues", GADGETS), _post("r2", f"Opened #{number}")],
    }


_MIXED = [
    _create(f"s{at}", f"Part {at}")
    if at % 2
    else _step(f"s{at}", "github/list-issues", {**WIDGETS, "labels": f"part-{at}"})
    for at in range(1, FIFTY + 1)
]
_EACH = {**WIDGETS, "issue_number": "${item.number}"}

SCENARIOS: dict[str, Scenario] = {
    "write": Scenario(_always(_create("s1", "Crash on undo")), writes=1),
    "read, then writes": Scenario(
        _always(
            _list("s1"),
            _create("s2", "${to_string(length(s1.issues))} are open in widgets"),
            _post("s3", "Open: ${join(', ', s1.issues[].title)}"),
        ),
        writes=2,
    ),
    "write from a write": Scenario(
        _then(_always(_create("s1", "A dock for gadgets"), _post("s2", "Opened #${s1.number}")), _found_again), writes=2
    ),
    "fan-out of reads": Scenario(
        _always(
            _list("s1"),
            _step("s2", "github/get-issue", _EACH, for_each="${s1.issues}"),
            _step("s3", "github/list-issue-comments", _EACH, for_each="${s1.issues}"),
        ),
        writes=0,
    ),
    "fan-out of writes": Scenario(_always(_list("s1"), _ping("s2")), writes=OPEN_ISSUES),
    "independent writes": Scenario(
        _always(
            *(_create(f"s{at}", f"One of three: {at}", independent=True) for at in (1, 2, 3)),
            _post("s4", "Three are on their way", independent=True),
        ),
        writes=4,
    ),
    "independent fan-out": Scenario(_always(_list("s1"), _ping("s2", independent=True)), writes=OPEN_ISSUES),
    "planned again after a failure": Scenario(
        _then(
            _always(
                _create("s1", "Before it failed"),
                _step("s2", "github/get-issue", {**GADGETS, "issue_number": 999}, after=["s1"]),
            ),
            # The model asks for what is done once more: it is not done once more.
            _always(_create("r1", "Before it failed"), _post("r2", "There is no issue 999")),
        ),
        writes=2,
    ),
    "planned again with results": Scenario(
        _then(_always(_list("s1"), plan_again=True), _always(_create("r1", "Written from what was read"))), writes=1
    ),
    "conditions": Scenario(
        _always(
            _list("s1"),
            _create("s2", "There are open issues", when="${length(s1.issues) > `0`}"),
            _post("s3", "There are none", when="${length(s1.issues) == `0`}"),
        ),
        writes=1,
    ),
    "edited and refused": Scenario(
        _always(_create("s1", "To be edited"), _create("s2", "To be refused"), _post("s3", "As it is")),
        writes=2,
        edits=frozenset({"To be edited"}),
        rejects=frozenset({"To be refused"}),
    ),
    "confirmed deletion": Scenario(
        _always(
            _step("s1", "github/create-label", {**GADGETS, "name": "old"}),
            _step("s2", "github/delete-label", {**GADGETS, "name": "stale"}),
        ),
        writes=2,
    ),
    "the same twice": Scenario(_always(_post("s1", "Tea is ready"), _post("s2", "Tea is ready")), writes=2, most=2),
    "large outputs": Scenario(
        _always(
            _create("s1", "Long") | {"arguments": {**GADGETS, "title": "Long", "body": "word " * 4000}},
            _step("s2", "github/list-issues", GADGETS, after=["s1"]),
            _post("s3", "The newest is ${s2.issues[0].title}"),
        ),
        writes=2,
    ),
    "fifty steps": Scenario(_always(*_MIXED), writes=FIFTY // 2),
}


def request_for(scenario: str) -> str:
    return f"Do «{scenario}»."


class ScenarioModel(ReplyingModel):
    """Every process can have one of its own: it keeps nothing."""

    def reply(self, messages: list[BaseMessage], tools: list[dict[str, Any]]) -> AIMessage:
        tool = first_of(tools)
        if not tool:
            return AIMessage("Done.")
        if tool == "choose_integrations":
            return calling(tool, {"integrations": ["github", "slack"]})
        conversation = "\n".join(message.text for message in messages)
        prompt = messages[-1].text
        scenario = SCENARIOS[re.findall(r"«([^»]+)»", conversation)[-1]]
        return calling(tool, _rest_of(prompt) if GO_ON in prompt else scenario.plan(prompt))


def _rest_of(prompt: str) -> dict[str, Any]:
    """The steps of the plan that a message interrupted, under new ids."""
    found = re.search(r"<unfinished_plan>\n(.*?)\n</unfinished_plan>", prompt, re.DOTALL)
    if found is None or "<problem>" in prompt:
        return {"kind": "answer", "text": "Nothing is left."}
    steps = json.loads(found[1])
    renamed = found[1]
    for step in steps:
        renamed = re.sub(rf"\b{step['id']}\b", f"n{step['id']}", renamed)
    return {"kind": "plan", "steps": json.loads(renamed)}
