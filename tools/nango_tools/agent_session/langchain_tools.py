"""LangChain tools that hand the model's arguments on as they are, whatever their names."""

from collections.abc import Awaitable, Callable
from typing import Any

from langchain_core.runnables import RunnableConfig
from langchain_core.tools import BaseTool, ToolException
from pydantic import Field

from nango_tools.agent_session.calling import Asker
from nango_tools.agent_session.gating import Refused
from nango_tools.agent_session.wording import failure, refusal
from nango_tools.errors import NangoError

Work = Callable[[Any, Asker], Awaitable[str]]


class SessionTool(BaseTool):
    """Asynchronous only. What goes wrong becomes a tool message with status `error`, in words.

    about: the tool id that a failure is about
    """

    work: Work = Field(exclude=True, repr=False)
    about: Callable[[Any], str] = Field(exclude=True, repr=False)
    handle_tool_error: Any = True

    def _to_args_and_kwargs(self, tool_input: Any, tool_call_id: str | None) -> tuple[tuple[Any, ...], dict[str, Any]]:
        # An argument of an action may have the name of one that LangChain injects (`config`), so they travel as one value.
        return (), {"arguments": tool_input, "call_id": tool_call_id}

    def _run(self, *_: Any, **__: Any) -> Any:
        raise NotImplementedError(
            f"{self.name} is asynchronous: use ainvoke, or run the agent with ainvoke or astream."
        )

    async def _arun(self, arguments: Any, call_id: str | None, config: RunnableConfig) -> str:
        thread_id = config.get("configurable", {}).get("thread_id")
        asker = Asker(call_id, str(thread_id) if thread_id else None)
        try:
            return await self.work(arguments, asker)
        except Refused as refused:
            raise ToolException(refusal(self.about(arguments), refused)) from refused
        except NangoError as error:
            raise ToolException(failure(self.about(arguments), error)) from error
