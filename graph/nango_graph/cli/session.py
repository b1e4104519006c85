"""One thread of the agent, as a terminal drives it: send, answer, wake, and see what is asked."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal

from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from nango_graph.answering import answer
from nango_graph.connections.sessions import has_expired
from nango_graph.context import Context
from nango_graph.durable import DurableGraph
from nango_graph.prompts import FOR_PEOPLE
from nango_graph.records import TurnRow
from nango_graph.records.database import private_file
from nango_graph.services import Services, open_services
from nango_graph.settings import AgentSettings
from nango_graph.waiting.looking import look_at_waits
from nango_graph.waiting.threads import Woken
from nango_graph.workflow import build_graph
from nango_tools import NangoError
from nango_tools.json_values import whole_characters

_STREAMED = ["messages", "updates", "custom"]


@dataclass(frozen=True, slots=True)
class Looks:
    """Seconds between looks at Nango for a connection that is waited for, and between runs that brought nothing new: `first`,
    doubled each time, up to `most`.
    """

    first: float = 2.0
    most: float = 30.0


@dataclass(frozen=True, slots=True)
class Event:
    """What a run tells as it goes. kind: token, message, plan, step, tools, notice."""

    kind: str
    data: Any


class Session:
    def __init__(
        self, graph: DurableGraph, services: Services, *, thread_id: str, user_id: str, looks: Looks = Looks()
    ) -> None:
        self._graph = graph
        self._context = Context(user_id=user_id)
        self._config: RunnableConfig = {"configurable": {"thread_id": thread_id}}
        self._woken = asyncio.Event()
        self._looks = looks
        self._told: tuple[Any, float] | None = None
        """What the last news was about, and how long nothing is told of the same."""
        self.services = services
        self.thread_id = thread_id

    def send(self, text: str) -> AsyncIterator[Event]:
        said = {"messages": [HumanMessage(whole_characters(text))]}
        return _events(
            self._graph.astream(said, self._config, context=self._context, stream_mode=_STREAMED, version="v2")
        )

    def answer(self, answer: Mapping[str, Any]) -> AsyncIterator[Event]:
        """`{"decisions": [...]}`, and `"id"` if it is that of a question. Raises `NotAsked`."""
        return _events(self._answering(answer["decisions"], answer.get("id")))

    def go_on(self) -> AsyncIterator[Event]:
        """Has the thread look again, without saying anything: that can answer no question."""
        return _events(self._answering(None, None))

    async def exists(self) -> bool:
        return bool((await self._graph.aget_state(self._config)).values)

    async def question(self) -> Mapping[str, Any] | None:
        """What is asked now, or None. Raises nothing if the thread is new."""
        interrupts = (await self._graph.aget_state(self._config)).interrupts
        return interrupts[0].value if interrupts else None

    async def is_cut_short(self) -> bool:
        """Was the last run of the thread killed in the middle?"""
        state = await self._graph.aget_state(self._config)
        return bool(state.tasks) and not state.interrupts

    async def last_answer(self) -> str:
        messages = (await self._graph.aget_state(self._config)).values.get("messages", [])
        return messages[-1].text if messages and isinstance(messages[-1], AIMessage) else ""

    async def failed(self) -> bool:
        """Did the last turn end with a sentence about what went wrong?"""
        reply = (await self._graph.aget_state(self._config)).values.get("reply")
        return reply is not None and reply["kind"] == "problem"

    async def wake(self, turn: TurnRow, *, wait_id: str | None) -> Woken:  # noqa: ARG002 - it looks at all of its waits
        """As in `Threads`: whoever sits in front of this thread is told (`news`), and goes on with it. Threads that are not
        open here look themselves when they are opened.
        """
        if turn.thread_id != self.thread_id:
            return "busy"
        self._woken.set()
        return "woken"

    async def found_connection(self) -> bool:
        """Is there a connection now that this thread waits for? False too if Nango can't be asked."""
        try:
            return await look_at_waits(self.services, self.thread_id)
        except NangoError:
            # An outage is no news: the next look may succeed.
            return False

    async def news(self, question: Mapping[str, Any]) -> Literal["connected", "link expired", "again"]:
        """Returns when the thread can go on: a connection is there, told by a webhook or found by polling, or a link that is
        shown has died and must be made anew. "again" if that was told before, and going on has not changed what is asked: then it
        comes after a pause, longer each time.
        """
        about = [(request["name"], request["args"].get("integration")) for request in question["action_requests"]]
        pause = self._told[1] if self._told is not None and self._told[0] == about else 0.0
        await asyncio.sleep(pause)
        news = await self._next_news(question)
        self._told = (about, min(pause * 2, self._looks.most) if pause else self._looks.first)
        return "again" if pause and news == "connected" else news

    async def _next_news(self, question: Mapping[str, Any]) -> Literal["connected", "link expired"]:
        links = [
            request["args"]["expires_at"] for request in question["action_requests"] if "expires_at" in request["args"]
        ]
        delay = self._looks.first
        while True:
            # Before the look: what is told during it must not be forgotten.
            self._woken.clear()
            if await self.found_connection():
                return "connected"
            if any(has_expired(link, self.services.clock.now()) for link in links):
                return "link expired"
            try:
                await asyncio.wait_for(self._woken.wait(), delay)
            except TimeoutError:
                delay = min(delay * 2, self._looks.most)

    def _answering(self, decisions: Sequence[Mapping[str, Any]] | None, question: str | None) -> AsyncIterable[Any]:
        return answer(
            self.thread_id,
            decisions,
            graph=self._graph,
            context=self._context,
            question=question,
            stream_mode=_STREAMED,
        )


async def _events(parts: AsyncIterable[Any]) -> AsyncIterator[Event]:
    streamed: set[str] = set()
    async for part in parts:
        match part["type"]:
            case "custom":
                yield Event(part["data"]["type"], part["data"])
            case "messages":
                chunk, metadata = part["data"]
                if metadata.get("langgraph_node") == "respond" and isinstance(chunk, AIMessageChunk) and chunk.text:
                    streamed.add(chunk.id or "")
                    yield Event("token", chunk.text)
            case "updates":
                for message in _messages(part["data"].get("respond")):
                    if message.id not in streamed:
                        yield Event("message", message.text)
                    elif ending := message.additional_kwargs.get(FOR_PEOPLE):
                        yield Event("message", ending)


def _messages(update: Any) -> list[AIMessage]:
    found = update.get("messages", []) if isinstance(update, dict) else []
    return [message for message in found if isinstance(message, AIMessage)]


@asynccontextmanager
async def open_session(settings: AgentSettings, *, thread_id: str) -> AsyncIterator[Session]:
    """A session with checkpoints and records in files of the settings' data folder."""
    checkpoints = settings.data_dir / "checkpoints.db"
    private_file(checkpoints)
    async with AsyncExitStack() as stack:
        services = await stack.enter_async_context(open_services(settings))
        saver = await stack.enter_async_context(AsyncSqliteSaver.from_conn_string(str(checkpoints)))
        graph = build_graph(services).compile(checkpointer=saver)
        yield Session(graph, services, thread_id=thread_id, user_id=settings.user_id)
