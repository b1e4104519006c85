"""What a session hands to whoever lets its writes through: a ledger that remembers them, and asks where the policy says so."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from pydantic import JsonValue

from nango_tools.catalog.tool import Tool
from nango_tools.policy import Ruling

Arguments = dict[str, JsonValue]


class Refused(Exception):
    """Nothing was sent, or nothing more. `str()` is a sentence or more, for the model: what it says is shown to it."""


@dataclass(frozen=True, slots=True)
class Write:
    """One call of a tool that writes, or that the policy asks about.

    account: whose it is, in words, for people; empty where nobody knows
    arguments: as the model gave them; they fit the tool's schema
    judge: what is to become of the call with these arguments, by the rules of this moment. Raises `Refused` for arguments that
        don't fit the schema or that the policy denies. To be asked again of edited arguments, and before a call is sent.
    call_id: of the model's tool call, the same when the agent's run is repeated; None where the tool was not called by one
    thread_id: of the agent's run, `configurable.thread_id`; None for one without a thread
    timeout: seconds after which nobody waits for the answer any more
    """

    user_id: str
    organization_id: str
    tool: Tool
    connection_id: str
    account: str
    arguments: Arguments
    judge: Callable[[Arguments], Ruling]
    call_id: str | None
    thread_id: str | None
    timeout: float


class NeverSent(asyncio.CancelledError):
    """The run was stopped before the call left."""


@dataclass(frozen=True, slots=True)
class Earlier:
    """The output of the same call, made and answered earlier in the thread. Nothing was sent this time."""

    output: JsonValue


Send = Callable[[Arguments], Awaitable[JsonValue]]
"""Sends the call with these arguments, once. Raises `NangoError`, whose outcome says whether it had an effect, `Refused` where
nothing was sent, and `NeverSent` if it is cancelled before that.
"""


class WriteGate(Protocol):
    async def run(self, write: Write, send: Send) -> JsonValue | Earlier:
        """The output of the action, which was sent at most once for each `call_id`: however often this is repeated.

        Raises `Refused` if it is not sent, and what `send` raises.
        """
