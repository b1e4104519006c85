"""Text from outside, made safe to look at: no markup, no control or direction characters."""

import json
import re
import unicodedata
from typing import Any

_MARKDOWN = re.compile(r"([\\`*_\[\]#|~!<>&])")


def visible(text: str, *, keep: str = "\n\t") -> str:
    """Control, ANSI, bidirectional and invisible characters are written out as escapes; `keep` stays."""
    return "".join(
        character
        if character in keep or unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
        else f"\\u{ord(character):04x}"
        for character in text
    )


def markdown(text: str) -> str:
    """Plain text for a place that renders Markdown or HTML: chat interfaces fetch images and follow markup there."""
    escaped = _MARKDOWN.sub(lambda match: _ENTITIES.get(match[1], "\\" + match[1]), visible(text, keep=""))
    return escaped.replace("://", "&#58;//")


_ENTITIES = {"<": "&lt;", ">": "&gt;", "&": "&amp;"}


def compact(value: Any, limit: int = 400) -> str:
    """A JSON value on one line; says so where it is cut."""
    text = visible(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False), keep="")
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text)} characters)"
