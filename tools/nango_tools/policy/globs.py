"""Patterns in rules: `*` stands for any text, `?` for one character, everything else for itself. No regular expressions."""

import fnmatch
import re

MAX_LENGTH = 200


class Glob:
    """Matched in time proportional to pattern times text. Raises `ValueError` with a sentence."""

    __slots__ = ("_matches", "text")

    def __init__(self, text: str, *, any_case: bool = False) -> None:
        if not text.strip() or not text.isprintable() or text != text.strip():
            raise ValueError(
                f"{text[:MAX_LENGTH]!r} is no pattern: write the name, with * for any text and ? for one character."
            )
        if len(text) > MAX_LENGTH:
            raise ValueError(f"a pattern is longer than {MAX_LENGTH} characters.")
        self.text = text
        # What `fnmatch` makes of a pattern never goes back past a piece that it has found. It knows [sets], and we do not.
        pattern = fnmatch.translate(re.sub(r"\*+", "*", text).replace("[", "[[]"))
        self._matches = re.compile(pattern, re.IGNORECASE if any_case else 0).match

    def matches(self, name: str) -> bool:
        return self._matches(name) is not None

    def __repr__(self) -> str:
        return f"Glob({self.text!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Glob) and self._matches == other._matches

    def __hash__(self) -> int:
        return hash(self.text)


class ToolGlob:
    """With a slash over `integration/tool`; without one over the tool's name, in any integration.

    Raises `ValueError` with a sentence.
    """

    __slots__ = ("_integration", "_tool", "text")

    def __init__(self, text: str) -> None:
        integration, slash, tool = text.partition("/")
        self.text = text
        self._integration = Glob(integration) if slash else Glob("*")
        self._tool = Glob(tool if slash else text)

    @classmethod
    def of_id(cls, text: str) -> "ToolGlob":
        """One that names the integration too: in lists of whole ids, `github` alone would be read as an integration.

        Raises `ValueError` with a sentence.
        """
        if "/" not in text:
            raise ValueError(
                f"{text[:MAX_LENGTH]!r} is not integration/tool: write {text[:50].strip() or '*'}/* for all of its tools."
            )
        return cls(text)

    def matches(self, integration: str, tool: str) -> bool:
        return self._integration.matches(integration) and self._tool.matches(tool)

    def __repr__(self) -> str:
        return f"ToolGlob({self.text!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ToolGlob) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)
