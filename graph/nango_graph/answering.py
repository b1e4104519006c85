"""`answer`: the one way in which a pause is gone on from, whoever does it: a person, a webhook, a sweep, a terminal."""

from collections.abc import AsyncIterator, Generator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any

from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableConfig
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Command, Interrupt, StateSnapshot

from nango_graph.context import as_context
from nango_graph.durable import NO_CHECKPOINTER, DurableGraph
from nango_graph.errors import NotAsked, UsageError
from nango_graph.identity import decider_in

Graph = CompiledStateGraph[Any, Any, Any, Any]
"""The agent's, or one around it that has a checkpointer."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Where a thread stands when a run of it has ended."""

    question: Mapping[str, Any] | None
    """What is asked now, in the form of `nango_graph.approval`; None if nothing is."""
    text: str
    """The answer; "" while something is asked."""
    failed: bool
    """The answer says what went wrong."""


class Answering:
    """A run that begins when this is awaited, or iterated for its parts (LangGraph's `{"type", "ns", "data"}`)."""

    def __init__(self, graph: Graph, thread_id: str, sent: "_Sent", streamed: Mapping[str, Any]) -> None:
        self._graph = graph
        self._config: RunnableConfig = {"configurable": {"thread_id": thread_id}}
        self._sent = sent
        self._streamed = streamed
        self._begun = False

    def __aiter__(self) -> AsyncIterator[Any]:
        return self._run()

    def __await__(self) -> Generator[Any, None, Outcome]:
        return self._outcome().__await__()

    async def _run(self) -> AsyncIterator[Any]:
        self._begun = True
        state = await self._graph.aget_state(self._config)
        if state.created_at is None:
            raise UsageError(
                f"There is no thread {self._config['configurable']['thread_id']}. It begins with a message, and lives in "
                "the checkpointer that the graph was compiled with."
            )
        async with aclosing(
            self._graph.astream(self._given(state), self._config, version="v2", **self._streamed)  # type: ignore[type-var]
        ) as parts:
            async for part in parts:
                yield part

    def _given(self, state: StateSnapshot) -> Any:
        """What the run begins with. Refused here if it can be, and in our own graph once more when the run has the thread to
        itself: of two answers that come at the same moment, the later one finds its question gone.
        """
        command = self._sent.to(state)
        if command is None or not isinstance(self._graph, DurableGraph):
            return command
        asked = self._sent.question_in(state).value
        if asked["kind"] == "approval" and not decider_in(as_context(self._streamed["context"])):
            raise UsageError("Nobody is named who decides: pass context=Context(user_id=...), or actor=... in it.")
        return replace(self._sent, question=asked["id"]).to

    async def _outcome(self) -> Outcome:
        if not self._begun:
            async for _ in self._run():
                pass
        return outcome_of(await self._graph.aget_state(self._config))


def answer(
    thread_id: str,
    decisions: Sequence[Mapping[str, Any]] | None = None,
    *,
    graph: Graph,
    context: Any = None,
    question: str | None = None,
    stream_mode: str | Sequence[str] = "custom",
    subgraphs: bool = False,
) -> Answering:
    """Goes on with a thread that is paused: `await` it for the `Outcome`, or `async for part in` it and await it then.

    `decisions`: one for each action that is asked for, in their order: `{"type": "approve"}`, `{"type": "edit",
    "edited_action": {"name", "args"}}` or `{"type": "reject", "message"}`. They count for the question with the id
    `question`, by default the one that is open when the run begins. None answers nothing: the graph looks again at what it
    waits for, and a run that was killed is gone on with.
    `context` says who decides (`Context(user_id=…)`, or `actor` in it); whose accounts are used was fixed when the turn began.
    Without anybody named, waits can be ended, but nothing be approved or rejected.

    Raises, when it is awaited or iterated: `UsageError` if there is no such thread, several questions are open and none is
    named, or nobody is named who decides; `NotAsked` if nothing, or another question, is asked, also where another answer was
    taken first (but in a graph around the agent's, an answer of the same moment gets the other one's outcome); `ThreadBusy` while
    another run of the thread goes on.
    """
    if not graph.checkpointer or graph.checkpointer is True:
        raise UsageError(NO_CHECKPOINTER)
    streamed = {"context": context, "stream_mode": stream_mode, "subgraphs": subgraphs}
    return Answering(graph, thread_id, _Sent(decisions, question), streamed)


def questions_in(state: StateSnapshot) -> list[Interrupt]:
    """What the agent asks in a thread: more than one only if graphs run side by side in a parent."""
    return [
        one for one in state.interrupts if isinstance(one.value, dict) and {"id", "action_requests"} <= {*one.value}
    ]


def outcome_of(state: StateSnapshot) -> Outcome:
    values = state.values if isinstance(state.values, dict) else {}
    asked = questions_in(state)
    messages = values.get("messages") or []
    said = messages[-1].text if messages and isinstance(messages[-1], AIMessage) and not asked else ""
    reply = values.get("reply")
    return Outcome(
        question=asked[0].value if asked else None,
        text=said,
        failed=isinstance(reply, dict) and reply.get("kind") == "problem" and not asked,
    )


@dataclass(frozen=True, slots=True)
class _Sent:
    decisions: Sequence[Mapping[str, Any]] | None
    question: str | None

    def to(self, state: StateSnapshot) -> Command[Any] | None:
        """What the run begins with. Bound to the question's id: where another is open by then, the graph refuses it."""
        if self.decisions is None:
            return None
        open_now = self.question_in(state)
        resumed = {"id": open_now.value["id"], "decisions": [dict(decision) for decision in self.decisions]}
        # One alone is answered as it is: by interrupt id, an answer that comes too late would stay behind in the thread.
        return Command(resume=resumed if len(state.interrupts) == 1 else {open_now.id: resumed})

    def question_in(self, state: StateSnapshot) -> Interrupt:
        """The one that is answered. Raises `NotAsked`."""
        asked = questions_in(state)
        if not asked:
            raise NotAsked("Nothing is asked in this thread now, so the answer was not used.")
        if self.question is None and len(asked) > 1:
            ids = ", ".join(one.value["id"] for one in asked)
            raise UsageError(f"Several questions are open: say by its id which one is answered ({ids}).")
        open_now = next((one for one in asked if self.question in {None, one.value["id"]}), None)
        if open_now is None:
            raise NotAsked("That question is not open any more, so the answer was not used. Look at what is asked now.")
        return open_now
