"""What is asked about connections, in words and in the wire form: authorize one, choose one, confirm one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from nango_graph.approval import CONFIRM, Request
from nango_graph.display import markdown
from nango_graph.state import Connection


@dataclass(frozen=True, slots=True)
class MissingConnection:
    """An integration without a connection that is good for the request, with the link that mends it."""

    wait_id: str
    integration: str
    display_name: str
    link: str
    expires_at: str
    reason: Literal["missing", "broken", "scopes"] = "missing"
    label: str = ""
    """Of the account to authorize again."""
    lacking: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Scopes that it lacks, each with the tools that want it."""


@dataclass(frozen=True, slots=True)
class AccountChoice:
    """An integration to which the user has several connections."""

    integration: str
    display_name: str
    accounts: Sequence[Connection]


@dataclass(frozen=True, slots=True)
class ConfirmAccount:
    """An account that came through a link whose opener nobody knows."""

    mark: str
    """Of the authorization that is confirmed, as in `Unconfirmed`."""
    integration: str
    display_name: str
    connection_id: str
    created: str
    """When the connection was made: date and time, UTC."""
    again: bool = False
    """It was authorized again since."""
    says: str = ""
    """What the provider says of the account, if it could be asked."""


_SHORT = 8
"""First characters of a connection id, which are mostly enough."""
Unclear = MissingConnection | AccountChoice | ConfirmAccount


def connection_requests(unclear: Sequence[Unclear]) -> list[Request]:
    """One request for each, in their order: all that is missing is asked in one pause."""
    return [_request(one) for one in unclear]


def connection_message(unclear: Sequence[Unclear]) -> str:
    """What the chat shows above the question, in Markdown."""
    return "\n\n".join(map(_line, unclear))


def _request(unclear: Unclear) -> Request:
    match unclear:
        case MissingConnection():
            return _connect_request(unclear)
        case AccountChoice():
            return _choice_request(unclear)
        case ConfirmAccount():
            return _confirm_request(unclear)


def _confirm_request(confirm: ConfirmAccount) -> Request:
    args = {"integration": confirm.integration, "account": f"{confirm.display_name} ({_known_of(confirm)})"}
    if confirm.says:
        args["account_says"] = confirm.says
    return Request(
        name="confirm_account",
        args={**args, CONFIRM: "no"},
        description=(
            f"**Is this your {markdown(confirm.display_name)} account?** ({markdown(_known_of(confirm))}) Nobody logged in to open "
            f"the link that it came through, so it may be somebody else's. {_whose(confirm)} Set `{CONFIRM}` to `yes` to use it, "
            "or reject it."
        ),
        allowed=["edit", "reject"],
        item={
            "about": "confirm",
            # The whole mark of one authorization, which begins with the wait's id.
            "wait_id": confirm.mark,
            "integration": confirm.integration,
            "connection_id": confirm.connection_id,
            "says": confirm.says,
        },
    )


def _known_of(confirm: ConfirmAccount) -> str:
    since = f"there since {confirm.created} and authorized again" if confirm.again else f"connected {confirm.created}"
    return f"{since}, connection {_shortened(confirm.connection_id)}"


def _shortened(connection_id: str) -> str:
    return connection_id if len(connection_id) <= _SHORT else f"{connection_id[:_SHORT]}…"


def _whose(confirm: ConfirmAccount) -> str:
    if confirm.says:
        return f"The account says of itself: {markdown(confirm.says)}."
    name = markdown(confirm.display_name)
    return f"Nango does not tell whose it is: if you are unsure, look in {name} which apps have access to your account."


def _connect_request(missing: MissingConnection) -> Request:
    name, link = markdown(missing.display_name), f"[open this link]({missing.link})"
    args: dict[str, Any] = {
        "integration": missing.integration,
        "connect_link": missing.link,
        "expires_at": missing.expires_at,
    }
    which = f" {markdown(missing.label)}" if missing.label else ""
    item = {"about": "connect", "wait_id": missing.wait_id, "integration": missing.integration}
    match missing.reason:
        case "scopes":
            args["lacking_scopes"] = sorted(missing.lacking)
            item["reason"] = "scopes"
            description = (
                f"**{name} has to allow more**: {link} and authorize{which} again. It lacks {_wanted(missing)}. Work goes on by "
                "itself when it is done. Approve to go on with what it has, reject to go on without it."
            )
        case reason:
            verb = "Authorize" if reason == "broken" else "Connect"
            again = " again" if reason == "broken" else ""
            description = (
                f"**{verb} {name}{again}**: {link}{f' for{which}' if which else ''}. Work goes on by itself when it is done. "
                "Approve to look again, reject to go on without it."
            )
    return Request(name="connect_account", args=args, description=description, allowed=["approve", "reject"], item=item)


def _wanted(missing: MissingConnection) -> str:
    return ", ".join(
        f"{markdown(scope)} (for {', '.join(markdown(tool) for tool in tools)})"
        for scope, tools in sorted(missing.lacking.items())
    )


def _choice_request(choice: AccountChoice) -> Request:
    name = markdown(choice.display_name)
    lines = "\n".join(f"- `{account['connection_id']}`: {markdown(account['label'])}" for account in choice.accounts)
    if len(choice.accounts) == 1:
        asked = f"**Use this {name} account?** It is the only one. Approve to use it from now on, reject to go on without it"
    else:
        asked = (
            f"**Which {name} account?** Approve the first, or set `account_id`. It is used from now on, until you ask for "
            "another one"
        )
    return Request(
        name="choose_account",
        args={"integration": choice.integration, "account_id": choice.accounts[0]["connection_id"]},
        description=f"{asked}:\n\n{lines}",
        allowed=["approve", "edit", "reject"],
        choices=[{"id": account["connection_id"], "label": account["label"]} for account in choice.accounts],
        item={
            "about": "choose",
            "integration": choice.integration,
            "accounts": [dict(account) for account in choice.accounts],
        },
    )


def _line(unclear: Unclear) -> str:
    name = markdown(unclear.display_name)
    match unclear:
        case MissingConnection(reason="scopes"):
            return (
                f"{name} has to allow more, as {markdown(unclear.label)} lacks {_wanted(unclear)}: "
                f"[authorize here]({unclear.link})"
            )
        case MissingConnection():
            again = f" again, for {markdown(unclear.label)}" if unclear.reason == "broken" else ""
            return f"I need access to {name}{again}: [authorize here]({unclear.link})"
        case AccountChoice():
            if len(unclear.accounts) == 1:
                return f"You have one account in {name}: {markdown(unclear.accounts[0]['label'])}. Is it to be used?"
            accounts = "\n".join(f"- {markdown(account['label'])}" for account in unclear.accounts)
            return f"You have {len(unclear.accounts)} accounts in {name}. Which one?\n{accounts}"
        case ConfirmAccount():
            return f"Is this your {name} account ({markdown(_known_of(unclear))})? {_whose(unclear)}"
