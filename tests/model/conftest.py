"""A chat completions endpoint on loopback that answers what a test has written down, and a sandbox to work in."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import uvicorn
from langgraph.checkpoint.memory import InMemorySaver
from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from nango_graph import AgentSettings, Context, ModelSettings, Records, build_graph, open_services
from nango_sandbox import Sandbox
from nango_tools import NangoSettings

MODEL_KEY = "key-of-the-model-endpoint"


@dataclass
class Endpoint:
    """`script`: what to answer, in turn: words, a tool call's arguments (`{"call": name, "arguments": …}`) or a response."""

    url: str = ""
    script: list[str | dict[str, Any] | Response] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        request = Request(scope, receive)
        body = await request.json()
        self.bodies.append(body)
        self.headers.append(dict(request.headers))
        if request.url.path != "/v1/chat/completions":
            answer: Any = JSONResponse({"error": {"message": "no such path"}}, 404)
        elif not self.script:
            answer = JSONResponse({"error": {"message": "the script is over"}}, 418)
        else:
            answer = self.script.pop(0)
        if not isinstance(answer, Response):
            answer = _streamed(answer) if body.get("stream") else _whole(answer)
        await answer(scope, receive, send)

    @staticmethod
    def cut_off() -> AsyncIterator[str]:
        """A stream that ends in the middle, as a dying endpoint's does."""
        return _sse([{"role": "assistant", "content": "I op"}], complete=False)


def _whole(answer: str | dict[str, Any]) -> Response:
    message: dict[str, Any] = {"role": "assistant", "content": answer if isinstance(answer, str) else None}
    if isinstance(answer, dict):
        message["tool_calls"] = [_call(answer)]
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return JSONResponse({"id": "c1", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice]})


def _streamed(answer: str | dict[str, Any]) -> Response:
    if isinstance(answer, str):
        deltas: list[dict[str, Any]] = [{"content": word} for word in answer.split(" ")]
        deltas[1:] = [{"content": " " + delta["content"]} for delta in deltas[1:]]
    else:
        call = {**_call(answer), "index": 0}
        half = len(call["function"]["arguments"]) // 2
        rest = {"index": 0, "function": {"arguments": call["function"]["arguments"][half:]}}
        call["function"] = {**call["function"], "arguments": call["function"]["arguments"][:half]}
        deltas = [{"tool_calls": [call]}, {"tool_calls": [rest]}]
    return StreamingResponse(_sse([{"role": "assistant", "content": ""}, *deltas]), media_type="text/event-stream")


async def _sse(deltas: list[dict[str, Any]], *, complete: bool = True) -> AsyncIterator[str]:
    for delta in deltas:
        choice = {"index": 0, "delta": delta, "finish_reason": None}
        chunk = {"id": "c1", "object": "chat.completion.chunk", "created": 0, "model": "m", "choices": [choice]}
        yield f"data: {json.dumps(chunk)}\n\n"
    if not complete:
        raise ConnectionResetError("cut off by the test")
    yield "data: [DONE]\n\n"


def _call(answer: dict[str, Any]) -> dict[str, Any]:
    arguments = answer["arguments"]
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return {"id": "call_1", "type": "function", "function": {"name": answer["call"], "arguments": text}}


@pytest.fixture
async def endpoint() -> AsyncIterator[Endpoint]:
    endpoint = Endpoint()
    listening = socket.create_server(("127.0.0.1", 0))
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    endpoint.url = f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
    server = uvicorn.Server(uvicorn.Config(endpoint, log_config=None, log_level="critical", lifespan="off", ws="none"))
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    yield endpoint
    server.should_exit = True
    await serving


@dataclass
class Agent:
    """The whole graph with a real `ChatOpenAI`, one thread, the sandbox's GitHub connected."""

    graph: Any
    sandbox: Sandbox
    config: dict[str, Any]

    async def turn(self, given: Any) -> str:
        """The answer, or what is asked for."""
        if isinstance(given, str):
            given = {"messages": [("user", given)]}
        result = await self.graph.ainvoke(given, self.config, context=Context(user_id="ada"))
        if "__interrupt__" in result:
            return str(result["__interrupt__"][0].value["action_requests"][0]["name"])
        return str(result["messages"][-1].text)


@pytest.fixture
def model(endpoint: Endpoint) -> ModelSettings:
    return ModelSettings(name="some-model", base_url=endpoint.url, api_key=SecretStr(MODEL_KEY))


@pytest.fixture
async def agent(model: ModelSettings, tmp_path: Any) -> AsyncIterator[Agent]:
    async with Sandbox() as sandbox:
        await sandbox.connect("github", {"end_user_id": "ada"})
        settings = AgentSettings(
            nango=NangoSettings(api_key=sandbox.api_key, base_url=sandbox.base_url), model=model, data_dir=tmp_path
        )
        records = await Records.in_memory(allow_writes=True)
        async with open_services(settings, records=records) as services:
            graph = build_graph(services).compile(checkpointer=InMemorySaver())
            yield Agent(graph, sandbox, {"configurable": {"thread_id": "t"}})
        await records.close()
