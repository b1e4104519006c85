"""What a person is asked about a write of another agent, and how an edit of it is read."""

from typing import Any

from nango_graph.approval import AnswerKind, BadAnswer, Request, confirm_field
from nango_graph.digests import action_digest, digest
from nango_graph.display import markdown
from nango_graph.planning.arguments import coerced
from nango_tools import Access, Refused, Write
from nango_tools.agent_session.gating import Arguments


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


def edited(write: Write, args: dict[str, Any]) -> Arguments:
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
