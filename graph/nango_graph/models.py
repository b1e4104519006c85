"""The chat model: made here, asked here, and its failures put into words here. And the embedding model, where one is named."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import httpx
import openai
from langchain_core.embeddings import Embeddings
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, AnyMessage
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from pydantic import ValidationError

from nango_graph.budgets import Budget
from nango_graph.errors import ModelError
from nango_graph.settings import RULE_BASED, AgentSettings, ModelSettings
from nango_tools import SettingsError
from nango_tools.json_values import whole_characters

_UNSEEN = "nostream"
"""Tag of calls whose tokens are not for the user's eyes (LangGraph's `messages` stream leaves them out)."""


def make_model(settings: ModelSettings) -> BaseChatModel:
    """`ChatOpenAI` on any OpenAI-compatible endpoint, or the rule-based stand-in."""
    if settings.name == RULE_BASED:
        from nango_sandbox.rule_model import RuleBasedChatModel  # noqa: PLC0415 - only where no real model is wanted

        return RuleBasedChatModel()
    return ChatOpenAI(
        model=settings.name,
        api_key=settings.api_key,
        base_url=settings.base_url,
        use_responses_api=settings.use_responses_api,
        max_retries=2,
        timeout=120,
        stream_usage=settings.base_url is None,
    )


@asynccontextmanager
async def open_embeddings(settings: AgentSettings) -> AsyncIterator[Embeddings | None]:
    """Those of the same endpoint as the chat model, where the settings name an embedding model. Raises `SettingsError`."""
    if settings.embeddings is None:
        yield None
        return
    if settings.model.api_key is None:
        raise SettingsError("NANGO_AGENT_EMBEDDINGS needs an endpoint: set OPENAI_API_KEY, or leave it out.")
    async with httpx.AsyncClient(timeout=20) as client:
        yield OpenAIEmbeddings(
            model=settings.embeddings,
            openai_api_key=settings.model.api_key,
            openai_api_base=settings.model.base_url,
            check_embedding_ctx_length=False,  # else it loads a tokenizer from the network, and sends numbers for text
            max_retries=1,
            http_async_client=client,
        )


async def call_tool_of(
    model: BaseChatModel, prompt: list[AnyMessage], schema: dict[str, Any], budget: Budget
) -> dict[str, Any] | str:
    """Has the model call the one tool it is given. Its arguments, or a line on what was wrong with the call.

    Raises `ModelError` if the model could not be asked, `BudgetReached` if the turn has no call left.
    """
    name = schema["function"]["name"]
    asked = model.bind_tools([schema], tool_choice=name)
    try:
        with _failures_in_words():
            message = await budget.ask(prompt, lambda: asked.ainvoke(prompt, {"tags": [_UNSEEN]}), tools=[schema])
    except ValidationError:
        # langchain-core's, for a tool call whose arguments are JSON but no object.
        return f"the arguments of {name} were not an object"
    for call in message.tool_calls:
        if call["name"] == name:
            return dict(whole_characters(call["args"]))
    if message.invalid_tool_calls:
        return f"the arguments of {name} were not valid JSON"
    return f"{name} was not called"


async def stream_text(model: BaseChatModel, prompt: list[AnyMessage], budget: Budget) -> AIMessage:
    """The model's words, streamed to whoever listens, and whole in the end. Raises `ModelError`, `BudgetReached`."""

    async def streamed() -> AIMessage:
        whole: Any = None
        async for chunk in model.astream(prompt):
            whole = chunk if whole is None else whole + chunk
        return whole if whole is not None else AIMessage("")

    with _failures_in_words():
        whole = await budget.ask(prompt, streamed)
    if not whole.text.strip():
        raise ModelError("The language model answered with nothing.")
    return AIMessage(whole.text, id=whole.id)


@contextmanager
def _failures_in_words() -> Iterator[None]:
    try:
        yield
    except ValidationError:
        raise
    except openai.OpenAIError as error:
        raise ModelError(in_words(error)) from None
    except TimeoutError:
        # langchain-openai's own, for a stream that stalls.
        raise ModelError("The language model did not answer in time. Try again.") from None
    except (ValueError, TypeError, LookupError) as error:
        # What langchain-openai raises, as the case may be, for answers that are not chat completions.
        raise ModelError(
            f"The model's endpoint did not answer as the OpenAI API does ({type(error).__name__}). "
            "Check OPENAI_BASE_URL: it usually ends in /v1."
        ) from error


def in_words(error: openai.OpenAIError) -> str:
    """One sentence for a person. Says nothing of what was sent, and nothing of the key."""
    match error:
        case openai.AuthenticationError():
            return "The model's endpoint refused the API key. Check OPENAI_API_KEY (and OPENAI_BASE_URL)."
        case openai.PermissionDeniedError():
            return "The API key may not use this model. Check OPENAI_API_KEY and NANGO_AGENT_MODEL."
        case openai.NotFoundError():
            return "The endpoint does not know this model. Check NANGO_AGENT_MODEL and OPENAI_BASE_URL."
        case openai.RateLimitError():
            return "The model's endpoint has had too many requests, or the account's quota is used up. Try again later."
        case openai.APITimeoutError():
            return "The language model did not answer in time. Try again."
        case openai.APIConnectionError():
            return "The model's endpoint can't be reached. Check OPENAI_BASE_URL and the network."
        case openai.APIStatusError():
            return f"The model's endpoint answered with status {error.status_code}. Try again later."
        case _:
            return f"The language model could not be used ({type(error).__name__})."
