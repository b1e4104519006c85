"""What people are told of the calls of a step: why it asks, what was sent before, what was left out."""

from collections.abc import Sequence
from datetime import UTC, datetime

from nango_graph.display import compact, markdown
from nango_graph.planning.plan import Step
from nango_graph.records import Call
from nango_graph.records.sent import Sent
from nango_tools.policy import Ruling

FAILED_BEFORE = (
    "This was sent before, and failed because the connection had broken. What it did before it failed may have taken effect: "
    "look in the account before you have it sent again."
)
APPROVED_OTHERWISE = "This was approved before, but for another account, or another action, than would be used now."
CHANGED_SINCE = (
    "This was approved before, but the tool is not as it was then: its description, its arguments, or what it may do."
)
ALLOWED_BEFORE = "A rule allowed this before. That rule does not hold any more."

TWICE_IN_THE_PLAN = "Exactly this stands in the plan more than once. It is done as often as it is approved."
_MAY_HAVE_TAKEN_EFFECT = (
    "What it did before it failed may have taken effect: look in the account before you have it sent again."
)
_SHOWN = 300
"""Characters of what an error says."""


def sent_before(before: Sequence[Sent], *, plan_id: str) -> tuple[str, ...]:
    """Of exactly the same action: the last time for each thing that may have come of it."""
    last = {one.state: one for one in before if one.state != "failed" or one.may_have_happened}
    told = []
    if (done := last.get("succeeded")) is not None:
        where = "by this plan" if done.key.plan_id == plan_id else "in this conversation"
        told.append(f"Exactly this was done before {where} ({moment(done.at)}). Approving does it once more.")
    if (unknown := last.get("unknown") or last.get("claimed")) is not None:
        told.append(
            f"Exactly this was sent before ({moment(unknown.at)}), and nobody knows whether it took effect: look in the account first."
        )
    if (failed := last.get("failed")) is not None:
        told.append(
            f"Exactly this was sent before ({moment(failed.at)}) and failed{_because(failed)}. {_MAY_HAVE_TAKEN_EFFECT}"
        )
    return tuple(told)


def failed_before(tool: str, failed: Sequence[Sent]) -> tuple[str, ...]:
    """Of the same tool and account in the same request, with other arguments."""
    if not failed:
        return ()
    told = (
        f"{markdown(tool)} was sent to this account before for this request ({moment(failed[-1].at)}), with other arguments, and "
        f"failed{_because(failed[-1])}. {_MAY_HAVE_TAKEN_EFFECT}"
    )
    return (told,)


def moment(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _because(failed: Sent) -> str:
    return f": {markdown(compact(failed.error, _SHOWN)).rstrip('.')}" if failed.error else ""


def done_before(made: Sequence[Call]) -> str:
    done = sum(call.state == "succeeded" for call in made)
    return f"{done} of its calls had succeeded before." if done else "Nothing was sent."


def why_asked(ruling: Ruling) -> tuple[str, ...]:
    """Nothing where no rule asks: that writes are asked for needs no reason."""
    return (f"Asked for because of a rule. {ruling.reason}",) if ruling.rule is not None else ()


def reasons(denied: Sequence[Ruling]) -> str:
    return " ".join(dict.fromkeys(ruling.reason for ruling in denied))


def why_withheld(step: Step, denied: Sequence[Ruling]) -> str:
    if not denied:
        return ""
    what = (
        f"{len(denied)} of the calls of {step.tool} were not made." if step.for_each else f"{step.tool} was not called."
    )
    return f"{what} {reasons(denied)}"
