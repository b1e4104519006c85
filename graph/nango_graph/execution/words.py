"""What people are told of the calls of a step: why it asks, what was left out."""

from collections.abc import Sequence

from nango_graph.planning.plan import Step
from nango_graph.records import Call
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
