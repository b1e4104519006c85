"""A write that a human edited, planned again as it was: whoever approves is told that it was done in another form."""

from typing import Any

from nango_tools.policy import Policy

OCTO = {"owner": "octo", "repo": "widgets"}
APPROVE: dict[str, Any] = {"type": "approve"}
TOLD = "An edited form of this was done before for this request"
LIST = {"id": "s1", "tool": "github/list-issues", "arguments": OCTO}
FAILS = {"id": "s9", "tool": "github/get-issue", "arguments": {**OCTO, "issue_number": 99999}}


def post(number: int, text: str = "hello", **more: Any) -> dict[str, Any]:
    arguments = {"channel": "general", "text": text}
    return {"id": f"s{number}", "tool": "slack/post-message", "arguments": arguments, **more}


def edit(args: dict[str, Any]) -> dict[str, Any]:
    return {"type": "edit", "edited_action": {"name": "slack/post-message", "args": args}}


def plan(*steps: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"kind": "plan", "steps": list(steps), **more}


async def test_the_original_is_asked_for_with_what_was_done_in_its_place(agent: Any) -> None:
    agent.model.script = [plan(post(2), FAILS), plan(post(3))]
    seen = await agent.say("post it")
    assert TOLD not in seen.asks[0]["description"]
    seen = await agent.decide(edit({"channel": "general", "text": "good morning"}))
    [request] = seen.asks
    assert request["args"]["text"] == "hello"
    assert TOLD in request["description"]
    assert "good morning" in request["description"]
    await agent.decide(APPROVE)
    assert [sent["text"] for _, sent in await agent.written()] == ["good morning", "hello"]


async def test_it_is_known_by_what_its_references_came_to_and_item_by_item(agent: Any) -> None:
    each = post(2, "${item.title}", for_each="${s1.issues[:3]}")
    agent.model.script = [plan(LIST, each, FAILS), plan({**each, "id": "s3"}, post(4, "unheard of"))]
    seen = await agent.say("post the titles")
    items = seen.asks[0]["args"]["items"]
    edited = [items[0], {**items[1], "text": "[changed]"}, items[2]]
    seen = await agent.decide(edit({"items": edited}))
    by_text = {str(request["args"].get("text") or request["args"]): request for request in seen.asks}
    assert TOLD not in by_text["unheard of"]["description"]
    [again] = [request for request in seen.asks if "items" in request["args"]]
    assert items[1] in again["args"]["items"]
    assert TOLD in again["description"]
    assert r"\[changed\]" in again["description"], "it is shown, and no link"


async def test_what_was_edited_is_not_noted_in_the_next_request_nor_where_it_was_not_done(agent: Any) -> None:
    agent.model.script = [plan(post(2))]
    await agent.say("post it")
    await agent.decide(edit({"channel": "general", "text": "good morning"}))
    agent.model.script = [plan(post(3))]
    seen = await agent.say("and now as I said")
    assert TOLD not in seen.asks[0]["description"]
    agent.model.script = [plan(post(5))]
    seen = await agent.decide(edit({"channel": "nowhere", "text": "hello"}))
    assert "with other arguments, and failed" in seen.asks[0]["description"]
    assert TOLD not in seen.asks[0]["description"]


async def test_a_rule_that_allows_it_by_now_does_not_do_it_beside_its_edited_form(agent: Any, tmp_path: Any) -> None:
    agent.model.script = [plan(post(2), FAILS), plan(post(3))]
    await agent.say("post it")
    rules = tmp_path / "rules.yaml"
    rules.write_text("version: 1\nrules:\n- {name: robot, effect: allow, integration: slack, because: it may}\n")
    object.__setattr__(agent.services, "policy", Policy.load(rules))
    seen = await agent.decide(edit({"channel": "general", "text": "good morning"}))
    assert TOLD in seen.asks[0]["description"]
    assert len(await agent.written()) == 1
