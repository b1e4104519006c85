"""What happens now, streamed to whoever listens: the `custom` stream of LangGraph."""

from langgraph.runtime import Runtime

from nango_graph.context import Context
from nango_graph.execution.scheduler import StepState
from nango_graph.execution.units import Unit
from nango_graph.planning.plan import Step


class Progress:
    """Streams what happens now. A step that ran before a pause or a crash is replayed in silence."""

    def __init__(self, runtime: Runtime[Context]) -> None:
        self._write = runtime.stream_writer
        self._running: set[str] = set()

    def sending(self, unit: Unit) -> None:
        if unit.step.id not in self._running:
            self._running.add(unit.step.id)
            self._write({"type": "step", "id": unit.step.id, "tool": unit.tool.id, "status": "started"})

    def ended(self, step: Step, state: StepState) -> None:
        if step.id in self._running:
            self._write(
                {"type": "step", "id": step.id, "tool": step.tool, "status": state.status, "error": state.error}
            )

    def parked(self, steps: list[Step], states: dict[str, StepState]) -> None:
        """Those that nothing was sent of: the others were told of when they ended."""
        for step in steps:
            if step.id not in self._running:
                self._running.add(step.id)
                self.ended(step, states[step.id])

    def notice(self, text: str) -> None:
        self._write({"type": "notice", "text": text})
