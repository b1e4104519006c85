# ruff: noqa: INP001 - part of a script
"""The model that all contenders have: it takes the same time for each call, knows the case, and counts what it is sent."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Sequence
from typing import Any

from cases import GET, INTEGRATION, Case
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    HumanMessage,
    ToolMessage,
    convert_to_openai_messages,
)
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.utils.function_calling import convert_to_openai_tool

ANSWER = "Here is what the lab has."


class Scripted(BaseChatModel):
    """`latency` in seconds. `calls` and `characters` (of messages and tools) since `begin`."""

    latency: float
    case: Case | None = None
    calls: int = 0
    characters: int = 0

    def begin(self, case: Case) -> None:
        self.case, self.calls, self.characters = case, 0, 0

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> Any:  # noqa: ARG002 - LangChain's signature
        return self.bind(tools=[convert_to_openai_tool(tool) for tool in tools])

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        raise NotImplementedError

    async def _agenerate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:  # noqa: ARG002
        tools: list[dict[str, Any]] = kwargs.get("tools") or []
        reply = self._reply(messages, tools)
        await self._takes_its_time(messages, tools)
        return ChatResult(generations=[ChatGeneration(message=reply)])

    async def _astream(
        self,
        messages: list[BaseMessage],
        *args: Any,  # noqa: ARG002
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        tools: list[dict[str, Any]] = kwargs.get("tools") or []
        reply = self._reply(messages, tools)
        await self._takes_its_time(messages, tools)
        yield ChatGenerationChunk(
            message=AIMessageChunk(
                content=reply.text,
                tool_call_chunks=[
                    {
                        "name": call["name"],
                        "args": json.dumps(call["args"]),
                        "id": call["id"],
                        "index": place,
                        "type": "tool_call_chunk",
                    }
                    for place, call in enumerate(reply.tool_calls)
                ],
            )
        )

    async def _takes_its_time(self, messages: list[BaseMessage], tools: list[dict[str, Any]]) -> None:
        began = asyncio.get_running_loop().time()
        self.calls += 1
        self.characters += len(json.dumps(convert_to_openai_messages(messages), ensure_ascii=False))
        self.characters += len(json.dumps(tools, ensure_ascii=False)) if tools else 0
        # The counting is no contender's fault.
        await asyncio.sleep(max(0.0, self.latency - (asyncio.get_running_loop().time() - began)))

    def _reply(self, messages: list[BaseMessage], tools: list[dict[str, Any]]) -> AIMessage:
        assert self.case is not None  # noqa: S101 - `begin` was called
        names = {tool["function"]["name"] for tool in tools}
        if "choose_integrations" in names:
            return _calling(("choose_integrations", {"integrations": [INTEGRATION]}))
        if "submit_plan" in names:
            return _calling(("submit_plan", self.case.plan()))
        if GET not in names:
            return AIMessage(ANSWER)
        following = self.case.following(_made(messages))
        return _calling(*following) if following else AIMessage(ANSWER)


def _made(messages: list[BaseMessage]) -> dict[str, Any]:
    """Outputs of this turn's calls, by the key that they were called for."""
    keys: dict[str, str] = {}
    made: dict[str, Any] = {}
    for message in messages:
        match message:
            case HumanMessage():
                keys, made = {}, {}
            case AIMessage():
                keys |= {call["id"] or "": call["args"].get("key", "list") for call in message.tool_calls}
            case ToolMessage():
                made[keys[message.tool_call_id]] = json.loads(message.text)
    return made


def _calling(*calls: tuple[str, dict[str, Any]]) -> AIMessage:
    return AIMessage(
        "",
        tool_calls=[{"name": name, "args": args, "id": uuid.uuid4().hex, "type": "tool_call"} for name, args in calls],
    )
