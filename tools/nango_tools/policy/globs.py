"""Patterns in rules: `*` stands for any text, `?` for one character, everything else for itself. No regular expressions."""

import fnmatch
import re
import unicodedata
from collections.abc import Callable
from typing import Self

MAX_LENGTH = 200
_WILD = frozenset("*?")
_KEY = re.compile(r"[a-zA-Z0-9~:.@ _*?-]+")
"""Of what Nango lets the key of an integration be made (POST /integrations: `^[a-zA-Z0-9~:.@ _-]+$`), and what is special here."""


class Glob:
    """Matched in time proportional to pattern times text. Raises `ValueError` with a sentence.

    A letter with an accent is the same in all the ways in which Unicode can write it.
    """

    __slots__ = ("_any_case", "_matches", "is_name", "text")

    def __init__(self, text: str, *, any_case: bool = False) -> None:
        if not text.strip() or not text.isprintable() or text != text.strip():
            raise ValueError(
                f"{text[:MAX_LENGTH]!r} is no pattern: write the name, with * for any text and ? for one character."
            )
        if len(text) > MAX_LENGTH:
            raise ValueError(f"a pattern is longer than {MAX_LENGTH} characters.")
        self.text = text
        self.is_name = _WILD.isdisjoint(text)
        self._any_case = any_case
        self._matches: Callable[[str], object] | None = None

    @classmethod
    def of_integration(cls, text: str) -> Self:
        """Over the keys of integrations. Raises `ValueError` with a sentence also for what no key can be."""
        made = cls(text)
        if "/" in text:
            raise ValueError(
                f"{text!r} is no integration: with a slash, integration and action stand in `tool`, which is another key."
            )
        if not _KEY.fullmatch(text):
            raise ValueError(
                f"{text!a} can be no integration: keys are made of a to z, A to Z, 0 to 9, spaces and ~ : . @ _ - alone."
            )
        return made

    def _made(self) -> Callable[[str], object]:
        text = unicodedata.normalize("NFC", self.text)
        if self.is_name and not self._any_case:
            return text.__eq__
        # What `fnmatch` makes of a pattern never goes back past a piece that it has found. It knows [sets], and we do not.
        pattern = fnmatch.translate(re.sub(r"\*+", "*", text).replace("[", "[[]"))
        return re.compile(pattern, re.IGNORECASE if self._any_case else 0).match

    def matches(self, name: str) -> bool:
        if self._matches is None:
            self._matches = self._made()  # late: most rules are never about the integration at hand
        return bool(self._matches(name if name.isascii() else unicodedata.normalize("NFC", name)))

    def __repr__(self) -> str:
        return f"Glob({self.text!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Glob) and (self.text, self._any_case) == (other.text, other._any_case)

    def __hash__(self) -> int:
        return hash(self.text)


class ToolGlob:
    """With a slash over `integration/tool`; without one over the tool's name, in any integration.

    Raises `ValueError` with a sentence.
    """

    __slots__ = ("_tool", "integration", "text")

    def __init__(self, text: str) -> None:
        integration, slash, tool = text.partition("/")
        self.text = text
        if "/" in tool:
            raise ValueError(f"{text[:MAX_LENGTH]!r} has two slashes: write integration/action; no action has a slash.")
        self.integration = Glob.of_integration(integration) if slash else Glob("*")
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
        return self.integration.matches(integration) and self._tool.matches(tool)

    def is_within(self, integrations: "tuple[Glob, ...]") -> bool:
        """Can it match anything in those? True where that isn't known: between two patterns."""
        own = self.integration
        return any(
            other.matches(own.text) if own.is_name else not other.is_name or own.matches(other.text)
            for other in integrations
        )

    def __repr__(self) -> str:
        return f"ToolGlob({self.text!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ToolGlob) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)
