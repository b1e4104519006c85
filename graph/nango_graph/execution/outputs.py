"""What steps brought: whole, for references; short, for prompts. Read from the records, not from the state."""

import contextlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from operator import itemgetter
from typing import Any

from nango_graph.execution.results import MAX_ARTIFACTS, show
from nango_graph.planning.signatures import MAX_SHAPE, abridged, cut, preview_of, shape_of
from nango_graph.records import Artifact, Call, Records
from nango_graph.records.artifacts import size_of
from nango_graph.state import Result
from nango_tools import Access

PREVIEWED = 8
"""Of the results of earlier turns, the last so many are shown with a preview, all of them with their shape."""


class Outputs:
    """Of the steps of a thread's plans, whole."""

    def __init__(self, records: Records, thread_id: str, tenant: str) -> None:
        self._records = records
        self._thread_id = thread_id
        self._tenant = tenant

    async def of(self, steps: Collection[str]) -> dict[str, Any]:
        """Outputs by step id, of those of the steps that have one. A step that ran once for each item has a list."""
        if not steps:
            return {}
        calls = await self._records.calls.of_steps(steps, self._thread_id, self._tenant)
        plans = [await self._records.plans.get(plan, self._thread_id) for plan in {call.key.plan_id for call in calls}]
        fanned_out = {(plan.id, step["id"]) for plan in plans if plan for step in plan.steps if step.get("for_each")}
        counted = {at: made if at in fanned_out else made[-1:] for at, made in _by_step(calls).items()}
        kept = await self._kept([call for made in counted.values() for call in made])
        found: dict[str, Any] = {}
        for at, made in counted.items():
            with contextlib.suppress(LookupError):
                outputs = [_output(call, kept) for call in made]
                found[at[1]] = outputs if at in fanned_out else outputs[0]
        return found

    async def whole(self, calls: Sequence[Call]) -> list[Call]:
        """The same calls, with their outputs also where these are kept as artifacts.

        Raises `LookupError` where the records do not have the artifact any more: null would be another output.
        """
        kept = await self._kept(calls)
        return [call if call.artifact is None else replace(call, output=_output(call, kept)) for call in calls]

    async def _kept(self, calls: Iterable[Call]) -> dict[str, Any]:
        ids = {call.artifact for call in calls if call.artifact is not None}
        return await self._records.artifacts.many(ids, self._tenant) if ids else {}


def _output(call: Call, kept: Mapping[str, Any]) -> Any:
    if call.artifact is None:
        return call.output
    if call.artifact not in kept:
        happened = "" if call.access == Access.READ.value else " What it wrote is written."
        raise LookupError(
            f"The records do not have the output of step {call.key.step} ({call.tool}) any more.{happened}"
        )
    return kept[call.artifact]


async def earlier_results(records: Records, thread_id: str, tenant: str) -> list[Result]:
    """What the steps of earlier turns brought, in the order in which they ran. Large outputs are not loaded."""
    plans = await records.plans.of_thread(thread_id)
    calls = await records.calls.of_thread(thread_id, tenant)
    grouped = _by_step(call for call in calls if call.state == "succeeded")
    artifacts = await records.artifacts.about((call.artifact for call in calls if call.artifact is not None), tenant)
    steps = {(plan.id, step["id"]): step for plan in plans for step in plan.steps}
    results = [_earlier(made, steps.get(at) or {}, artifacts) for at, made in grouped.items()]
    for result in results[:-PREVIEWED]:
        result.pop("preview", None)
        result.pop("selected", None)
    unended = [call for call in calls if call.state != "succeeded"]
    return [
        *results,
        *(
            failed_result(
                call.key.step,
                call.tool,
                "failed" if call.state == "unknown" and not call.is_in_doubt else call.state,
                call.error or "",
                call.arguments,
            )
            for call in unended
        ),
    ]


def _earlier(made: list[Call], step: Mapping[str, Any], artifacts: Mapping[str, Artifact]) -> Result:
    fans_out = bool(step.get("for_each"))
    counted = made if fans_out else made[-1:]
    arguments = made[0].arguments if len(made) == 1 else [call.arguments for call in made]
    result = Result(step=made[0].key.step, tool=made[0].tool, status="succeeded", arguments=abridged(arguments))
    large = [call.artifact for call in counted if call.artifact is not None]
    if not large:
        outputs = [call.output for call in counted]
        notes = show(result, outputs if fans_out else outputs[0], select=step.get("select"))
        return Result(**result, error=" ".join(notes)) if notes else result
    result["artifacts"] = large[:MAX_ARTIFACTS]
    result["size"] = sum(_size(call, artifacts) for call in counted)
    shape, preview = _in_short(counted[0], artifacts)
    if fans_out:
        shape, preview = cut(f"[{shape}] ({len(counted)})", MAX_SHAPE), _as_first_of(len(counted), preview)
    result["shape"], result["preview"] = shape, preview
    return result


def _in_short(call: Call, artifacts: Mapping[str, Artifact]) -> tuple[str, str]:
    """(shape, preview)."""
    if call.artifact is None:
        return shape_of(call.output), preview_of(call.output)
    about = artifacts.get(call.artifact)
    return (about.shape, about.preview) if about is not None else ("not kept any more", "")


def _size(call: Call, artifacts: Mapping[str, Artifact]) -> int:
    if call.artifact is None:
        return size_of(call.output)
    return artifacts[call.artifact].size if call.artifact in artifacts else 0


def _as_first_of(count: int, preview: str) -> str:
    """The preview of a list of which only the first item is at hand."""
    told = f"shortened: the first item of {count}"
    if not preview.endswith(")"):  # as JSON never does
        return f"[{preview}] ({told})"
    value, _, note = preview.rpartition(" (")
    return f"[{value}] ({told}; {note}"


def failed_result(step: str, tool: str, status: str, error: str, arguments: Any = None) -> Result:
    return Result(step=step, tool=tool, status=status, error=error, arguments=abridged(arguments or {}))


def _by_step(calls: Iterable[Call]) -> dict[tuple[str, str], list[Call]]:
    """By plan id and step id, in the order of their items; those of older records in the order in which they began."""
    grouped: dict[tuple[str, str], list[Call]] = {}
    for call in calls:
        grouped.setdefault((call.key.plan_id, call.key.step), []).append(call)
    return {at: _in_order(made) for at, made in grouped.items()}


def _in_order(made: list[Call]) -> list[Call]:
    placed = [(call.position, call) for call in made if call.position is not None]
    # Items answer in any order, and references count on that of the list.
    return [call for _, call in sorted(placed, key=itemgetter(0))] if len(placed) == len(made) else made
