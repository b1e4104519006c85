"""Checks an answer against what was shown and records it; an answer that can't be taken is asked for again."""

from dataclasses import replace
from typing import Any

from langgraph.runtime import Runtime

from nango_graph.approval import CHANGED, REFUSED, UNKNOWN_OUTCOMES, Answer, BadAnswer, again, is_changed, read_answers
from nango_graph.context import Context
from nango_graph.digests import action_digest, digest
from nango_graph.execution.judging import Judge
from nango_graph.execution.provenance import provenance_in
from nango_graph.identity import actor_of
from nango_graph.left_over import left_over
from nango_graph.offering import Offer, offer_of
from nango_graph.planning.arguments import argument_problem, coerced
from nango_graph.records import CallKey, Decision, TurnRow
from nango_graph.services import Services
from nango_graph.state import Asked, State
from nango_graph.turn import turn_of, why_refused
from nango_tools import Access, NangoError, Tool
from nango_tools.policy import Effect

_REFUSED_BEFORE = "An earlier answer stands, so this is not sent. Ask for it again if it is wanted."
_SENT_BEFORE = "An earlier answer stands: it was approved, and sent, before this one came."


class Outdated(Exception):
    """The tool is not the one that was shown. It is asked for anew, as it is now; `str()` says why."""


async def decide(state: State, runtime: Runtime[Context], services: Services) -> dict[str, Any]:
    asked = state.get("asked")
    if asked is None:
        return {"answered": None}
    turn = await turn_of(state, runtime, services)
    actor = actor_of(runtime, services.settings.server_user_id)
    now = services.clock.now()
    decisions: list[Decision] = []
    outcomes: list[tuple[CallKey, str]] = []
    settles_earlier = False
    if is_changed(asked) and state.get("plan_id"):
        runtime.stream_writer({"type": "notice", "text": CHANGED})
        return {"asked": None, "answered": None}
    try:
        # The answer may stand in the state since a run before this one, or have been put there.
        refused = why_refused(asked, turn, runtime, services)
        answers = read_answers(asked, {REFUSED: refused} if refused else state.get("answered"))
        offer = await _offer(state, turn, services) if any(answer.kind != "reject" for answer in answers) else Offer({})
        for position, answer in enumerate(answers):
            item, shown = asked["items"][position], asked["payload"]["action_requests"][position]
            settles_earlier = await _is_of_earlier_turn(item, turn, services) or settles_earlier
            if item["about"] == "unknown":
                decision, outcome = _on_outcome(item, shown, answer, asked, actor)
                decisions.append(await _as_before(decision, outcome, turn, services))
                outcomes += outcome
            else:
                made = _on_write(item, shown, answer, asked, actor, offer)
                if answer.kind == "edit":
                    await _refuse_denied(item["tool"], made, offer, state, turn, services)
                decisions += made
    except BadAnswer as problem:
        return {"asked": again(asked, str(problem)), "answered": None}
    except Outdated as reason:
        runtime.stream_writer({"type": "notice", "text": str(reason)})
        return {"asked": None, "answered": None}
    await services.records.decisions.record(decisions, tenant=turn.requester.tenant, thread_id=turn.thread_id, now=now)
    for told in await _not_taken(decisions, turn, services):
        runtime.stream_writer({"type": "notice", "text": told})
    for key, said in outcomes:
        happened = said == "happened"
        await services.records.claims.settle(
            key,
            state="succeeded" if happened else "failed",
            error=f"{actor} says that it {'happened' if happened else 'did not happen'}.",
            now=now,
        )
    # What is left from before was worked out when nobody knew yet what became of it.
    left = await left_over(services.records, turn) if settles_earlier else {}
    return {"asked": None, "answered": None, **left}


async def _not_taken(made: list[Decision], turn: TurnRow, services: Services) -> list[str]:
    """Of which calls an earlier decision stands, in words: somebody may have gone back to a question that was answered before."""
    told = []
    for plan_id in {decision.key.plan_id for decision in made}:
        standing = await services.records.decisions.of_plan(plan_id, turn.requester.tenant)
        approved: dict[CallKey, int] = {}
        for key, stands in standing.items():
            if stands.verdict == "approved":
                approved[_first(key)] = max(approved.get(_first(key), 0), key.attempt)
        for decision in made:
            stands = standing.get(decision.key, decision)
            if decision.verdict == "rejected":
                sent = approved.get(_first(decision.key), 0) >= decision.key.attempt
                told += [f"{decision.key.step}: {_SENT_BEFORE}"] if sent else []
            elif stands.verdict == "rejected":
                told.append(f"{decision.key.step}: {_REFUSED_BEFORE}")
            elif stands.digest != decision.digest:
                told.append(f"{decision.key.step}: {_SENT_BEFORE}")
    return list(dict.fromkeys(told))


