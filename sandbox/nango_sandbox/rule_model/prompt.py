"""The prompt as the model reads it: the blocks of the system message and of the last human message."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from nango_sandbox.rule_model.shapes import ANY, Field, NotationError, Shape, read_shape, read_signature
from nango_sandbox.rule_model.words import Name, read_name

_RESULT = re.compile(r"^(?P<id>[A-Za-z]\w*) (?P<tool>[^\s/]+/\S+) (?P<arguments>.*) -> (?P<status>.+)$")

_ACCOUNT = re.compile(
    r"^(?P<integration>\S+) (?P<key>A\d+)(?: \((?P<notes>in use[^)]*)\))?: (?P<label>.+)$", re.MULTILINE
)
_DECLINED = re.compile(r"([^\s,()]+)(?: \([^)]*\))?")
"""A key, and the reason why if it was not the user's word."""
_COUNTED = re.compile(r" \(\d+ tools\)$")
"""Stands after the display name where only some of the tools are listed."""


@dataclass(frozen=True)
class Tool:
    """One tool of the prompt. `key` is `integration/name`; `access` is read, write or destructive."""

    key: str
    parameters: tuple[Field, ...] = ()
    result: Shape = ANY
    access: str = ""
    description: str = ""

    @property
    def integration(self) -> str:
        return self.key.partition("/")[0]

    @cached_property
    def name(self) -> Name:
        return read_name(self.key.partition("/")[2])

    @property
    def required(self) -> list[Field]:
        return [field for field in self.parameters if field.required]

    @property
    def reads(self) -> bool:
        return self.access == "read" if self.access else self.name.reads


@dataclass(frozen=True)
class Integration:
    key: str
    display: str
    tools: tuple[Tool, ...]


@dataclass(frozen=True)
class Account:
    """One of several accounts of an integration. `chosen`: somebody said in this turn that it is to be used."""

    integration: str
    key: str
    label: str
    in_use: bool = False
    chosen: bool = False


@dataclass(frozen=True)
class Result:
    """A step that ran: what was asked of which tool, how it ended, and what came back.

    Of a step that ran once for each of several items, `arguments` are those that all calls share, `calls` all of them.
    selected: the expression by which a part of the output was shown, which is no `preview` of it
    """

    id: str
    tool: str
    arguments: dict[str, Any]
    status: str
    shape: Shape = ANY
    selected: str = ""
    preview: str = ""
    error: str = ""
    calls: tuple[dict[str, Any], ...] = ()

    @property
    def succeeded(self) -> bool:
        return self.status.split()[0].rstrip(":,") == "succeeded"


@dataclass(frozen=True)
class Turn:
    """One earlier message: `said` is its text, `mine` when it was the agent's."""

    said: str
    mine: bool


@dataclass(frozen=True)
class Prompt:
    request: str
    history: tuple[Turn, ...] = ()
    tools: tuple[Tool, ...] = ()
    integrations: tuple[Integration, ...] = ()
    results: tuple[Result, ...] = ()
    earlier: tuple[Result, ...] = ()
    unfinished: tuple[dict[str, Any], ...] = ()
    send_again: tuple[dict[str, Any], ...] = ()  # those of them that are to be planned whatever the request says
    accounts: tuple[Account, ...] = ()  # of integrations with several
    declined: tuple[str, ...] = ()  # keys of integrations that the user does without
    problem: str = ""
    next_id: str = "s1"


def read_prompt(messages: Sequence[BaseMessage]) -> Prompt:
    """Raises `ValueError` when the last message is not a human's: there is nothing to answer then."""
    if not messages or not isinstance(messages[-1], HumanMessage):
        raise ValueError("The last message must be a human message that holds the request.")
    system = "\n".join(text_of(message) for message in messages if isinstance(message, SystemMessage))
    last = text_of(messages[-1])
    head, request = _split_request(last)
    history = [
        Turn(
            text_of(message) if isinstance(message, AIMessage) else _split_request(text_of(message))[1],
            isinstance(message, AIMessage),
        )
        for message in messages[:-1]
        if isinstance(message, HumanMessage | AIMessage)
    ]
    if history and not history[-1].mine and history[-1].said.strip() == request:
        history.pop()
    shown = f"{system}\n{head}"  # what was picked for this request stands beside it
    unfinished = tuple(_steps(_block(head, "unfinished_plan")))
    again = {name.strip() for name in _block(head, "send_again").split(",")}
    listed = _block(system, "integrations") or _block(shown, "other_integrations")
    return Prompt(
        request=request,
        history=tuple(turn for turn in history if turn.said.strip()),
        tools=tuple(read_tools(_block(shown, "tools"))),
        integrations=tuple(read_integrations(listed)),
        results=tuple(read_results(_block(head, "results"))),
        earlier=tuple(read_results(_block(head, "earlier_results"))),
        unfinished=unfinished,
        send_again=tuple(step for step in unfinished if str(step.get("id")) in again),
        accounts=tuple(read_accounts(_block(head, "accounts"))),
        declined=tuple(_DECLINED.findall(_block(head, "declined"))),
        problem=_block(head, "problem"),
        next_id=_block(head, "next_step_id") or "s1",
    )


