"""Named blocks: where data begins and ends in a prompt, and the request that comes after all of them."""

import json
from collections.abc import Sequence
from typing import Any

from langchain_core.messages import HumanMessage

from nango_graph.state import Turn


def block(name: str, content: str) -> str:
    """Nothing where there is nothing to tell."""
    return f"<{name}>\n{content}\n</{name}>\n" if content else ""


def as_data(value: Any) -> str:
    """JSON on one line, in the script it was written in, that can't end a block."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")


def request(turn: Turn, blocks: Sequence[str]) -> HumanMessage:
    return HumanMessage("".join(blocks) + f"<request>\n{turn['request']}")
