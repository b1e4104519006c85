"""A model that plans what a request says in so many words, and notes every plan it is asked for, whatever process it is in."""

import os
import re
from pathlib import Path
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage

from replying_model import ReplyingModel, calling, first_of

OCTO = {"owner": "octo", "repo": "widgets"}
_CASE = re.compile(r"case-[a-z0-9-]+")


def request_to_list(case: str) -> str:
    """`case` tells requests apart: lower case letters, digits and dashes."""
    return f"List the issues in octo/widgets on GitHub, case-{case}"


def request_to_create(case: str) -> str:
    return f"Create an issue in octo/widgets on GitHub, case-{case}"


class NotingModel(ReplyingModel):
    """Plans to list issues, or to create one with the case as its title; answers that it can't where GitHub was declined."""

    notes: Path
    """A line for each time that the planner was asked: the case."""

    def planned(self, case: str) -> int:
        """How often a plan was asked for."""
        lines = self.notes.read_text().splitlines() if self.notes.exists() else []
        return lines.count(f"case-{case}")

    def reply(self, messages: list[BaseMessage], tools: list[dict[str, Any]]) -> AIMessage:
        tool = first_of(tools)
        if not tool:
            return AIMessage("Done.")
        if tool == "choose_integrations":
            return calling(tool, {"integrations": ["github"]})
        prompt = "\n".join(message.text for message in messages)
        case = _CASE.findall(prompt)[-1]
        self._note(case)
        if re.search(r"<declined>\s*github", prompt):
            return calling(tool, {"kind": "answer", "text": "I went on without GitHub."})
        if f"Create an issue in octo/widgets on GitHub, {case}" in prompt:
            step = {"id": "s1", "tool": "github/create-issue", "arguments": {**OCTO, "title": case}}
        else:
            step = {"id": "s1", "tool": "github/list-issues", "arguments": OCTO}
        return calling(tool, {"kind": "plan", "steps": [step]})

    def _note(self, case: str) -> None:
        # One write to a file opened for appending is whole, also between processes.
        notes = os.open(self.notes, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(notes, f"{case}\n".encode())
        finally:
            os.close(notes)
