"""`RuleBasedChatModel`: a LangChain chat model that follows rules, for when there is no key for a language model."""

import json
import re
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import LanguageModelInput
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.messages.tool import tool_call, tool_call_chunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool

from nango_sandbox.rule_model.answering import answer
from nango_sandbox.rule_model.choosing import choose
from nango_sandbox.rule_model.planning import plan
from nango_sandbox.rule_model.prompt import read_prompt

NOTICE = (
    "Answers come from a rule-based stand-in, not a language model: it matches the words of a request to the names and "
    "parameters of the tools, and asks when they do not match."
)


class RuleBasedChatModel(BaseChatModel):
    """Reads the agent's prompts and answers in the form of a language model, by rules, without network or chance.

    What it answers depends on the bound tool: `choose_integrations` or `submit_plan` is called, and with no tool bound
    the results are put into words. Any other bound tool raises `ValueError`.
    """

    model_name: str = "rule-based"

    @property
    def _llm_type(self) -> str:
        return "rule-based"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model_name": self.model_name}

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: str | None = None,  # noqa: ARG002 - it always calls the tool that it knows
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        return self.bind(tools=[convert_to_openai_tool(tool) for tool in tools], **kwargs)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,  # noqa: ARG002
        run_manager: CallbackManagerForLLMRun | None = None,  # noqa: ARG002
        **kwargs: Any,
    ) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=self._reply(messages, kwargs.get("tools") or []))])

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,  # noqa: ARG002
        run_manager: AsyncCallbackManagerForLLMRun | None = None,  # noqa: ARG002
        **kwargs: Any,
    ) -> ChatResult:
        return self._generate(messages, **kwargs)

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,  # noqa: ARG002
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        """Text comes word by word, a tool call in one piece."""
        reply = self._reply(messages, kwargs.get("tools") or [])
        for chunk in _chunks(reply):
            if run_manager is not None:
                await run_manager.on_llm_new_token(str(chunk.content), chunk=ChatGenerationChunk(message=chunk))
            yield ChatGenerationChunk(message=chunk)

    def _reply(self, messages: list[BaseMessage], tools: Sequence[dict[str, Any]]) -> AIMessage:
        names = [tool["function"]["name"] for tool in tools]
        prompt = read_prompt(messages)
        if "submit_plan" in names:
            return self._call("submit_plan", plan(prompt).arguments())
        if "choose_integrations" in names:
            return self._call("choose_integrations", {"integrations": choose(prompt)})
        if names:
            raise ValueError(
                f"The rule-based model knows the tools choose_integrations and submit_plan, not {', '.join(names)}. "
                "Configure a language model to use others."
            )
        return AIMessage(answer(prompt), response_metadata={"model_name": self.model_name})

    def _call(self, name: str, arguments: dict[str, Any]) -> AIMessage:
        # The same call has the same id, so that runs can be compared.
        call_id = "call_" + uuid.uuid5(uuid.NAMESPACE_OID, name + json.dumps(arguments, sort_keys=True)).hex[:24]
        return AIMessage(
            "",
            tool_calls=[tool_call(name=name, args=arguments, id=call_id)],
            response_metadata={"model_name": self.model_name},
        )


def _chunks(reply: AIMessage) -> list[AIMessageChunk]:
    if reply.tool_calls:
        calls = [
            tool_call_chunk(name=call["name"], args=json.dumps(call["args"]), id=call["id"], index=index)
            for index, call in enumerate(reply.tool_calls)
        ]
        return [
            AIMessageChunk(
                content="", tool_call_chunks=calls, response_metadata=reply.response_metadata, chunk_position="last"
            )
        ]
    words = re.findall(r"\s*\S+\s*$|\s*\S+", reply.text)
    last = len(words) - 1
    return [
        AIMessageChunk(
            content=word,
            response_metadata=reply.response_metadata if index == last else {},
            chunk_position="last" if index == last else None,
        )
        for index, word in enumerate(words)
    ]