def _first(key: CallKey) -> CallKey:
    return replace(key, attempt=1)


async def _is_of_earlier_turn(item: dict[str, Any], turn: TurnRow, services: Services) -> bool:
    """What became of a call may be asked in a later turn; whether one is to be made, only in its own. Raises `BadAnswer`."""
    plan = await services.records.plans.get(item["plan_id"], turn.thread_id)
    if plan is None:
        raise BadAnswer("What was asked does not belong to this thread. Send the request again.")
    if item["about"] != "unknown" and plan.turn_id != turn.id:
        raise BadAnswer("What was asked belongs to an earlier request. Send that one again.")
    return plan.turn_id != turn.id


async def _as_before(
    decision: Decision, outcome: list[tuple[CallKey, str]], turn: TurnRow, services: Services
) -> Decision:
    """What is sent again is the tool that was approved the first time."""
    for key, _ in outcome:
        first = (await services.records.decisions.of_plan(key.plan_id, turn.requester.tenant)).get(key)
        if first is not None:
            decision = replace(decision, fingerprint=first.fingerprint, access=first.access)
    return decision


async def _offer(state: State, turn: TurnRow, services: Services) -> Offer:
    try:
        return await offer_of(state, turn, services)
    except NangoError as error:
        raise BadAnswer(f"The answer can't be checked just now: {error} Answer again later.") from error


async def _refuse_denied(
    name: str, made: list[Decision], offer: Offer, state: State, turn: TurnRow, services: Services
) -> None:
    """What a human edits, the rules are asked about again."""
    tool = offer.tools.get(name)
    if tool is None:
        raise BadAnswer(offer.why_not(name) or f"{name} is not offered any more.")
    judge = Judge(services, turn, await provenance_in(turn, services, offer.known))
    for decision in made:
        if decision.verdict == "approved":
            ruling = judge.of(
                tool,
                state["connections"][tool.integration],
                decision.arguments,
                plan_id=decision.key.plan_id,
                step=decision.key.step,
                edited=True,
            )
            if ruling.effect is Effect.DENY:
                raise BadAnswer(f"{name}: what it was edited to can't be sent. {ruling.reason}")


def _on_write(
    item: dict[str, Any], shown: dict[str, Any], answer: Answer, asked: Asked, actor: str, offer: Offer
) -> list[Decision]:
    """One decision for each call, bound to the digest of what was shown, or of what it was edited to.

    A rule that denies the tool by now takes no decision away: it is asked again before anything is sent.
    """
    tool = offer.known.get(item["tool"])
    shown_args = _without(shown["args"], item["confirm"])
    originals: list[dict[str, Any]] = shown_args["items"] if item["fans_out"] else [shown_args]
    units = item["units"]
    if (
        shown["name"] != item["tool"]
        or len(originals) != len(units)
        or any(
            action_digest(item["tool"], item["connection_id"], arguments) != unit["digest"]
            for arguments, unit in zip(originals, units, strict=True)
        )
    ):
        raise BadAnswer("What was shown is not what would be sent. Send the request again.")
    if answer.kind == "approve" and tool is None:
        raise BadAnswer(
            f"{offer.why_not(item['tool']) or item['tool'] + ' is not offered any more.'} Reject it, or wait."
        )
    if answer.kind != "reject" and tool is not None:
        _refuse_changed(item, tool)
    if answer.kind == "approve" and tool is not None and tool.access is Access.DESTRUCTIVE:
        raise BadAnswer(
            f"{item['tool']}: it deletes or overwrites, so approving is not enough. Send the request again."
        )
    approved: list[dict[str, Any] | None]
    if answer.kind == "reject":
        approved = [None] * len(units)
    elif answer.kind == "edit":
        if item["confirm"] and str(answer.args.get(item["confirm"], "")).strip().lower() != "yes":
            raise BadAnswer(f"{item['tool']}: set {item['confirm']} to yes to go ahead, or reject.")
        approved = _edited(_without(answer.args, item["confirm"]), originals, item, tool)
    else:
        approved = list(originals)
    return [
        Decision(
            key=CallKey(item["plan_id"], item["step"], unit["item"], unit["attempt"]),
            verdict="rejected" if arguments is None else "approved",
            digest=action_digest(item["tool"], item["connection_id"], original if arguments is None else arguments),
            arguments=original if arguments is None else arguments,
            asked_id=asked["id"],
            actor=actor,
            message=answer.message,
            fingerprint=tool.fingerprint if tool is not None else None,
            access=tool.access.value if tool is not None else None,
        )
        for unit, original, arguments in zip(units, originals, approved, strict=True)
    ]


