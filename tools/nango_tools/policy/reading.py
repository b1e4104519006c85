"""The policy file: YAML, checked in full before anything is decided by it. Its form for people: docs/how-to/policy.md."""

import difflib
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, TypeVar, cast, get_args

from nango_tools.access import Access
from nango_tools.errors import SettingsError
from nango_tools.policy.conditions import Condition, Fit, Question
from nango_tools.policy.globs import Glob, ToolGlob
from nango_tools.policy.located import MAX_CHARACTERS, BadYaml, Located, located
from nango_tools.policy.rule import AccessRule, Rule
from nango_tools.policy.ruling import Definitions, Effect
from nango_tools.policy.schema_form import BadSchema, check_schema

VERSION = 1
LONGEST_NAME = 80
_USER = "user"
"""How the file calls the user's own words."""

_FILE = ("version", "definitions", "access", "rules")
_ACCESS = ("integration", "tool", "is", "because")
_RULE = (
    *("name", "effect", "integration", "tool", "access", "account", "connection", "arguments"),
    *("from_integration", "because"),
)

T = TypeVar("T")


class PolicyError(SettingsError):
    """The policy file can't be used. `str()` names file and line, what is wrong there and what may stand there."""


@dataclass(frozen=True, slots=True)
class PolicyFile:
    rules: tuple[Rule, ...]
    access: tuple[AccessRule, ...]
    definitions: Definitions


def read_policy(path: Path) -> PolicyFile:
    """Raises `PolicyError`."""
    try:
        with path.open("rb") as file:
            raw = file.read(4 * MAX_CHARACTERS + 1)
        text = raw.decode("utf-8-sig")
    except OSError as error:
        raise PolicyError(
            f"The policy file {path} can't be read: {error.strerror}. Check NANGO_AGENT_POLICY."
        ) from error
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise PolicyError(f"{path}:{line}: this is not UTF-8.") from error
    try:
        return _Reader(str(path)).file(located(text))
    except BadYaml as error:
        raise PolicyError(f"{path}:{error.line}: {error}") from error


