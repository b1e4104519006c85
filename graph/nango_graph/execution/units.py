"""What a step comes to: its calls, and the questions that it has for a human."""

from dataclasses import dataclass
from typing import Any

from nango_graph.digests import action_digest
from nango_graph.planning.plan import Step
from nango_graph.records import Call, CallKey
from nango_graph.state import Connection
from nango_tools import Tool


@dataclass(frozen=True, slots=True)
class Unit:
    """One call that a step makes."""

    key: CallKey
    step: Step
    tool: Tool
    connection: Connection
    arguments: Any
    digest: str
    edited: bool = False
    """Did a human change the arguments?"""
    position: int | None = None
    """Of its item, where its step goes through a list."""


@dataclass(frozen=True, slots=True)
class AskToSend:
    """A call that a human must allow or refuse. `notes`: what became of it before, which rule asks, what happens beside it."""

    unit: Unit
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AskWhatHappened:
    """A write that left and whose outcome nobody knows."""

    call: Call


Ask = AskToSend | AskWhatHappened


def unit_of(key: CallKey, step: Step, tool: Tool, connection: Connection, arguments: Any) -> Unit:
    return Unit(key, step, tool, connection, arguments, action_digest(tool.id, connection["connection_id"], arguments))
