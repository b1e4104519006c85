"""Things and values in words: one line for a record, past tense for a deed, short forms for long values."""

import re
from typing import Any

from nango_sandbox.rule_model.words import is_plural

_LABELS = (
    "real_name",
    "full_name",
    "name",
    "title",
    "dealname",
    "subject",
    "summary",
    "text",
    "content",
    "body",
    "label",
)
_DETAILS = (
    "state",
    "status",
    "stage",
    "dealstage",
    "amount",
    "email",
    "topic",
    "purpose",
    "labels",
    "assignee",
    "assignees",
    "author",
    "user",
    "channel_name",
    "created_at",
    "due_date",
)
EMPTY: tuple[Any, ...] = (None, "", [], {})
PLACES = ("owner", "repo", "workspace")
_MANNER = {
    "assignee": "assigned to ",
    "assignees": "assigned to ",
    "author": "by ",
    "user": "by ",
    "channel_name": "in #",
}
_KINDS = ("state", "status")
_TAGS = ("labels", "label", "tag", "tags")
_QUERIES = ("query", "q", "search", "term")
_PAGING = ("per_page", "limit", "page", "cursor", "after", "sort", "direction", "count", "sort_dir", "exclude_archived")
_PAST = {  # irregular, or with a doubled consonant
    "send": "sent",
    "set": "set",
    "make": "made",
    "find": "found",
    "get": "got",
    "put": "put",
    "write": "wrote",
    "draw": "drew",
    "begin": "began",
    "submit": "submitted",
    "pin": "pinned",
    "unpin": "unpinned",
    "run": "ran",
    "rerun": "reran",
    "stop": "stopped",
    "post": "posted",
}


def past(verb: str) -> str:
    if verb in _PAST:
        said = _PAST[verb]
    elif verb.endswith("e"):
        said = verb + "d"
    elif verb.endswith("y") and verb[-2:-1] not in "aeou":
        said = verb[:-1] + "ied"
    else:
        said = verb + "ed"
    return said


def line(item: Any, *, details: bool = True) -> str:
    """`#7 Crash on save (open, bug)`."""
    if not isinstance(item, dict):
        return short(item, 200)
    item = inner(item)
    label = next((item[key] for key in _LABELS if isinstance(item.get(key), str) and item[key]), "")
    if not label:
        names = [str(item[key]) for key in ("first_name", "firstname", "last_name", "lastname") if item.get(key)]
        label = " ".join(names)
    number = f"#{item['number']}" if item.get("number") is not None else ""
    mark = "" if number or item.get("id") is None else f"[{item['id']}]"
    head = " ".join(part for part in (number, short(label, 200) if label else "", mark) if part)
    if not details:
        return head
    told = [
        _MANNER.get(key, "") + short(item[key])
        for key in _DETAILS
        if item.get(key) not in (None, "", [], {}) and item.get(key) != label
    ]
    return f"{head} ({', '.join(told[:4])})" if head and told else head or short(item, 200)


def inner(value: dict[str, Any]) -> dict[str, Any]:
    """The thing inside an envelope: `{ok: true, channel: {…}}`, or an id beside its properties."""
    properties = value.get("properties")
    if isinstance(properties, dict):
        return {**properties, **{key: one for key, one in value.items() if key != "properties"}}
    inner = [one for one in value.values() if isinstance(one, dict)]
    return inner[0] if len(inner) == 1 and len(value) <= 2 else value


def phrase(number: str, things: str, arguments: dict[str, Any]) -> str:
    """`5 open issues labelled bug in octo/widgets`: arguments say which things these are."""
    kind = next((str(arguments[key]) for key in _KINDS if arguments.get(key) not in (*EMPTY, "all")), "")
    labels = next((f" labelled {short(arguments[key])}" for key in _TAGS if arguments.get(key)), "")
    about = next((f" about “{short(arguments[key])}”" for key in _QUERIES if arguments.get(key)), "")
    said = (*PLACES, *_KINDS, *_TAGS, *_QUERIES, *_PAGING, "channel")
    rest = [
        f"{re.sub(' (number|id|ts)$', '', spaced(key))} {short(one)}"
        for key, one in arguments.items()
        if key not in said and one not in EMPTY
    ]
    told = f" ({', '.join(rest)})" if rest else ""
    return " ".join(part for part in (number, kind, things) if part) + labels + about + place(arguments) + told


def place(arguments: dict[str, Any]) -> str:
    """` in octo/widgets`, ` in #general`."""
    owner, repo = arguments.get("owner"), arguments.get("repo")
    if isinstance(owner, str) and isinstance(repo, str):
        return f" in {owner}/{repo}"
    channel = arguments.get("channel")
    return f" in {channel}" if isinstance(channel, str) and channel else ""


def spaced(key: str) -> str:
    return " ".join(re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", key).replace("_", " ").split())


def short(value: Any, most: int = 80) -> str:
    """A value as a short text; what is left out shows as … or as a number."""
    if isinstance(value, dict):
        named = (value[key] for key in ("login", "name", "title", "email", "id") if value.get(key))
        value = next(named, ", ".join(f"{spaced(key)} {short(one, 40)}" for key, one in value.items()))
    if isinstance(value, list):
        more = f" and {len(value) - 10} more" if len(value) > 10 else ""
        value = ", ".join(short(one, 40) for one in value[:10]) + more
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool):
        value = "yes" if value else "no"
    text = " ".join(str(value if value is not None else "").split())
    text = re.sub(r"^(\d{4}-\d{2}-\d{2})T\S+$", r"\1", text)
    return text if len(text) <= most else text[: most - 1] + "…"


def plural(things: str) -> str:
    if not things or is_plural(things.rsplit(maxsplit=1)[-1]):
        return things
    if things.endswith("y") and things[-2:-1] not in "aeou":
        return things[:-1] + "ies"
    return things + "s"


def singular(things: str) -> str:
    *before, last = things.split()
    if is_plural(last):
        last = last[:-3] + "y" if last.endswith("ies") else last[:-1]
    return " ".join([*before, last])
