"""What a person is asked about a write of another agent, and what is noted of the decision on it, a person's or a rule's."""

from typing import Any

from nango_graph.approval import AnswerKind, BadAnswer, Request, confirm_field, read_answers
from nango_graph.digests import action_digest, digest
from nango_graph.display import markdown
from nango_graph.identity import BY_RULE
from nango_graph.planning.arguments import coerced
from nango_graph.records import CallKey, Decision
from nango_graph.records.decisions import Verdict
from nango_graph.state import Asked
from nango_tools import Access, Refused, Write
from nango_tools.agent_session.gating import Arguments

LONGEST_ID = 255
"""Of an id in the records."""


def digest_of(write: Write, arguments: Arguments) -> str:
    return action_digest(write.tool.id, write.connection_id, arguments)


def request_for(write: Write, plan_id: str, note: str) -> Request:
    tool, args = write.tool, dict[str, Any](write.arguments)
    account = f" in the account of {markdown(write.account)}" if write.account else ""
    lines = [f"**{markdown(tool.description or tool.name)}**", "", f"{markdown(tool.id)}{account}"]
    allowed: list[AnswerKind] = ["approve", "edit", "reject"]
    confirm = ""
    if note:
        lines += ["", note]
    if tool.access is Access.DESTRUCTIVE:
        confirm = confirm_field({**args, **(tool.input_schema.get("properties") or {})})
        args, allowed = {**args, confirm: "no"}, ["edit", "reject"]
        lines += ["", f"This deletes, removes or overwrites something. To go ahead, set `{confirm}` to `yes`."]
    return Request(
        name=tool.id,
        args=args,
        description="\n".join(lines),
        allowed=allowed,
        item={
            "about": "write",
            "plan_id": plan_id,
            "digest": digest_of(write, write.arguments),
            "confirm": confirm,
        },
    )


def decided_by_rule(write: Write, key: CallKey, rule: str | None) -> Decision:
    return _decision(write, key, "approved", write.arguments, actor=f"{BY_RULE}{rule or 'no rule'}")


def decided_by_person(asked: Asked, raw: Any, write: Write, key: CallKey, actor: str) -> Decision:
    """As the answer says. Raises `BadAnswer` with a sentence."""
    answer, confirm = read_answers(asked, raw)[0], asked["items"][0]["confirm"]
    arguments = write.arguments
    if answer.kind == "edit":
        if confirm and str(answer.args.get(confirm, "")).strip().lower() != "yes":
            raise BadAnswer(f"{write.tool.id}: set {confirm} to yes to go ahead, or reject.")
        arguments = _edited(write, {name: value for name, value in answer.args.items() if name != confirm})
    # Nobody passes for a rule by being called like one.
    who = f"user:{actor}" if actor.startswith(BY_RULE) else actor
    verdict: Verdict = "rejected" if answer.kind == "reject" else "approved"
    return _decision(write, key, verdict, arguments, actor=who, asked_id=asked["id"], message=answer.message)


def _decision(
    write: Write,
    key: CallKey,
    verdict: Verdict,
    arguments: Arguments,
    *,
    actor: str,
    asked_id: str = "",
    message: str = "",
) -> Decision:
    return Decision(
        key=key,
        verdict=verdict,
        digest=digest_of(write, arguments),
        arguments=arguments,
        asked_id=asked_id,
        actor=actor[:LONGEST_ID],
        message=message,
        fingerprint=write.tool.fingerprint,
        access=write.tool.access.value,
    )


def _edited(write: Write, args: dict[str, Any]) -> Arguments:
    """Arguments that fit, and that the policy does not deny. Raises `BadAnswer`."""
    arguments: Arguments = coerced(write.tool.input_schema, args)
    try:
        digest(arguments)
    except (TypeError, ValueError, RecursionError) as error:
        raise BadAnswer(f"{write.tool.id}: the edited arguments are not JSON ({error}).") from error
    try:
        write.judge(arguments)
    except Refused as refused:
        raise BadAnswer(f"{write.tool.id}: {refused}") from refused
    return arguments
