"""The wire form of questions and answers, as Studio, agent-chat-ui and Agent Inbox render and send it.

Question: `{"action_requests": [{"name", "args", "arguments", "description"}], "review_configs": [{"action_name",
"allowed_decisions"}]}` (agent-chat-ui reads `args`, Agent Inbox `arguments`: both are the same object).
Answer: `{"decisions": [{"type": "approve"} | {"type": "edit", "edited_action": {"name", "args"}} | {"type": "reject",
"message"}]}`, one for each request in their order; or Agent Inbox's list of one, which answers the first request.
An answer is data from outside. Text is never an approval: only a structured decision is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NotRequired, TypedDict

from nango_graph.digests import digest
from nango_graph.state import Asked

CONFIRM = "confirm"
REFUSED = "refused"
"""Key of an answer that is none: its value says why."""
CHANGED = "What was asked has been changed since it was shown. Look at what is asked now."
UNKNOWN_OUTCOMES = ("happened", "not_happened_retry", "not_happened_skip")

AnswerKind = Literal["approve", "edit", "reject"]


class Request(TypedDict):
    """One thing that is asked for."""

    name: str
    args: dict[str, Any]
    description: str
    allowed: list[AnswerKind]
    choices: NotRequired[list[dict[str, str]]]
    """`{"id", "label"}` of what can be chosen, for interfaces that show more than text."""
    item: dict[str, Any]
    """What it stands for on our side. Never shown, and never taken from an answer."""


@dataclass(frozen=True, slots=True)
class Answer:
    kind: AnswerKind
    args: dict[str, Any]
    """As shown, or as edited."""
    message: str = ""


class BadAnswer(Exception):
    """An answer that can't be taken. `str()` is shown when the question is asked again."""


def ask(kind: Literal["connections", "approval"], requests: Sequence[Request], *, problem: str = "") -> Asked:
    """A question, ready to be saved and shown."""
    items = [request["item"] for request in requests]
    shown = [
        {
            "name": request["name"],
            "args": request["args"],
            "arguments": request["args"],
            "description": f"{problem}\n\n{request['description']}" if problem else request["description"],
            **({"choices": request["choices"]} if "choices" in request else {}),
        }
        for request in requests
    ]
    configs = [{"action_name": request["name"], "allowed_decisions": request["allowed"]} for request in requests]
    identity = _identity(kind, items, shown)
    payload: dict[str, Any] = {"kind": kind, "id": identity, "action_requests": shown, "review_configs": configs}
    if problem:
        payload["problem"] = problem
    return Asked(id=identity, kind=kind, items=items, payload=payload)


def _identity(kind: str, items: Sequence[dict[str, Any]], shown: Sequence[dict[str, Any]]) -> str:
    return digest([kind, items, [request["args"] for request in shown], [request["name"] for request in shown]])


def is_changed(asked: Asked) -> bool:
    """Is it not what its id was made of? Whoever owns a thread may edit its state, between what was shown and the answer to it."""
    return _identity(asked["kind"], asked["items"], asked["payload"]["action_requests"]) != asked["id"]


def again(asked: Asked, problem: str) -> Asked:
    """The same question, with what was wrong about the answer."""
    requests = [
        Request(
            name=shown["name"],
            args=shown["args"],
            description=shown["description"].removeprefix(f"{asked['payload'].get('problem', '')}\n\n"),
            allowed=config["allowed_decisions"],
            choices=shown.get("choices", []),
            item=item,
        )
        for shown, config, item in zip(
            asked["payload"]["action_requests"], asked["payload"]["review_configs"], asked["items"], strict=True
        )
    ]
    repeated = ask(asked["kind"], requests, problem=problem)
    return {**repeated, "at": asked["at"]} if "at" in asked else repeated


def read_answers(asked: Asked, raw: Any) -> list[Answer]:
    """One answer for each request, in order; Agent Inbox answers only the first, so the list may be shorter.

    Raises `BadAnswer` with a sentence.
    """
    shown = asked["payload"]["action_requests"]
    configs = asked["payload"]["review_configs"]
    if isinstance(raw, dict) and isinstance(raw.get(REFUSED), str):
        raise BadAnswer(raw[REFUSED])
    if is_changed(asked):
        raise BadAnswer(CHANGED)
    if isinstance(raw, dict) and isinstance(raw.get("decisions"), list):
        entries = [_from_decision(entry) for entry in raw["decisions"]]
        if raw.get("id") not in (None, asked["id"]):
            raise BadAnswer("That answer was for another question. This is the one that is open now.")
        if len(entries) != len(shown):
            raise BadAnswer(f"{len(shown)} decisions are needed, one for each action in order; {len(entries)} came.")
    elif isinstance(raw, list) and len(raw) == 1:
        entries = [_from_inbox(raw[0], shown[0]["name"])]
    else:
        raise BadAnswer("The answer was not a decision. Approve, edit or reject each action.")
    answers = []
    for entry, request, config in zip(entries, shown, configs, strict=False):
        if entry.kind not in config["allowed_decisions"]:
            allowed = " or ".join(config["allowed_decisions"])
            raise BadAnswer(f"{request['name']}: {entry.kind} is not possible here, only {allowed}.")
        answers.append(entry if entry.kind == "edit" else Answer(entry.kind, request["args"], entry.message))
    return answers


def _from_decision(entry: Any) -> Answer:
    if not isinstance(entry, dict):
        raise BadAnswer("A decision must be an object with a type.")
    match entry.get("type"):
        case "approve":
            return Answer("approve", {})
        case "reject":
            return Answer("reject", {}, _text(entry.get("message")))
        case "edit":
            edited = entry.get("edited_action")
            args = edited.get("args") if isinstance(edited, dict) else None
            if not isinstance(args, dict):
                raise BadAnswer("An edit must carry edited_action.args, an object.")
            return Answer("edit", args)
        case other:
            raise BadAnswer(f"{str(other)[:40]!r} is not a decision. Approve, edit or reject.")


def _from_inbox(entry: Any, name: str) -> Answer:
    """Agent Inbox: `{"type": "accept" | "edit" | "response" | "ignore", "args": {"action", "args"} | str | null}`."""
    if not isinstance(entry, dict):
        raise BadAnswer("A response must be an object with a type.")
    inner = entry.get("args")
    if isinstance(inner, dict) and inner.get("action") not in (None, name):
        raise BadAnswer("That answer was for another action. This is the one that is open now.")
    match entry.get("type"):
        case "accept":
            return Answer("approve", {})
        case "ignore":
            return Answer("reject", {})
        case "response":
            return Answer("reject", {}, _text(inner))
        case "edit":
            args = inner.get("args") if isinstance(inner, dict) else None
            if not isinstance(args, dict):
                raise BadAnswer("An edit must carry the edited arguments, an object.")
            return Answer("edit", args)
        case other:
            raise BadAnswer(f"{str(other)[:40]!r} is not a response. Accept, edit or ignore.")


def confirm_field(properties: dict[str, Any]) -> str:
    """The field that must be set to "yes" for a destructive action: an empty "reject" approves in both chat interfaces,
    so approval alone is never enough for one. Named so that it can't be one of the tool's own arguments.
    """
    name = CONFIRM
    while name in properties:
        name += "_"
    return name


def _text(value: Any) -> str:
    return value[:2000] if isinstance(value, str) else ""
