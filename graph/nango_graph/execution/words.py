"""What people are told of the calls of a step: why it asks, what was sent before, what was left out, why it failed.

The records have failures as `NangoError` words them, for developers: with the id of the connection, and what to do to the call.
People are told the step, the account by its name, whether it ran, what they can do, and last, because it may be cut, the cause.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType

from nango_graph.display import compact, markdown, visible
from nango_graph.execution.units import AskWhatHappened
from nango_graph.execution.variants import Variant
from nango_graph.planning.plan import Step
from nango_graph.records import AUTHORIZATION, Call
from nango_graph.records.sent import Sent
from nango_tools import Access, errors
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

MAY_STILL_HAPPEN = (
    "It had been sent by then, and may have taken effect, or may do so yet: what came of it is found out before anything else when "
    "you ask again."
)
TWICE_IN_THE_PLAN = "Exactly this stands in the plan more than once. It is done as often as it is approved."
_MAY_HAVE_TAKEN_EFFECT = (
    "What it did before it failed may have taken effect: look in the account before you have it sent again."
)
_SHOWN = 300
"""Characters of what an error says."""
_ITEM = 60
"""And of the arguments of an item that failed."""
_ITEMS = 3
_KINDS = 2
"""Reasons that are told, of a step whose items failed for several."""


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


def done_otherwise(variant: Variant | None) -> tuple[str, ...]:
    """Of what somebody had edited before it was done, in the same request."""
    if variant is None:
        return ()
    form = markdown(compact(variant.arguments, _SHOWN))
    told = f"An edited form of this was done before for this request ({moment(variant.at)}): {form}. Approving does this as well."
    return (told,)


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


@dataclass(frozen=True, slots=True)
class AskOfStep(AskWhatHappened):
    """With what the step is for, and whose account it is, in words.

    earlier: it was asked for by an earlier message
    """

    purpose: str = ""
    account: str = ""
    earlier: bool = False


def headed(step: str, tool: str, account: str) -> str:
    """How all that is told of a step begins."""
    return f"{step} {tool} in {visible(account, keep='')}: "


def not_made(step: Step, account: str, why: str, move: str) -> str:
    """Of a step whose calls were about to be made, and were not. `why`: sentences that say so; `move`: what can be done next."""
    return f"{headed(step.id, step.tool, account)}{why} {move}".rstrip()


ASK_OTHERWISE = "Ask again in other words; if it fails again, ask the admin of the integration."
ASK_WHETHER_IT_IS_THERE = "Ask the admin of the integration whether the action is still there."
CHECK_IT_IS_THERE = "Check in the account that what was looked for is there, and ask again."
ASK_FOR_RECORDS = "Ask whoever runs this agent to give it a database for its records."
ASK_FOR_THE_RULE = "Ask whoever keeps this agent's rules if it should be allowed."


def why_failed(step: Step, account: str, ended: Sequence[Call]) -> str:
    """Of a step some of whose calls did not succeed. What failed alike is told once, with the items that it struck."""
    head, bad = headed(step.id, step.tool, account), [call for call in ended if call.state != "succeeded"]
    if step.for_each is None:
        return head + "".join(told_of(call) for call in bad[:1])
    alike: dict[str, list[Call]] = {}
    for call in bad:
        alike.setdefault(told_of(call), []).append(call)
    kinds = list(alike.items())
    told = [f"{len(bad)} of {len(ended)} failed, {len(ended) - len(bad)} succeeded."]
    told += [f"{_items(calls)}: {why}" for why, calls in kinds[:_KINDS]]
    if more := sum(len(calls) for _, calls in kinds[_KINDS:]):
        told.append(f"{more} more failed for other reasons.")
    return head + " ".join(told)


def told_of(call: Call) -> str:
    """Whether a call that did not succeed ran, what to do next, and why it was, in this order."""
    cause, advice = _taken_apart(call)
    if advice is None and call.state != "unknown":
        # In words of our own, which say what was done. What a human said of it is known to them.
        return f"{compact(cause, _SHOWN).rstrip('.')}. Ask again if it is still wanted."
    return (
        f"{whether_it_ran(call)} {_next_move(call, cause, advice or '')} Cause: {compact(cause, _SHOWN).rstrip('.')}."
    )


def cause_of(call: Call) -> str:
    """Why the answer did not come, for the question what became of it."""
    return compact(_taken_apart(call)[0], _SHOWN).rstrip(".")


def _items(calls: Sequence[Call]) -> str:
    shown = ", ".join(compact(call.arguments, _ITEM) for call in calls[:_ITEMS])
    return f"{shown} and {len(calls) - _ITEMS} more" if len(calls) > _ITEMS else shown


def _taken_apart(call: Call) -> tuple[str, str | None]:
    """What happened, and what a developer is advised. None for what is no error of Nango's client."""
    said = call.error or "no reason was given"
    integration, _, action = call.tool.partition("/")
    said = said.removeprefix(f"{errors.Call('', call.connection_id, integration, action)}: ")
    found = list(_SAID_OF_IT.finditer(said))
    # The last: a provider may use the same words.
    return (said[: found[-1].start()], said[found[-1].end() :].rstrip(".")) if found else (said, None)