class _Reader:
    def __init__(self, path: str) -> None:
        self._path = path

    def file(self, document: Located) -> PolicyFile:
        if document.value is None:
            # Half a file, or none, must not pass for one that denies nothing.
            self._refuse(document, f"the file says nothing: write `version: {VERSION}` alone for no rules.")
        entries = self._mapping(document, _FILE, "in a policy")
        version = entries.get("version")
        if version is None or type(version.value) is not int or version.value != VERSION:
            self._refuse(
                version or document, f"the file must say `version: {VERSION}`, the form that it is written in."
            )
        rules: list[Rule] = []
        names: dict[str, int] = {}
        for entry in self._list(entries.get("rules")):
            rule = self._rule(entry)
            if rule.name in names:
                self._refuse(
                    entry, f"the rule in line {names[rule.name]} has the name {rule.name!r} too: give each its own."
                )
            names[rule.name] = entry.line
            rules.append(rule)
        definitions = entries.get("definitions")
        return PolicyFile(
            rules=tuple(rules),
            access=tuple(self._access_rule(entry) for entry in self._list(entries.get("access"))),
            definitions="hold" if definitions is None else self._one_of(definitions, get_args(Definitions)),
        )

    def _rule(self, entry: Located) -> Rule:
        entries = self._mapping(entry, _RULE, "in a rule")
        name = self._text(self._needed(entry, entries, "name"), longest=LONGEST_NAME)
        effect = Effect(self._one_of(self._needed(entry, entries, "effect"), list(Effect)))
        levels = self._list(entries.get("access"), or_one=True)
        connections = self._list(entries.get("connection"), or_one=True)
        integrations = self._globs(entries.get("integration"), Glob.of_integration)
        arguments = entries.get("arguments")
        from_user, sources = self._sources(entries, effect)
        return Rule(
            name=name,
            effect=effect,
            integrations=integrations,
            tools=self._tools(entries.get("tool"), integrations),
            access=frozenset(Access(self._one_of(one, list(Access))) for one in levels),
            accounts=self._globs(entries.get("account"), lambda text: Glob(text, any_case=True)),
            connections=frozenset(self._text(one) for one in connections),
            arguments=None if arguments is None else self._condition(arguments, effect),
            sources=sources,
            from_user=from_user,
            because=self._because(entries),
            where=self._where(entry),
        )

    def _access_rule(self, entry: Located) -> AccessRule:
        entries = self._mapping(entry, _ACCESS, "here")
        integrations = self._globs(entries.get("integration"), Glob.of_integration)
        return AccessRule(
            access=Access(self._one_of(self._needed(entry, entries, "is"), list(Access))),
            tools=self._tools(self._needed(entry, entries, "tool"), integrations),
            integrations=integrations,
            because=self._because(entries),
            where=self._where(entry),
        )

    def _tools(self, entry: Located | None, integrations: tuple[Glob, ...]) -> tuple[ToolGlob, ...]:
        tools = self._globs(entry, ToolGlob)
        for tool, one in zip(tools, self._list(entry, or_one=True), strict=True):
            if integrations and not tool.is_within(integrations):
                self._refuse(one, f"`{tool.text}` can match nothing: `integration` of the same rule names others.")
        return tools

    def _sources(self, entries: dict[str, Located], effect: Effect) -> tuple[bool, tuple[Glob, ...]]:
        """The user's words, and integrations. One with the key `user` counts as both where that is the careful reading."""
        found, from_user = [], False
        for one in self._list(entries.get("from_integration"), or_one=True):
            if one.value != _USER:
                found.append(self._made(_of_source, one))
                continue
            from_user = True
            if effect is not Effect.ALLOW:
                found.append(Glob(_USER))
        return from_user, tuple(found)

    def _condition(self, entry: Located, effect: Effect) -> Condition:
        if not isinstance(entry.value, dict):
            return self._made(Question, entry)
        schema = entry.plain()
        try:
            check_schema(schema, strict=effect is Effect.ALLOW)
        except BadSchema as error:
            raise PolicyError(f"{self._path}:{entry.line_at(error.path)}: {error}") from error
        return Fit(schema)

    def _globs(self, entry: Located | None, make: Callable[[str], T]) -> tuple[T, ...]:
        return tuple(self._made(make, one) for one in self._list(entry, or_one=True))

    def _made(self, make: Callable[[str], T], entry: Located) -> T:
        """What is made from a text. Its `ValueError` is told with the line."""
        text = self._text(entry, longest=None)
        try:
            return make(text)
        except ValueError as error:
            raise PolicyError(f"{self._where(entry)}: {error}") from error

    def _because(self, entries: dict[str, Located]) -> str:
        return self._text(entries["because"], longest=500) if "because" in entries else ""

    def _mapping(self, entry: Located, known: Collection[str], where: str) -> dict[str, Located]:
        if not isinstance(entry.value, dict):
            self._refuse(entry, f"here must stand `key: value` lines, with {_listed(known)}.")
        for key, value in entry.value.items():
            if key not in known:
                near = difflib.get_close_matches(key, known, 1)
                meant = f"perhaps `{near[0]}`" if near else f"there are {_listed(known)}"
                self._refuse(value, f"there is no `{key[:100]}` {where}; {meant}.")
        return cast("dict[str, Located]", entry.value)

    def _needed(self, entry: Located, entries: dict[str, Located], key: str) -> Located:
        if key not in entries:
            self._refuse(entry, f"`{key}` is missing.")
        return entries[key]

    def _list(self, entry: Located | None, *, or_one: bool = False) -> list[Located]:
        """Its items. `or_one`: one value may stand without a list; an empty list would match nothing, or all.

        Nothing at all is refused: it looks like a file that was cut off.
        """
        if entry is None:
            return []
        if isinstance(entry.value, list):
            if or_one and not entry.value:
                self._refuse(entry, "the list is empty: leave the key out, or name something.")
            return entry.value
        if not or_one:
            self._refuse(entry, "here must stand a list: `- …`, or `[]` for an empty one.")
        return [entry]

    def _text(self, entry: Located, *, longest: int | None = 200) -> str:
        """`longest` None: whoever makes something of it looks at the rest."""
        text = entry.value
        if not isinstance(text, str):
            self._refuse(entry, "here must stand a text. A number, true, false and null are put in quotes to be one.")
        if longest is not None and (not text.strip() or len(text) > longest or not text.isprintable()):
            self._refuse(entry, f"here must stand a text on one line, of 1 to {longest} characters.")
        return text

    def _one_of(self, entry: Located, known: Collection[str]) -> Any:
        if not isinstance(entry.value, str) or entry.value not in known:
            near = difflib.get_close_matches(str(entry.value), known, 1)
            meant = f"perhaps `{near[0]}`" if near else f"there are {_listed(known)}"
            self._refuse(entry, f"`{str(entry.plain())[:100]}` can't stand here; {meant}.")
        return entry.value

    def _where(self, entry: Located) -> str:
        return f"{self._path}:{entry.line}"

    def _refuse(self, entry: Located, message: str) -> NoReturn:
        raise PolicyError(f"{self._where(entry)}: {message}")


def _of_source(text: str) -> Glob:
    if text.casefold() == _USER:
        raise ValueError(f"{text!r}: the user's own words are `{_USER}`, in small letters.")
    return Glob.of_integration(text)


def _listed(known: Collection[str]) -> str:
    return ", ".join(f"`{one}`" for one in known)
