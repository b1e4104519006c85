"""The state of a thread: what the model, the next node and a user interface need to see.

Plain JSON types only, because a checkpoint may be read years later by other code. Nothing is *allowed* because
the state says so: decisions, waits and outcomes are looked up in the records.
"""

from typing import Annotated, Any, Literal, NotRequired

from langchain_core.messages import AnyMessage
from langgraph.graph.message import add_messages

# Pydantic makes the schemas that Studio shows, and before Python 3.12 it can read only this TypedDict.
from typing_extensions import TypedDict

SCHEMA_VERSION = 1


class Input(TypedDict):
    """What the outside world sends: the conversation, nothing else."""

    messages: Annotated[list[AnyMessage], add_messages]


class Output(TypedDict):
    """What it gets back."""

    messages: Annotated[list[AnyMessage], add_messages]


class Turn(TypedDict):
    """One human message and all that follows from it."""

    id: str
    message_id: str
    request: str
    settings: dict[str, Any]
    """The run's `Context`, kept because a resume after days comes without one."""
    planned: int
    """How many plans this turn has had: the ordinal of the next one."""
    searched: NotRequired[list[str]]
    """Ids of tools that the planner searched for, or took from the index: they stay in view. None is allowed because it is here."""
    parkings: NotRequired[dict[str, int]]
    """By connection id: how often the turn has waited for a connection that broke under it."""


class Connection(TypedDict):
    """A connection that this turn uses."""

    integration: str
    connection_id: str
    label: str
    """Whose account it is, in words."""


class Result(TypedDict):
    """What became of one step (or one item of it), short enough for a prompt."""

    step: str
    tool: str
    status: str
    arguments: NotRequired[Any]
    shape: NotRequired[str]
    preview: NotRequired[str]
    selected: NotRequired[str]
    """The step's `select`, where `preview` shows what that found. `shape` is that of the whole output."""
    size: NotRequired[int]
    """Of the whole output, in bytes of JSON, where that is large."""
    artifacts: NotRequired[list[str]]
    """Ids under which the records have the whole, or the first of its parts: `records.artifacts`."""
    error: NotRequired[str]
    withheld: NotRequired[str]
    """Which rule kept calls of the step from being made: for people, no model sees it."""


class Asked(TypedDict):
    """A question that is open: prepared here by the node before, shown as it is by a node that asks."""

    id: str
    """Digest of what is asked; outlives interrupt ids."""
    kind: Literal["connections", "approval"]
    items: list[dict[str, Any]]
    """What each action request stands for, in the same order."""
    held_until: NotRequired[float]
    """Not before then (seconds since the epoch) it is looked again whether it is answered."""
    at: NotRequired[float]
    """When it was first asked (seconds since the epoch): an answer that was sent earlier was for something else."""
    payload: dict[str, Any]
    """What is shown, in the form that Studio and chat user interfaces render."""


class Reply(TypedDict):
    """An answer that needs no further work: the planner's own words, or a sentence about what went wrong."""

    kind: Literal["answer", "question", "problem"]
    text: str


class State(Input, total=False):
    """All channels. Node names and keys are part of the saved format: add, don't rename."""

    schema_version: int
    turn: Turn
    integrations: list[str]
    optional: list[str]
    """Integrations to use if a usable connection is there, and not to ask for."""
    declined: list[str]
    """Integrations to do without."""
    declined_because: dict[str, str]
    """Why, by integration, where it was not the user's word."""
    used: dict[str, str]
    """By integration: the connection that this thread used last, whatever became of it since."""
    accounts: dict[str, str]
    """By integration: the connection that this turn is to use, as the request or an answer named it; "" asks which."""
    others: dict[str, list[Connection]]
    """By integration: the requester's further accounts, which the planner may name."""
    lacking: dict[str, list[str]]
    """By integration: scopes that the plan's tools want and its connection lacks, to be asked for; [] once that was settled."""
    parked: dict[str, str]
    """By integration: the connection that broke while steps of the plan needed it."""
    connections: dict[str, Connection]
    plan_id: str | None
    steps: dict[str, str]
    """Status by step id, for user interfaces."""
    earlier: list[Result]
    """Of earlier turns of this thread: their outputs stay referable."""
    results: list[Result]
    """Of this turn."""
    unfinished: list[dict[str, Any]]
    """Steps of a plan that a new message interrupted, as the planner wrote them."""
    problem: str | None
    asked: Asked | None
    answered: Any
    reply: Reply | None