def whether_it_ran(call: Call) -> str:
    match call.state:
        case "not_sent":
            return "Nothing was sent."
        case "rejected":
            return "It did not run."
        case _ if call.access == Access.READ.value:
            return "Nothing was changed by it."
        case "failed":
            return "It ran and failed: what it did before that may have taken effect."
        case _:
            return "It may have run."


def _next_move(call: Call, cause: str, advice: str) -> str:
    reads = call.access == Access.READ.value
    if call.state == "unknown" and not reads:
        return _LOOK_LATER if advice.startswith("an action goes on for") else _LOOK
    move = _move(call, cause, advice)
    return f"Look in the account. {move}" if call.state == "failed" and not reads else move


def _move(call: Call, cause: str, advice: str) -> str:
    if call.cause == AUTHORIZATION or advice == errors.ReauthorizationRequired.advice:
        return AUTHORIZE
    if (later := _LATER.search(advice)) is not None:
        limited = "The provider's request limit is used up. " if advice.startswith(_LIMITED) else ""
        return f"{limited}Ask again {later[1]}."
    if (refused := _REFUSED.match(cause)) is not None:
        return _BY_STATUS.get(int(refused[1]), _SOON)
    return _BY_ADVICE.get(advice, _SOON)


_SAID_OF_IT = re.compile(
    "; (?:nothing was sent|the action did not run|the action may have run"
    "|the action ran and failed, what it did before the failure may have taken effect)(?:; |\\.$)"
)
"""Whether it ran, as `NangoError` says it."""
_LATER = re.compile(r"\btry again (later|in \S+ seconds)$")
_LIMITED = "that is the provider's request limit"
_REFUSED = re.compile(r"the provider answered (\d{3})\b")
AUTHORIZE = "Authorize the account again, then ask again."
_LOOK = "Look in the account before you have it sent again."
_LOOK_LATER = "Look in the account once 15 minutes have passed (it may run that long) before you have it sent again."
_SOON = "Ask again later; if it fails again, ask the admin of the integration."
_BY_STATUS: Mapping[int, str] = MappingProxyType(
    {
        **dict.fromkeys((400, 422), "Correct what the cause names, and ask again."),
        401: AUTHORIZE,
        403: "Ask the admin of the account for access, or connect another one: this one may not do that.",
        404: "Check in the account that what was named is there, and ask again.",
        409: "Look in the account at what is there already, and ask again.",
    }
)
"""What a provider answered."""
_BY_ADVICE: Mapping[str, str] = MappingProxyType(
    {
        errors.InvalidKeyError.advice: "Ask the admin of the integration to give this agent a valid key for Nango.",
        errors.InsufficientScopeError.advice: "Ask the admin of the integration to let this agent's key do that.",
        errors.UnknownIntegration.advice: "Ask the admin of the integration whether it is still set up.",
        errors.ActionDisabled.advice: "Ask the admin of the integration to enable the action.",
        errors.NotNango.advice: "Ask the admin of the integration to check Nango's address.",
        errors.NoConnection.advice: "Connect an account, and ask again.",
        errors.InvalidInput.advice: "Ask again in other words; if it fails again, ask the admin of the integration.",
        errors.NotFound.advice: "Ask the admin of the integration whether the action is still there.",
        errors.UnknownConnection.advice: "Connect the account again, then ask again.",
        errors.ActionNotFound.advice: "Ask the admin of the integration whether the action is still there.",
        errors.ResponseTooLarge.advice: "Ask for less at once.",
        errors.ActionRuntimeError.advice: "Correct what the cause names, and ask again.",
    }
)
"""What a user can do where a developer is advised so."""