def _refuse_changed(item: dict[str, Any], tool: Tool) -> None:
    """A question of an earlier version tells nothing of the tool, but whether it wanted a destructive call confirmed."""
    unconfirmed = tool.access is Access.DESTRUCTIVE and not item["confirm"]
    if item.get("fingerprint") not in (None, tool.fingerprint) or item.get("access") not in (None, tool.access.value):
        raise Outdated(f"{item['tool']} is not what it was when this was asked. Nothing was sent; look at it again.")
    if unconfirmed and item.get("access") is None:
        raise Outdated(f"{item['tool']} deletes or overwrites by now. Nothing was sent; look at it again.")


def _edited(
    edited: dict[str, Any], originals: list[dict[str, Any]], item: dict[str, Any], tool: Tool | None
) -> list[dict[str, Any] | None]:
    """Arguments for each call, None for those left out. Items may be edited in place, or left out, not both."""
    if tool is None:
        raise BadAnswer(f"{item['tool']} is not offered any more.")
    if not item["fans_out"]:
        return [_checked(edited, tool)]
    items = edited.get("items")
    if not isinstance(items, list) or not all(isinstance(one, dict) for one in items):
        raise BadAnswer(f"{item['tool']}: items must be a list of arguments.")
    if len(items) == len(originals):
        return [_checked(one, tool) for one in items]
    left = list(items)
    kept: list[dict[str, Any] | None] = []
    for original in originals:
        if original in left:
            left.remove(original)
            kept.append(original)
        else:
            kept.append(None)
    if left:
        raise BadAnswer(f"{item['tool']}: leave items out, or change them in place, but not both at once.")
    return kept


def _checked(arguments: dict[str, Any], tool: Tool) -> dict[str, Any]:
    typed = coerced(tool.input_schema, arguments)
    try:
        digest(typed)
    except (TypeError, ValueError, RecursionError) as error:
        raise BadAnswer(f"{tool.id}: the edited arguments are not JSON ({error}).") from error
    if problem := argument_problem(tool.input_schema, typed, bound=True):
        raise BadAnswer(f"{tool.id}: the edited arguments don't fit ({problem}).")
    return typed


def _on_outcome(
    item: dict[str, Any], shown: dict[str, Any], answer: Answer, asked: Asked, actor: str
) -> tuple[Decision, list[tuple[CallKey, str]]]:
    """What a human says of an unknown outcome. Only `not_happened_retry` allows another attempt."""
    unit = item["units"][0]
    key = CallKey(item["plan_id"], item["step"], unit["item"], unit["attempt"])
    said = answer.args.get("answer") if answer.kind == "edit" else None
    if answer.kind == "edit" and said not in UNKNOWN_OUTCOMES:
        raise BadAnswer(f"{item['tool']}: set answer to {', '.join(UNKNOWN_OUTCOMES)}, or reject to leave it open.")
    arguments = shown["args"]["arguments"]
    if action_digest(item["tool"], item["connection_id"], arguments) != unit["digest"]:
        raise BadAnswer("What was shown is not what was sent. Send the request again.")
    decision = Decision(
        key=CallKey(key.plan_id, key.step, key.item, key.attempt + 1),
        verdict="approved" if said == "not_happened_retry" else "rejected",
        digest=unit["digest"],
        arguments=arguments,
        asked_id=asked["id"],
        actor=actor,
        message=answer.message,
    )
    return decision, [(key, said)] if said is not None else []


def _without(args: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in args.items() if not name or key != name}
