"""What the model submits: a plan, a question, an answer, an integration that is needed, or an account."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from nango_sandbox.rule_model.prompt import Integration, Tool
from nango_sandbox.rule_model.shapes import Field
from nango_sandbox.rule_model.words import is_plural, split_words


@dataclass(frozen=True)
class Decision:
    kind: Literal["plan", "question", "answer", "integration", "account"]
    text: str = ""
    integration: str = ""
    account: str = ""  # its key in the prompt; empty has the user choose
    steps: tuple[dict[str, Any], ...] = ()
    sought: str = ""  # the words for what its steps look for first

    def arguments(self) -> dict[str, Any]:
        """The arguments of `submit_plan`."""
        submitted = {"kind": self.kind, "text": self.text, "integration": self.integration, "steps": list(self.steps)}
        return {**submitted, "account": self.account} if self.kind == "account" else submitted


def ask(missing: Sequence[tuple[Tool, Field]]) -> Decision:
    """A question that names everything missing, each thing once."""
    names = {field.name for _, field in missing}
    wanted: list[str] = []
    for tool, field in missing:
        words = list(split_words(field.name))
        if "repo" in words or "repository" in words:
            said = "which repository (owner/name)" if "owner" in names or "workspace" in names else "which repository"
        elif words[-1:] in (["owner"], ["workspace"]) and names & {"repo", "repo_slug", "repository"}:
            continue
        elif words[-1:] in (["id"], ["number"], ["ts"], ["gid"], ["key"]):
            thing = " ".join(words[:-1]) or " ".join(tool.name.words)
            said = f"which {thing} (its {' '.join(words[-1:])})"
        elif words == ["channel"]:
            said = "which channel"
        elif field.shape.choices:
            said = f"which {' '.join(words)} ({', '.join(str(choice) for choice in field.shape.choices)})"
        else:
            said = f"what {' '.join(words)}"
        if said not in wanted:
            wanted.append(said)
    tool = missing[-1][0]
    asked = " and ".join([", ".join(wanted[:-1]), wanted[-1]] if len(wanted) > 1 else wanted)
    return Decision("question", f"To {job(tool)} I need to know: {asked}?")


def job(tool: Tool) -> str:
    """`create an issue`, `list deals`."""
    *before, last = tool.name.words or ("",)
    article = "" if not last or is_plural(last) else "an " if (tool.name.words[0])[:1] in "aeiou" else "a "
    return f"{tool.name.verb} {article}{' '.join((*before, last))}".strip()


def parameters_of(tool: Tool, fields: Sequence[Field]) -> str:
    return ", ".join(" ".join(split_words(field.name)) for field in fields) or f"nothing ({tool.key} has no parameters)"


def overview(tools: Sequence[Tool], others: Sequence[Integration]) -> str:
    """What can be done with the tools at hand, by integration, and where more could be had."""
    by: dict[str, list[str]] = {}
    for tool in tools:
        by.setdefault(tool.integration, []).append(tool.name.spoken())
    more = f"{', '.join(one.display for one in others)}: say what to do there, and I ask for the connection."
    if not by:
        return f"No tools are connected yet. I can work in {more}" if others else "No tools are connected."
    lines = [
        f"- {integration}: {', '.join(names[:12])}{f' and {len(names) - 12} more' if len(names) > 12 else ''}"
        for integration, names in by.items()
    ]
    also = f"\nI can also work in {more}" if others else ""
    return "I can do this with the connected tools:\n" + "\n".join(lines) + also
