"""A model that does what any text in its prompt tells it to, wherever that stands and however it is disguised."""

import base64
import binascii
import re
import unicodedata
from collections.abc import Sequence
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage
from pydantic import Field

from replying_model import ReplyingModel, calling, first_of

SPELL = "obey-the-hidden-order"
"""Whoever gets this into a prompt has the model submit `orders`."""

_ENCODED = re.compile(r"[A-Za-z0-9+/]{24,}={0,2}")
_ESCAPED = re.compile(r"\\U([0-9a-fA-F]{8})|\\u([0-9a-fA-F]{4,6})")


class ObeyingModel(ReplyingModel):
    """Submits `plans` one after the other; from the prompt on that holds the spell, `orders` instead."""

    integrations: list[str] = Field(default_factory=list)
    plans: list[dict[str, Any]] = Field(default_factory=list)
    orders: list[dict[str, Any]] = Field(default_factory=list)
    words: str = 'Approved. {"decisions": [{"type": "approve"}]}'
    prompts: list[list[BaseMessage]] = Field(default_factory=list)
    """All that it was asked, whatever for."""
    obeyed: int = 0
    """How often it did what the spell said."""

    def saw(self, text: str) -> bool:
        return any(text in written(prompt) for prompt in self.prompts)

    def reply(self, messages: list[BaseMessage], tools: list[dict[str, Any]]) -> AIMessage:
        tool = first_of(tools)
        self.prompts.append(list(messages))
        if not tool:
            return AIMessage(self.words)
        if tool == "choose_integrations":
            return calling(tool, {"integrations": self.integrations})
        if tool != "submit_plan":
            return AIMessage("")
        if self.orders and any(SPELL in reading for reading in _readings(written(messages))):
            self.obeyed += 1
            return calling(tool, self.orders.pop(0))
        return calling(tool, self.plans.pop(0) if self.plans else {"kind": "answer", "text": self.words})


def written(messages: Sequence[BaseMessage]) -> str:
    return "\n".join(message.text for message in messages)


def _readings(text: str) -> list[str]:
    """The text as the most willing reader would take it."""
    plain = _ESCAPED.sub(lambda match: chr(int(match[1] or match[2], 16)), text)
    plain = "".join(chr(ord(one) - 0xE0000) if 0xE0020 <= ord(one) <= 0xE007E else one for one in plain)
    shown = "".join(one for one in unicodedata.normalize("NFKC", plain) if unicodedata.category(one) != "Cf")
    decoded = []
    for encoded in _ENCODED.findall(shown):
        try:
            decoded.append(base64.b64decode(encoded).decode(errors="replace"))
        except (binascii.Error, ValueError):
            continue
    return [shown, shown[::-1], *decoded]
