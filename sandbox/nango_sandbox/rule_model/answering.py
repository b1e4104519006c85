"""Puts results into words: what was found, what was done, what was not and why. Says nothing the results do not show."""

from collections.abc import Sequence
from typing import Any

from nango_sandbox.rule_model.previews import Preview, read_preview
from nango_sandbox.rule_model.prompt import Prompt, Result, Tool
from nango_sandbox.rule_model.request import tokens_of
from nango_sandbox.rule_model.wording import capital, inner, line, past, plural, short, singular, spaced, where
from nango_sandbox.rule_model.words import (
    LARGEST,
    NEWEST,
    OLDEST,
    QUESTIONS,
    SMALLEST,
    is_plural,
    split_words,
    stem,
)

_DATES = ("created_at", "createdAt", "created", "createdate", "date", "timestamp", "ts", "updated_at")
_AMOUNTS = ("amount", "value", "total", "price", "size", "count")
_ORDERS = ((OLDEST, _DATES, min), (NEWEST, _DATES, max), (LARGEST, _AMOUNTS, max), (SMALLEST, _AMOUNTS, min))
_LINKS = ("html_url", "url", "permalink", "link")
_SHOWN = 20  # items of a list, fields of a record
_NOTHING: tuple[Any, ...] = (None, "", [], {})


def answer(prompt: Prompt) -> str:
    results = prompt.results
    if not results and prompt.earlier and _is_question(prompt.request):
        results = prompt.earlier[-1:]
    wrote = any(not Tool(result.tool).reads for result in results)
    parts = [_said(result, prompt.request, brief=wrote) for result in results]
    if prompt.problem:
        parts.append(f"Not everything worked: {prompt.problem.strip()}")
    return "\n\n".join(parts) or "I have no results for that: nothing was found, and nothing was done."


def _said(result: Result, request: str, *, brief: bool) -> str:
    if not result.succeeded:
        return _not_done(result)
    preview = read_preview(result.preview) if result.preview else Preview()
    if Tool(result.tool).reads:
        return _found(result, preview, request, brief=brief)
    return _done(result, preview)


def _not_done(result: Result) -> str:
    job = Tool(result.tool).name.spoken() + where(result.arguments)
    why = f": {result.error.rstrip('.')}" if result.error else ""
    status = result.status.lower()
    if status.startswith("unknown"):
        return f"I do not know whether this took effect: {job}{why}. Look before trying it again."
    if status.startswith("fail"):
        return f"This failed: {job}{why}."
    if status.startswith("reject"):
        return f"Not done: {job}. {'You declined it' if 'user' in status else 'It was rejected'}{why}."
    if status.startswith("skip"):
        return f"Not done: {job}. It was skipped{why}."
    return f"Not done: {job}. Its status is “{result.status}”{why}."


def _done(result: Result, preview: Preview) -> str:
    tool = Tool(result.tool)
    things = spaced("_".join(tool.name.words))
    if isinstance(preview.value, list):
        head = f"{past(tool)} {_counted(preview.value, preview, things)}{where(result.arguments)}:"
        return "\n".join([head, *_bullets(preview.value, preview)])
    record = inner(preview.value) if isinstance(preview.value, dict) else {}
    label = line(record, details=False)
    link = next((f" {record[key]}" for key in _LINKS if isinstance(record.get(key), str)), "")
    given = {key: value for key, value in result.arguments.items() if short(value) not in label}
    article = "" if is_plural(things) or not things else "an " if things[0] in "aeiou" else "a "
    return f"{past(tool)} {article}{things}{': ' if label else ''}{label}{where(given)}.{link}"


def _found(result: Result, preview: Preview, request: str, *, brief: bool) -> str:
    things = spaced("_".join(Tool(result.tool).name.words)) or "results"
    place = where(result.arguments)
    items = _items(preview.value)
    if items is None:
        if isinstance(preview.value, dict) and preview.value:
            return _record(things, place, inner(preview.value), request)
        said = "nothing came back" if preview.value in _NOTHING else short(preview.value, 300)
        return f"{capital(things)}{place}: {said}."
    if not items and preview.whole:
        return f"There are no {plural(things)}{place}."
    picked = _picked(items, request) if preview.whole else None
    if picked is not None:
        return f"{picked[0]}{place}: {line(picked[1])}."
    head = f"{_counted(items, preview, things)}{place}"
    if brief:
        return f"I looked at {head}."
    if "how many" in request.lower() and preview.whole:
        head = f"There {'is' if len(items) == 1 else 'are'} {head}:"
    else:
        head = f"I found {head}:"
    return "\n".join([head, *_bullets(items, preview)])


def _record(things: str, place: str, value: dict[str, Any], request: str) -> str:
    """One thing; a question about some of its fields is answered with these."""
    asked = [key for key in value if _asked(key, request)] if _is_question(request) else []
    label = line(value, details=False)
    if asked:
        told = "; ".join(f"{spaced(key)}: {short(value[key], 200) or 'nothing'}" for key in asked)
        return f"{label or capital(singular(things))}{place} — {told}."
    rows = [f"- {spaced(key)}: {short(one, 200)}" for key, one in value.items() if one not in _NOTHING]
    more = [f"… and {len(rows) - _SHOWN} more fields."] if len(rows) > _SHOWN else []
    head = f"{capital(singular(things))}{place}{': ' + label if label else ''}"
    return "\n".join([head, *rows[:_SHOWN], *more])


def _is_question(request: str) -> bool:
    return request.rstrip().endswith("?") or request.lower().split(maxsplit=1)[:1] in [[word] for word in QUESTIONS]


def _asked(key: str, request: str) -> bool:
    words = {token.stem for token in tokens_of(request) if token.kind == "word"}
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
                return f"The {asked}", items[values.index(best(values))]
    return None


def _items(value: Any) -> list[Any] | None:
    """The list in an output; a record that has an id of its own is no list, whatever lists it holds."""
    if isinstance(value, list):
        return value
    if not isinstance(value, dict) or "id" in value or "number" in value:
        return None
    lists = [one for one in value.values() if isinstance(one, list)]
    objects = [one for one in lists if one and isinstance(one[0], dict)]
    return objects[0] if objects else lists[0] if len(lists) == 1 and len(value) <= 4 else None


def _counted(items: Sequence[Any], preview: Preview, things: str) -> str:
    number = len(items) + (preview.more or 0)
    unsure = not preview.whole and preview.more is None
    return f"{'at least ' if unsure else ''}{number} {singular(things) if number == 1 else plural(things)}"


def _bullets(items: Sequence[Any], preview: Preview) -> list[str]:
    rows = [f"- {line(item)}" for item in items[:_SHOWN]]
    hidden = len(items) - len(rows) + (preview.more or 0)
    if hidden:
        return [*rows, f"… and {hidden} more."]
    return rows if preview.whole else [*rows, "… and possibly more: what I was shown was cut off here."]
