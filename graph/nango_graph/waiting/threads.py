"""Where threads run, as whoever ends a wait sees it: in this process, or on a LangGraph server."""

from typing import Literal, Protocol

from nango_graph.records import TurnRow

Woken = Literal["woken", "busy", "elsewhere"]
"""woken: a run without input was made (or queued). busy: a run is going on now; wake it again later.
elsewhere: the thread does not wait for this any more: it has ended, or asks something else."""


class Threads(Protocol):
    async def wake(self, turn: TurnRow, *, wait_id: str | None) -> Woken:
        """Runs the turn's thread without input, if it is paused at the question that holds this wait, or was cut short.

        `wait_id` None: only if it was cut short. Returns without waiting for the run to end.
        """
