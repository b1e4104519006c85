"""The whole graph with `ChatOpenAI` on an endpoint that does what a test says, also what no endpoint should do."""

import json
import socket
from typing import Any

import pytest
from langchain_core.messages import AIMessage
from langgraph.types import Command
from pydantic import SecretStr
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse

from nango_graph import Context, ModelSettings

CHOICE = {"call": "choose_integrations", "arguments": {"integrations": ["github"]}}
READ = {
    "call": "submit_plan",
    "arguments": {
        "kind": "plan",
        "steps": [{"id": "s1", "tool": "github/list-issues", "arguments": {"owner": "octo", "repo": "widgets"}}],
    },
}
WRITE = {
    "call": "submit_plan",
    "arguments": {
        "kind": "plan",
        "steps": [
            {
                "id": "s1",
                "tool": "github/create-issue",
                "arguments": {"owner": "octo", "repo": "widgets", "title": "Broken login"},
            }
        ],
    },
}
ANSWER = {"call": "submit_plan", "arguments": {"kind": "answer", "text": "All is well."}}
APPROVED = Command(resume={"decisions": [{"type": "approve"}]})


async def test_a_turn_asks_the_model_three_times_and_shows_it_no_key(agent: Any, endpoint: Any) -> None:
    endpoint.script = [CHOICE, WRITE, "I opened the issue."]
    assert await agent.turn("Open an issue about the login") == "github/create-issue"
    assert await agent.turn(APPROVED) == "I opened the issue."
    choosing, planning, answering = endpoint.bodies
    for body, name in ((choosing, "choose_integrations"), (planning, "submit_plan")):
        (tool,) = body["tools"]
        assert tool["function"]["name"] == name
        assert tool["function"]["parameters"]["type"] == "object"
        assert body["tool_choice"] == {"type": "function", "function": {"name": name}}
        assert body["model"] == "some-model"
    assert "tools" not in answering
    assert "github/create-issue(owner: string, repo: string, title: string" in planning["messages"][0]["content"]
    assert "Broken login" in answering["messages"][-1]["content"]
    sent = json.dumps(endpoint.bodies)
    assert agent.sandbox.api_key.get_secret_value() not in sent
    assert "key-of-the-model-endpoint" not in sent
    assert "connect_session" not in sent
    assert {headers["authorization"] for headers in endpoint.headers} == {"Bearer key-of-the-model-endpoint"}


async def test_the_stable_part_of_a_prompt_comes_first_and_is_the_same_in_every_turn(agent: Any, endpoint: Any) -> None:
    endpoint.script = [CHOICE, ANSWER, CHOICE, ANSWER]
    await agent.turn("How are my issues?")
    await agent.turn("And now?")
    choosing, planning, choosing_again, planning_again = (
        [m["content"] for m in b["messages"]] for b in endpoint.bodies
    )
    assert choosing_again[0] == choosing[0]
    assert planning_again[0] == planning[0]
    assert choosing_again[1:3] == ["How are my issues?", "All is well."]
    assert planning_again[1:3] == ["How are my issues?", "All is well."]


async def test_the_answer_is_streamed_and_the_plan_is_not_shown(agent: Any, endpoint: Any) -> None:
    endpoint.script = [CHOICE, READ, "There are five open issues."]
    chunks = [
        (metadata["langgraph_node"], chunk)
        async for chunk, metadata in agent.graph.astream(
            {"messages": [("user", "How many?")]}, agent.config, context=Context(user_id="ada"), stream_mode="messages"
        )
        if isinstance(chunk, AIMessage)
    ]
    assert {node for node, _ in chunks} == {"respond"}
    words = [chunk.text for _, chunk in chunks if chunk.text]
    assert len(words) == 5
    assert "".join(words) == "There are five open issues."
    assert endpoint.bodies[1]["stream"] is True, "else there was nothing to hide"
    kept = (await agent.graph.aget_state(agent.config)).values["messages"][-1]
    assert {chunk.id for _, chunk in chunks} == {kept.id}, "else user interfaces show the answer twice"


