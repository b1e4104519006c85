"""What a read brought, in words: how many things, the one that was asked for, a record with its fields."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nango_sandbox.rule_model.previews import read_preview
from nango_sandbox.rule_model.prompt import Result, Tool
from nango_sandbox.rule_model.request import tokens_of
from nango_sandbox.rule_model.shapes import Shape
from nango_sandbox.rule_model.sources import AMOUNTS, DATES
from nango_sandbox.rule_model.wording import EMPTY, inner, line, phrase, plural, short, singular, spaced
from nango_sandbox.rule_model.words import (
    LARGEST,
    NEWEST,
    OLDEST,
    QUESTIONS,
    SMALLEST,
    is_plural,
    same_things,
    split_words,
    stem,
)

_ORDERS = ((OLDEST, DATES, min), (NEWEST | {"last"}, DATES, max), (LARGEST, AMOUNTS, max), (SMALLEST, AMOUNTS, min))
_MORE = ("has_more", "next_cursor", "next_page", "cursor", "after", "next")
_PAGES = (20, 25, 30, 50, 100, 200)  # a list of exactly so many may be the first page of a longer one
_SHOWN = 30  # items of a list, fields of a record


@dataclass(frozen=True)
class Found:
    """`items` is None for a single `record`. `count` is the list's real length, of which a preview may show a part."""

    things: str
    arguments: dict[str, Any]
    items: list[Any] | None
    count: int
    record: Any
    at_least: bool = False

    def counted(self) -> str:
        """`5 open issues in octo/widgets`."""
        number = f"at least {self.count}" if self.at_least else str(self.count) if self.count else "no"
        return phrase(number, singular(self.things) if self.count == 1 else plural(self.things), self.arguments)


def read_found(result: Result) -> Found:
    preview = read_preview(result.preview)
    words = Tool(result.tool).name.words
    end = next((at for at, word in enumerate(words) if word in ("by", "for", "from", "of", "in") and at), len(words))
    things = " ".join(words[:end]) or "results"
    value = preview.value
    key, items = _listed(value, result.shape)
    if items is None:
        return Found(things, result.arguments, None, 0, value)
    if key and not is_plural(things):
        things = spaced(key)
    array = result.shape.field(key).shape if key and result.shape.field(key) else result.shape  # type: ignore[union-attr]
    count = array.count if array.kind == "array" and array.count is not None else len(items)
    more = isinstance(value, dict) and any(value.get(sign) not in (*EMPTY, False) for sign in _MORE)
    unsure = count in _PAGES or (not preview.whole and array.count is None)
    return Found(things, result.arguments, items, count, None, more or unsure)


def found(what: Found, request: str) -> str:
    if what.items is None:
        if isinstance(what.record, dict) and what.record:
            return _record(what, inner(what.record), request)
        said = short(what.record, 300) if what.record not in EMPTY else "it is empty, or too long to be shown here"
        return f"{phrase('', what.things, what.arguments).strip().capitalize()}: {said}."
    if not what.count:
        return f"There are {what.counted()}."
    picked = _picked(what.items, request) if len(what.items) == what.count else None
    if picked is not None:
        return f"The {picked[0]} of {what.counted()} is {line(picked[1])}."
    if "how many" in request.lower() or "number of" in request.lower():
        return f"There {'is' if what.count == 1 else 'are'} {what.counted()}."
    return "\n".join([f"{what.counted()}:".capitalize() if what.at_least else f"{what.counted()}:", *bullets(what)])


def bullets(what: Found) -> list[str]:
    rows = [f"- {line(item)}" for item in (what.items or [])[:_SHOWN]]
    hidden = what.count - len(rows)
    return [*rows, f"… and {hidden} more, which I do not show here."] if hidden > 0 else rows


def _record(what: Found, value: dict[str, Any], request: str) -> str:
    """One thing; a question about some of its fields is answered with these."""
    asked = [key for key in value if _asked(key, request, what.things)] if _is_question(request) else []
    label = line(value, details=False) or phrase("", what.things, what.arguments).strip()
    if asked:
        told = "; ".join(f"{spaced(key)}: {short(value[key], 200) or 'none'}" for key in asked)
        return f"{label} — {told}."
    shown = [(key, short(one, 200)) for key, one in value.items() if one not in EMPTY]
    rows = [f"- {spaced(key)}: {one}" for key, one in shown if one not in label or key == "id"]
    more = [f"… and {len(rows) - _SHOWN} more fields."] if len(rows) > _SHOWN else []
    return "\n".join([f"{singular(what.things).capitalize()} {label}:", *rows[:_SHOWN], *more])


def _is_question(request: str) -> bool:
    return request.rstrip().endswith("?") or request.lower().split(maxsplit=1)[:1] in [[word] for word in QUESTIONS]


def _asked(key: str, request: str, things: str) -> bool:
    words = {token.stem for token in tokens_of(request) if token.kind == "word"}
    words -= {same for thing in things.split() for same in same_things(stem(thing))}
    return any(stem(part) in words for part in split_words(key) if part not in ("id", "is", "at", "has", "url"))


def _picked(items: Sequence[Any], request: str) -> tuple[str, Any] | None:
    """The oldest or newest or largest one, when one was asked for and the items tell."""
    words = [token for token in tokens_of(request) if token.kind == "word" and token.lower not in QUESTIONS]
    if any(is_plural(word.value) for word in words):
        return None
    for said, keys, best in _ORDERS:
        asked = next((word.lower for word in words if word.lower in said), None)
        for key in keys if asked else ():
            values: list[Any] = [item.get(key) if isinstance(item, dict) else None for item in items]
            if all(isinstance(value, str) for value in values) or all(
                isinstance(value, int | float) for value in values
            ):
                return str(asked), items[values.index(best(values))]
    return None


def _listed(value: Any, shape: Shape) -> tuple[str, list[Any] | None]:
    """The list in an output and its name; a record that has an id of its own is no list, whatever lists it holds."""
    if isinstance(value, list):
        return "", value
    if value is None:  # cut: the shape still tells how many there are
        arrays = [one.name for one in shape.fields if one.shape.kind == "array"]
        return (arrays[0], []) if len(arrays) == 1 and len(shape.fields) <= 4 else ("", [] if shape.count else None)
    if not isinstance(value, dict) or "id" in value or "number" in value:
        return "", None
    lists = [(key, one) for key, one in value.items() if isinstance(one, list)]
    objects = [(key, one) for key, one in lists if one and isinstance(one[0], dict)]
    return objects[0] if objects else lists[0] if len(lists) == 1 and len(value) <= 4 else ("", None)
