"""The frame of the chat models that tests script: what they say is `reply`, whole or streamed."""

import uuid
from abc import abstractmethod
from collections.abc import AsyncIterator, Sequence
from typing import Any

from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult


class ReplyingModel(BaseChatModel):
    @abstractmethod
    def reply(self, messages: list[BaseMessage], tools: list[dict[str, Any]]) -> AIMessage:
        """`tools`: the schemas of those that it may call; none where it is to answer in words."""

    @property
    def _llm_type(self) -> str:
        return type(self).__name__

    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> Any:
        return self.bind(tools=list(tools))

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=self.reply(messages, kwargs.get("tools") or []))])

    async def _agenerate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        return self._generate(messages, **kwargs)

    async def _astream(
        self, messages: list[BaseMessage], *args: Any, **kwargs: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        yield ChatGenerationChunk(message=AIMessageChunk(self.reply(messages, []).text))


def first_of(tools: Sequence[dict[str, Any]]) -> str:
    """Its name; "" where there is none."""
    return str(tools[0]["function"]["name"]) if tools else ""


def calling(name: str, arguments: dict[str, Any]) -> AIMessage:
    return AIMessage("", tool_calls=[{"name": name, "args": arguments, "id": uuid.uuid4().hex, "type": "tool_call"}])