def _error(status: int, message: str = "the key is key-of-the-model-endpoint") -> Response:
    return JSONResponse({"error": {"message": message, "type": "x", "code": None}}, status, {"retry-after-ms": "1"})


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ([_error(401)], "refused the API key"),
        ([_error(403)], "may not use this model"),
        ([_error(404)], "does not know this model"),
        ([_error(429)] * 3, "too many requests"),
        ([_error(400)], "status 400"),
        ([_error(500)] * 3, "status 500"),
        ([HTMLResponse("<h1>Welcome</h1>")], "did not answer as"),
        ([JSONResponse({"hello": "world"})], "did not answer as"),
        ([JSONResponse({"choices": []})], "did not answer as"),
        ([Response("{", media_type="application/json")], "did not answer as"),
        ([{"call": "submit_plan", "arguments": '{"kind": "pl'}] * 3, "not valid JSON"),
        ([{"call": "delete_everything", "arguments": {}}] * 3, "submit_plan was not called"),
        (["I would rather tell you a story."] * 3, "submit_plan was not called"),
        ([""] * 3, "submit_plan was not called"),
        ([{"call": "submit_plan", "arguments": {"kind": "plan", "steps": []}}] * 3, "could not make a plan"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_what_the_planner_gets_wrong_is_one_sentence_and_nothing_runs(
    agent: Any, endpoint: Any, wrong: list[Any], sentence: str
) -> None:
    endpoint.script = [CHOICE, *wrong]
    answer = await agent.turn("Open an issue about the login")
    assert sentence in answer
    assert "\n" not in answer
    assert "key-of-the-model-endpoint" not in answer
    assert endpoint.script == [], "it was asked as often as it should be"
    assert await agent.sandbox.ledger() == []
    endpoint.script = [CHOICE, READ, "Five."]
    assert await agent.turn("How many issues are there?") == "Five."


async def test_a_model_that_errs_once_is_told_so_and_may_try_again(agent: Any, endpoint: Any) -> None:
    endpoint.script = [CHOICE, {"call": "submit_plan", "arguments": '{"kind": '}, "Hm.", ANSWER]
    assert await agent.turn("How are you?") == "All is well."
    assert "not valid JSON" in endpoint.bodies[2]["messages"][-1]["content"]
    assert "was not called" in endpoint.bodies[3]["messages"][-1]["content"]


@pytest.mark.parametrize(
    "wrong",
    [
        [_error(401)],
        [""],
        [HTMLResponse("<h1>Welcome</h1>")],
        [JSONResponse({"error": {"message": "overloaded"}})],
        ["cut"],
    ],
    ids=["refused", "empty", "not-an-endpoint", "an-error-as-200", "cut-off"],
)
async def test_what_was_done_is_told_even_if_the_model_can_not_tell_it(
    agent: Any, endpoint: Any, wrong: list[Any]
) -> None:
    if wrong == ["cut"]:
        wrong = [StreamingResponse(endpoint.cut_off(), media_type="text/event-stream")]
    endpoint.script = [CHOICE, WRITE, *wrong]
    assert await agent.turn("Open an issue about the login") == "github/create-issue"
    answer = await agent.turn(APPROVED)
    assert "github/create-issue: succeeded" in answer
    assert [entry.action for entry in await agent.sandbox.ledger()] == ["create-issue"]
    endpoint.script = [CHOICE, ANSWER]
    assert await agent.turn("Thanks") == "All is well."


class TestWithoutEndpoint:
    @pytest.fixture
    def model(self) -> ModelSettings:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        return ModelSettings(name="m", base_url=f"http://127.0.0.1:{port}/v1", api_key=SecretStr("k"))

    async def test_an_endpoint_that_can_not_be_reached_is_one_sentence(self, agent: Any) -> None:
        answer = await agent.turn("How are you?")
        assert answer == "The model's endpoint can't be reached. Check OPENAI_BASE_URL and the network."
        assert await agent.sandbox.ledger() == []
