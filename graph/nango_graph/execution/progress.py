"""What happens now, streamed to whoever listens: the `custom` stream of LangGraph.

{"type": "step", "id", "tool", "status": "started"}
{"type": "step", "id", "tool", "status": "running", "done": n, "of": m, "failed": k}    of a step that runs for each item
{"type": "step", "id", "tool", "status": how it ended, "error", and "done", "of", "failed" where it ran for each item}
{"type": "notice", "text"}
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from langgraph.runtime import Runtime

from nango_graph.context import Context
from nango_graph.execution.ending import Made
from nango_graph.execution.scheduler import Status, StepState
from nango_graph.execution.units import Unit
from nango_graph.planning.plan import Step
from nango_graph.records import Call

_TOLD = 20
"""How often a step that runs for each item tells how far it is, about."""
_NEVER_BEGAN: frozenset[Status] = frozenset({"failed", "skipped", "blocked", "declined", "parked"})
"""Ends of steps that are told although nothing was sent."""


class Progress:
    """Streams what happens now. A step that ran before a pause or a crash is replayed in silence. `before`: status by step id, as
    it was told last.
    """

    def __init__(self, runtime: Runtime[Context], before: Mapping[str, str]) -> None:
        self._write = runtime.stream_writer
        self._before = before
        self._running: set[str] = set()
        self._told: set[str] = set()
        self._tallies: dict[str, Tally] = {}

    def sending(self, unit: Unit) -> None:
        if unit.step.id not in self._running:
            self._running.add(unit.step.id)
            self._write({"type": "step", "id": unit.step.id, "tool": unit.tool.id, "status": "started"})

    def tally(self, step: Step, *, of: int) -> "Tally":
        self._tallies[step.id] = tally = Tally(self, step, of)
        return tally

    def running(self, step: Step, *, done: int, of: int, failed: int) -> None:
        if step.for_each is not None and step.id in self._running:
            told = {"done": done, "of": of, "failed": failed}
            self._write({"type": "step", "id": step.id, "tool": step.tool, "status": "running", **told})

    def ended(self, step: Step, state: StepState) -> None:
        began = step.id in self._running
        if step.id in self._told or not (began or (state.status in _NEVER_BEGAN and self._is_news(step, state))):
            return
        self._told.add(step.id)
        counts: dict[str, Any] = {}
        if state.of:
            tally = self._tallies.get(step.id)
            counts = {"done": state.done, "of": state.of, "failed": tally.failed if tally is not None else 0}
        self._write(
            {"type": "step", "id": step.id, "tool": step.tool, "status": state.status, "error": state.error, **counts}
        )

    def notice(self, text: str) -> None:
        self._write({"type": "notice", "text": text})

    def _is_news(self, step: Step, state: StepState) -> bool:
        return self._before.get(step.id) != state.status


@dataclass(slots=True)
class Tally:
    """Of one step's calls, as they end."""

    progress: Progress
    step: Step
    of: int
    done: int = 0
    failed: int = 0

    def add(self, made: Made) -> None:
        if not isinstance(made, Call):
            return
        self.done += made.state == "succeeded"
        self.failed += made.state != "succeeded"
        ended = self.done + self.failed
        if ended < self.of and ended % -(-self.of // _TOLD) == 0:
            self.progress.running(self.step, done=self.done, of=self.of, failed=self.failed)