def text_of(message: BaseMessage) -> str:
    return str(message.text)


def read_tools(block: str) -> list[Tool]:
    """Signature lines with the indented lines that belong to them; a line that cannot be read is left out."""
    found: list[Tool] = []
    for line in block.splitlines():
        if not line.strip():
            continue
        if not line[0].isspace():
            try:
                key, parameters, result = read_signature(line)
            except NotationError:
                continue
            found.append(Tool(key, parameters, result))
        elif found:
            found[-1] = _with_note(found[-1], line.strip())
    return found


def read_integrations(block: str) -> list[Integration]:
    found: list[Integration] = []
    for line in block.splitlines():
        key, dash, rest = line.strip().partition(" — ")
        if dash:
            display, _, names = rest.partition(":")
            display = _COUNTED.sub("", display)
            listed = [name.strip(" .…") for name in names.split(",")]
            found.append(Integration(key, display.strip(), tuple(Tool(f"{key}/{name}") for name in listed if name)))
    return found


def read_accounts(block: str) -> list[Account]:
    return [
        Account(line["integration"], line["key"], line["label"], bool(line["notes"]), "chosen" in (line["notes"] or ""))
        for line in _ACCOUNT.finditer(block)
    ]


def read_results(block: str) -> list[Result]:
    found: list[dict[str, Any]] = []
    for line in block.splitlines():
        head = _RESULT.match(line)
        if head:
            given = read_json(head["arguments"])
            calls = (
                [one for one in given if isinstance(one, dict)]
                if isinstance(given, list)
                else [given if isinstance(given, dict) else {}]
            )
            shared = {
                key: value
                for key, value in (calls[0] if calls else {}).items()
                if all(call.get(key) == value for call in calls)
            }
            found.append(
                {**head.groupdict(), "arguments": shared, "calls": tuple(calls) if isinstance(given, list) else ()}
            )
            continue
        label, colon, text = line.strip().partition(":")
        if colon and found and label == "preview" and found[-1].get("selected"):
            continue  # of something else than the output
        if colon and found and label in ("shape", "selected", "preview", "error"):
            found[-1][label] = read_shape(text) if label == "shape" else text.strip()
    return [Result(**fields) for fields in found]


def read_json(text: str) -> Any:
    """The JSON in `text`, or None where there is none."""
    try:
        return json.loads(text)
    except ValueError:
        return None


def _with_note(tool: Tool, line: str) -> Tool:
    access = re.match(r"\[(read|write|destructive)\]\s*(.*)", line)
    if access and not tool.access:
        return Tool(tool.key, tool.parameters, tool.result, access[1], access[2])
    name, colon, text = line.partition(":")
    if not colon:
        return tool
    parameters = tuple(
        Field(field.name, field.shape, field.required, text.strip()) if field.name == name.strip() else field
        for field in tool.parameters
    )
    return Tool(tool.key, parameters, tool.result, tool.access, tool.description)


def _split_request(text: str) -> tuple[str, str]:
    """What stands before the line `<request>`, and the user's words after it; all of it where there is no such line."""
    parts = re.split(r"^<request>[ \t]*\n?", text, maxsplit=1, flags=re.MULTILINE)
    if len(parts) == 1:
        return "", text.strip()
    return parts[0], parts[1].strip().removesuffix("</request>").strip()


def _block(text: str, tag: str) -> str:
    """A block's tags begin their lines, which no value inside another block can do."""
    found = re.search(rf"^<{tag}>(.*?)</{tag}>[ \t]*$", text, flags=re.MULTILINE | re.DOTALL)
    return found[1].strip("\n").strip() if found else ""


def _steps(text: str) -> list[dict[str, Any]]:
    found = read_json(text) if text else []
    return [step for step in found if isinstance(step, dict) and "tool" in step] if isinstance(found, list) else []
