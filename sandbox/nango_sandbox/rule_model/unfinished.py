"""An interrupted plan, submitted again: the same steps under new ids."""

import re
from collections.abc import Sequence
from typing import Any

# An identifier at the root of an expression: no field of something, no part of a text.
_ROOT = re.compile(r"(?<![\w.\"'`])[A-Za-z]\w*(?!\w)")
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
