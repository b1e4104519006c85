"""What is asked before and after actions, in words and in the wire form: approvals, unknown outcomes."""

import uuid
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from langchain_core.messages import AIMessage

from nango_graph.approval import AnswerKind, Request, confirm_field
from nango_graph.display import compact, markdown, visible
from nango_graph.execution.units import Ask, AskToSend, AskWhatHappened
from nango_graph.execution.words import AskOfStep, cause_of
from nango_graph.prompts import ANNOUNCES
from nango_graph.records import CallKey
from nango_graph.state import Asked
from nango_tools import Access

_LOOK = "Look in the account, then set "
_DESTROYS = "This deletes, removes or overwrites something. To go ahead, set "
FOR_FORMS = (_LOOK, _DESTROYS)
"""How paragraphs of a description begin that say how to fill in a form."""

_NOTHING_KNOWN: Mapping[CallKey, Sequence[str]] = MappingProxyType({})


def approval_requests(asks: Sequence[Ask], evidence: Mapping[CallKey, Sequence[str]] = _NOTHING_KNOWN) -> list[Request]:
    """One request for each step, with all its items; unknown outcomes one by one, and first. `evidence`: what is known of those,
    in sentences that are safe to show.
    """
    unknown = [
        _outcome_request(ask, evidence.get(ask.call.key, ())) for ask in asks if isinstance(ask, AskWhatHappened)
    ]
    by_step: dict[tuple[str, str], list[AskToSend]] = {}
    for ask in asks:
        if isinstance(ask, AskToSend):
            by_step.setdefault((ask.unit.key.plan_id, ask.unit.step.id), []).append(ask)
    return [*unknown, *map(_write_request, by_step.values())]


def _write_request(asks: Sequence[AskToSend]) -> Request:
    units = [ask.unit for ask in asks]
    first = units[0]
    fans_out = first.step.for_each is not None
    args: dict[str, Any] = {"items": [unit.arguments for unit in units]} if fans_out else dict(first.arguments)
    destructive = first.tool.access is Access.DESTRUCTIVE
    allowed: list[AnswerKind] = ["approve", "edit", "reject"]
    confirm = ""
    if destructive:
        confirm = confirm_field({**args, **(first.tool.input_schema.get("properties") or {})})
        args = {**args, confirm: "no"}
        allowed = ["edit", "reject"]
    lines = [
        f"**{markdown(first.step.purpose or first.tool.description or first.tool.name)}**",
        "",
        f"{markdown(first.tool.id)} in {markdown(first.connection['label'])}"
        + (f", {len(units)} times" if fans_out else ""),
    ]
    for note in dict.fromkeys(note for ask in asks for note in ask.notes):
        lines += ["", visible(note, keep="")]
    if destructive:
        lines += ["", f"{_DESTROYS}`{confirm}` to `yes`."]
    return Request(
        name=first.tool.id,
        args=args,
        description="\n".join(lines),
        allowed=allowed,
        item={
            "about": "write",
            "plan_id": first.key.plan_id,
            "step": first.step.id,
            "tool": first.tool.id,
            "connection_id": first.connection["connection_id"],
            "fingerprint": first.tool.fingerprint,
            "access": first.tool.access.value,
            "fans_out": fans_out,
            "confirm": confirm,
            "units": [{"item": unit.key.item, "attempt": unit.key.attempt, "digest": unit.digest} for unit in units],
        },
    )


def _outcome_request(ask: AskWhatHappened, evidence: Sequence[str]) -> Request:
    call = ask.call
    known = ask if isinstance(ask, AskOfStep) else AskOfStep(call)
    account = known.account or f"the {call.tool.partition('/')[0]} account"
    # Of an earlier request nothing is sent any more, unless it is planned, and asked for, anew.
    again = "have it planned again; you are asked once more before it is sent" if known.earlier else "send it again"
    how = (
        f"{_LOOK}`answer` to `happened`, `not_happened_retry` ({again}) or `not_happened_skip`. Reject leaves it open."
    )
    purpose = f" ({known.purpose})" if known.purpose else ""
    step = markdown(f"Step {call.key.step}{purpose}{' of an earlier request' if known.earlier else ''}")
    cause = markdown(cause_of(call))
    where = f"{step}: {markdown(call.tool)} in {markdown(account)}"
    lines = [
        f"**Did this happen?** {where} was sent, but nobody knows whether it took effect. It may have run. Cause: {cause}.",
        *(f"- {visible(line, keep='')}" for line in evidence),
        how,
    ]
    return Request(
        name="resolve_unknown_outcome",
        args={"tool": call.tool, "arguments": call.arguments, "answer": "unknown"},
        description="\n\n".join(lines),
        allowed=["edit", "reject"],
        item={
            "about": "unknown",
            "plan_id": call.key.plan_id,
            "step": call.key.step,
            "tool": call.tool,
            "connection_id": call.connection_id,
            "units": [{"item": call.key.item, "attempt": call.key.attempt, "digest": call.digest}],
        },
    )


def approval_message(asked: Asked) -> AIMessage:
    """What the chat shows above the question: some interfaces show nothing else of it."""
    requests = asked["payload"]["action_requests"]
    lines = ["I need your decision before I go on:"]
    for request, item in zip(requests, asked["items"], strict=True):
        args = request["args"]
        detail = f"{len(args['items'])} times" if item.get("fans_out") else compact(args, 600)
        lines.append(f"- {markdown(request['name'])}: {markdown(detail)}")
        if item["about"] == "unknown":
            # What is known of it counts as much as the question.
            lines += [f"  {line}" for line in request["description"].split("\n\n")]
    return announcement("\n".join(lines), about=asked["id"])


def announcement(text: str, *, about: str) -> AIMessage:
    """A message of the agent that is no part of the conversation: prompts leave it out. One for each `about`; a later
    one replaces it.
    """
    return AIMessage(text, id=str(uuid.uuid5(uuid.NAMESPACE_OID, about)), additional_kwargs={ANNOUNCES: True})
