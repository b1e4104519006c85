"""Nothing leaves the catalogue before somebody who remembers what its tools looked like has admitted it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from nango_tools.catalog.tool import Tool


@dataclass(frozen=True, slots=True)
class Held:
    """A tool that is kept back: its definition is another one than was first seen, or accepted since; or nobody could
    show it safely (its name, its size).

    tool: its id; fingerprint: of the definition that waits to be accepted, "" where none can be; reason: for people
    """

    tool: str
    fingerprint: str
    reason: str


@dataclass(frozen=True, slots=True)
class Admitted:
    tools: tuple[Tool, ...]
    held: tuple[Held, ...] = ()


class Guard(Protocol):
    async def admit(self, tools: Sequence[Tool]) -> Admitted:
        """Those of `tools` that may be shown, in their order. They may be of several integrations."""


class Unguarded:
    """Admits everything, as it comes."""

    async def admit(self, tools: Sequence[Tool]) -> Admitted:
        return Admitted(tuple(tools))
