"""Sending the same once more: possible, never by itself, and said to whoever decides."""

from typing import Any

from nango_tools.policy import Policy

OCTO = {"owner": "octo", "repo": "widgets"}
APPROVE: dict[str, Any] = {"type": "approve"}
REJECT: dict[str, Any] = {"type": "reject"}


def post(number: int, text: str = "Release 2.0 is out") -> dict[str, Any]:
    return {"id": f"s{number}", "tool": "slack/post-message", "arguments": {"channel": "general", "text": text}}


def issue(number: int, repo: str = "widgets", title: str = "Crash") -> dict[str, Any]:
    return {"id": f"s{number}", "tool": "github/create-issue", "arguments": {**OCTO, "repo": repo, "title": title}}


def plan(*steps: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "plan", "steps": list(steps)}


async def asked(agent: Any, text: str, *steps: dict[str, Any]) -> list[str]:
    agent.model.script.append(plan(*steps))
    return [request["description"] for request in (await agent.say(text)).asks]


async def test_what_is_done_once_more_on_purpose_is_said_to_the_approver(agent: Any) -> None:
    [first] = await asked(agent, "post it", post(1))
    assert "before" not in first
    await agent.decide(APPROVE)
    [again] = await asked(agent, "post it once more", post(2))
    assert "Exactly this was done before in this conversation" in again
    assert "once more" in again
    await agent.decide(APPROVE)
    assert len(await agent.written()) == 2


async def test_what_was_rejected_had_no_effect_and_needs_no_warning(agent: Any) -> None:
    await asked(agent, "post it", post(1))
    await agent.decide(REJECT)
    [again] = await asked(agent, "then post it now", post(2))
    assert "before" not in again


async def test_other_arguments_or_another_thread_are_no_repeat(agent: Any) -> None:
    await asked(agent, "post it", post(1))
    await agent.decide(APPROVE)
    [other] = await asked(agent, "post another", post(2, "Release 2.1 is out"))
    assert "before" not in other
    agent.model.script.append(plan(post(1)))
    seen = await agent.say("post it", thread="another")
    assert "before" not in seen.asks[0]["description"]


async def test_what_stands_twice_in_one_plan_is_said_and_done_as_often_as_it_is_approved(agent: Any) -> None:
    first, second = await asked(agent, "post it twice", post(1), post(2))
    assert "more than once" not in first
    assert "stands in the plan more than once" in second
    await agent.decide(APPROVE, APPROVE)
    assert len(await agent.written()) == 2


async def test_what_failed_before_may_have_taken_effect_and_is_asked_again_with_that(agent: Any) -> None:
    await asked(agent, "file it", issue(1, repo="nowhere"))
    agent.model.script.append(plan(issue(2, repo="nowhere")))
    seen = await agent.decide(APPROVE)
    [request] = seen.asks
    assert "Exactly this was sent before" in request["description"]
    assert "may have taken effect: look in the account" in request["description"]
    assert "404" in request["description"], "what went wrong is said"
    assert len([one for one in await agent.ledger() if one.access != "read"]) == 1


async def test_the_same_tool_that_failed_with_other_arguments_in_this_request_is_said(agent: Any) -> None:
    await asked(agent, "file it", issue(1, repo="nowhere"))
    agent.model.script.append(plan(issue(2)))
    seen = await agent.decide(APPROVE)
    assert "with other arguments, and failed" in seen.asks[0]["description"]
    await agent.decide(APPROVE)
    [later] = await asked(agent, "and another", issue(3, title="Else"))
    assert "failed" not in later, "only within one request"


async def test_what_a_model_plans_anew_within_a_turn_has_the_outcome_that_there_is(agent: Any) -> None:
    await asked(agent, "do both", post(1), issue(2, repo="nowhere"))
    agent.model.script.append(plan(post(3), issue(4)))
    seen = await agent.decide(APPROVE, APPROVE)
    assert [request["name"] for request in seen.asks] == ["github/create-issue"], "the post is done"
    await agent.decide(APPROVE)
    assert [action for action, _ in await agent.written()] == ["post-message", "create-issue"]


async def test_a_rule_that_allows_does_not_allow_once_more_what_failed(start: Any, sandbox: Any, tmp_path: Any) -> None:
    await sandbox.connect("github", {"end_user_id": "ada"})
    async with start() as agent:
        rules = tmp_path / "rules.yaml"
        rules.write_text(
            "version: 1\nrules:\n- {name: robot, effect: allow, integration: github, because: it is for that}\n"
        )
        allowing = Policy.load(rules)
        object.__setattr__(agent.services, "policy", allowing)
        agent.model.integrations = ["github"]
        agent.model.script = [plan(issue(1, repo="nowhere")), plan(issue(2, repo="nowhere"))]
        seen = await agent.say("file it")
        assert len(await agent.ledger()) == 1
        assert "Exactly this was sent before" in seen.asks[0]["description"]
        agent.model.script = [{"kind": "answer", "text": "It can't be filed."}]
        await agent.decide(APPROVE)
        assert len(await agent.ledger()) == 2, "a person said so"
