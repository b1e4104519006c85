"""What the user said is to be sent again is planned whatever the request says, and how failures are told once."""

import json
from typing import Any

import pytest
from langchain_core.messages import HumanMessage, SystemMessage

from nango_sandbox.rule_model import RuleBasedChatModel

POST = {"id": "s1", "tool": "slack/post-message", "arguments": {"channel": "#general", "text": "hi"}}
OTHER = {"id": "s2", "tool": "slack/post-message", "arguments": {"channel": "#general", "text": "not yet sent"}}


@pytest.fixture
def submitted(tools: str) -> Any:
    async def submitted(request: str, *, again: str, unfinished: Any = (POST, OTHER), next_id: str = "s3") -> Any:
        blocks = f"<tools>\n{tools.strip()}\n</tools>\n<other_integrations>\ntodoist — Todoist: create-task, list-tasks\n</other_integrations>\n"
        blocks += f"<unfinished_plan>\n{json.dumps(list(unfinished))}\n</unfinished_plan>\n"
        blocks += f"<send_again>\n{again}\n</send_again>\n" if again else ""
        blocks += f"<next_step_id>{next_id}</next_step_id>\n<request>\n{request}"
        tool = {"type": "function", "function": {"name": "submit_plan", "description": "", "parameters": {}}}
        model = RuleBasedChatModel().bind_tools([tool], tool_choice="submit_plan")
        reply = await model.ainvoke([SystemMessage("Plan."), HumanMessage(blocks)])
        return reply.tool_calls[0]["args"]

    return submitted


def steps_of(submission: Any) -> list[tuple[str, Any]]:
    assert submission["kind"] == "plan", submission
    return [(step["id"], step["arguments"].get("text") or step["tool"]) for step in submission["steps"]]


@pytest.mark.parametrize("request_", ["thanks", "what now?", "hello", "What is the weather like?"])
async def test_it_is_planned_whatever_the_request_says_and_what_else_was_left_is_not(
    request_: str, submitted: Any
) -> None:
    assert steps_of(await submitted(request_, again="s1")) == [("s3", "hi")]


async def test_what_the_request_asks_for_comes_after_it_under_ids_of_its_own(submitted: Any) -> None:
    submission = await submitted("list the channels", again="s1")
    assert steps_of(submission) == [("s3", "hi"), ("s4", "slack/list-channels")]


async def test_going_on_takes_up_all_that_was_left(submitted: Any) -> None:
    assert steps_of(await submitted("go on", again="s1")) == [("s3", "hi"), ("s4", "not yet sent")]


async def test_nothing_is_sent_again_that_nobody_said_so_of(submitted: Any) -> None:
    submission = await submitted("thanks", again="")
    assert (submission["kind"], submission["steps"]) == ("answer", [])


async def test_another_integration_that_the_request_needs_is_asked_for_first(submitted: Any) -> None:
    submission = await submitted("create a task 'Call Bo' in todoist", again="s1")
    assert (submission["kind"], submission["integration"]) == ("integration", "todoist")


async def test_a_tool_that_is_gone_is_said(submitted: Any) -> None:
    gone = {**POST, "tool": "pager/send-page"}
    submission = await submitted("thanks", again="s1", unfinished=[gone])
    assert submission["kind"] == "answer"
    assert "pager" in submission["text"]


ABOUT = 'slack/post-message {"channel":"#general","text":"hi"}'


@pytest.mark.parametrize("account", ["Ada (work)", "Slack (Ada, since 2026-01-02)", "#ops's workspace"])
async def test_a_failure_is_told_without_its_step_and_account(account: str, answer: Any) -> None:
    said = await answer(
        "post hi to #general",
        f"s1 {ABOUT} -> failed\nerror: s1 slack/post-message in {account}: Nothing was sent. Ask again later. Cause: no route: down.",
    )
    assert said.endswith("Nothing was sent. Ask again later. Cause: no route: down.")
    assert "s1" not in said
    assert "post-message in" not in said


async def test_a_rejection_is_told_with_its_reason_alone(answer: Any) -> None:
    told = "s1 slack/post-message in Ada: Rejected by the user. not today"
    said = await answer("post hi to #general", f"s1 {ABOUT} -> rejected by the user\nerror: {told}")
    assert said == "I did not post the message to #general: you rejected it (not today)."
