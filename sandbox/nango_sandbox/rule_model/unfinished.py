"""An interrupted plan, submitted again: the same steps under new ids."""

import re
from collections.abc import Sequence
from typing import Any

from nango_sandbox.rule_model.request import tokens_of

# An identifier at the root of an expression: no field of something, no part of a text.
_ROOT = re.compile(r"(?<![\w.\"'`])[A-Za-z]\w*(?!\w)")
_LEADING = 3  # words before the new value: "to", "in channel", "post it to"
_REFERENCE = re.compile(r"\$\{[^}]*\}")


def counted(step_id: str) -> tuple[str, int]:
    """`s12` as `("s", 12)`."""
    found = re.fullmatch(r"(\D*)(\d+)", step_id)
    return (found[1], int(found[2])) if found else ("s", 1)


def renumbered(steps: Sequence[dict[str, Any]], next_id: str) -> list[dict[str, Any]]:
    """The steps with ids from `next_id` on, and what refers to them changed alike. Ids of other steps stay."""
    prefix, number = counted(next_id)
    new = {str(step.get("id")): f"{prefix}{number + at}" for at, step in enumerate(steps)}

    def renamed(value: Any) -> Any:
        if isinstance(value, str):
            return _REFERENCE.sub(lambda found: _ROOT.sub(lambda word: new.get(word[0], word[0]), found[0]), value)
        if isinstance(value, list):
            return [renamed(one) for one in value]
        return {key: renamed(one) for key, one in value.items()} if isinstance(value, dict) else value

    again: list[dict[str, Any]] = []
    for step in steps:
        changed = {**renamed(step), "id": new[str(step.get("id"))]}
        if isinstance(step.get("after"), list):
            changed["after"] = [new.get(str(one), one) for one in step["after"]]
        again.append(changed)
    return again


def otherwise(steps: Sequence[dict[str, Any]], wish: str) -> list[dict[str, Any]] | None:
    """The steps with the one value changed that a wish such as "to #random" can only mean; None if it says anything else."""
    tokens = tokens_of(wish)
    before, new = tokens[:-1], tokens[-1] if tokens else None
    if new is None or new.kind not in ("hash", "email", "date", "number") or any(t.kind != "word" for t in before):
        return None
    meant = {
        (at, key)
        for at, step in enumerate(steps)
        for key, value in step.get("arguments", {}).items()
        if [token.kind for token in tokens_of(str(value))] == [new.kind]
    }
    if len(before) > _LEADING or len(meant) != 1:
        return None
    at, key = meant.pop()
    old = steps[at]["arguments"]
    value = type(old[key])(wish[new.start : new.end] if new.kind == "hash" else new.value)
    return [*steps[:at], {**steps[at], "arguments": {**old, key: value}}, *steps[at + 1 :]]
