"""What is asked of people, in words and in the wire form: approvals, unknown outcomes, connections, accounts."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import AIMessage

from nango_graph.approval import CONFIRM, AnswerKind, Request, confirm_field
from nango_graph.display import compact, markdown
from nango_graph.execution.work import Ask, AskToSend, AskWhatHappened, Unit
from nango_graph.prompts import ANNOUNCES
from nango_graph.records import Call
from nango_graph.state import Asked, Connection
from nango_tools import Access


@dataclass(frozen=True, slots=True)
class MissingConnection:
    """An integration without a usable connection, with the link that makes one."""

    wait_id: str
    integration: str
    display_name: str
    link: str
    expires_at: str
    broken: bool


@dataclass(frozen=True, slots=True)
class AccountChoice:
    """An integration to which the user has several connections."""

    integration: str
    display_name: str
    accounts: Sequence[Connection]


@dataclass(frozen=True, slots=True)
class ConfirmAccount:
    """A new account that came through a link whose opener nobody knows."""

    wait_id: str
    integration: str
    display_name: str
    account: Connection


Unclear = MissingConnection | AccountChoice | ConfirmAccount


def approval_requests(asks: Sequence[Ask]) -> list[Request]:
    """One request for each step, with all its items; unknown outcomes one by one, and first."""
    unknown = [_outcome_request(ask.call) for ask in asks if isinstance(ask, AskWhatHappened)]
    by_step: dict[tuple[str, str], list[Unit]] = {}
    for ask in asks:
        if isinstance(ask, AskToSend):
            by_step.setdefault((ask.unit.key.plan_id, ask.unit.step.id), []).append(ask.unit)
    return [*unknown, *map(_write_request, by_step.values())]


def _write_request(units: Sequence[Unit]) -> Request:
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
    if destructive:
        lines += ["", f"This deletes, removes or overwrites something. To go ahead, set `{confirm}` to `yes`."]
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
            "fans_out": fans_out,
            "confirm": confirm,
            "units": [{"item": unit.key.item, "attempt": unit.key.attempt, "digest": unit.digest} for unit in units],
        },
    )


def _outcome_request(call: Call) -> Request:
    return Request(
        name="resolve_unknown_outcome",
        args={"tool": call.tool, "arguments": call.arguments, "answer": "unknown"},
        description=(
            f"**Did this happen?** {markdown(call.tool)} was sent, but nobody knows whether it took effect. "
            f"{markdown(call.error or '')}\n\nLook in the account (it may still be running for up to 15 minutes), then set "
            "`answer` to `happened`, `not_happened_retry` (send it again) or `not_happened_skip`. Reject leaves it open."
        ),
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
    return announcement("\n".join(lines), about=asked["id"])


def announcement(text: str, *, about: str) -> AIMessage:
    """A message of the agent that is no part of the conversation: prompts leave it out. One for each `about`; a later
    one replaces it.
    """
    return AIMessage(text, id=str(uuid.uuid5(uuid.NAMESPACE_OID, about)), additional_kwargs={ANNOUNCES: True})


def connection_requests(unclear: Sequence[Unclear]) -> list[Request]:
    return [_connection_request(one) for one in unclear]


def _connection_request(unclear: Unclear) -> Request:
    match unclear:
        case MissingConnection():
            return _connect_request(unclear)
        case AccountChoice():
            return _choice_request(unclear)
        case ConfirmAccount():
            return _confirm_request(unclear)


def _confirm_request(confirm: ConfirmAccount) -> Request:
    account = confirm.account
    return Request(
        name="confirm_account",
        args={"integration": confirm.integration, "account": account["label"], CONFIRM: "no"},
        description=(
            f"**Is this your {markdown(confirm.display_name)} account?** {markdown(account['label'])} was connected through "
            f"the link of this chat. Nobody logged in to open it, so it may be somebody else's. Set `{CONFIRM}` to `yes` to use it, "
            "or reject it."
        ),
        allowed=["edit", "reject"],
        item={
            "about": "confirm",
            "wait_id": confirm.wait_id,
            "integration": confirm.integration,
            "connection_id": account["connection_id"],
        },
    )


def _connect_request(missing: MissingConnection) -> Request:
    verb = "Authorize again" if missing.broken else "Connect"
    return Request(
        name="connect_account",
        args={"integration": missing.integration, "connect_link": missing.link, "expires_at": missing.expires_at},
        description=(
            f"**{verb} {markdown(missing.display_name)}**: [open this link]({missing.link}). Work goes on by itself when it is done. "
            "Approve to look again, reject to go on without it."
        ),
        allowed=["approve", "reject"],
        item={"about": "connect", "wait_id": missing.wait_id, "integration": missing.integration},
    )


def _choice_request(choice: AccountChoice) -> Request:
    lines = "\n".join(f"- `{account['connection_id']}`: {markdown(account['label'])}" for account in choice.accounts)
    return Request(
        name="choose_account",
        args={"integration": choice.integration, "account_id": choice.accounts[0]["connection_id"]},
        description=f"**Which {markdown(choice.display_name)} account?** Approve the first, or set `account_id`:\n\n{lines}",
        allowed=["approve", "edit", "reject"],
        choices=[
            {"id": account["connection_id"], "label": f"{account['label']}, {account['connection_id'][:8]}"}
            for account in choice.accounts
        ],
        item={
            "about": "choose",
            "integration": choice.integration,
            "accounts": [dict(account) for account in choice.accounts],
        },
    )


def connection_message(unclear: Sequence[Unclear]) -> str:
    return "\n\n".join(map(_connection_line, unclear))


def _connection_line(unclear: Unclear) -> str:
    name = markdown(unclear.display_name)
    match unclear:
        case MissingConnection():
            return f"I need access to {name}{' again' if unclear.broken else ''}: [authorize here]({unclear.link})"
        case AccountChoice():
            labels = ", ".join(markdown(account["label"]) for account in unclear.accounts)
            return f"You have {len(unclear.accounts)} accounts in {name}. Which one? {labels}"
        case ConfirmAccount():
            return f"{markdown(unclear.account['label'])} was connected to {name}. Is it yours?"
