"""What the input of a tool gives away: an address that something is sent to, or a statement that is passed on."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from nango_tools.access.levels import Access, Verdict
from nango_tools.access.verbs import vocabulary

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_URLS = vocabulary("url urls uri uris href endpoint")
_CALLED_BACK = vocabulary("webhook webhooks callback callbacks postback hook")
_TOLD = vocabulary("notify notification notifications forward deliver delivery recipient recipients")
_ADDRESSES = _URLS | vocabulary("email emails phone phones recipients")
_LOOKED_AT = vocabulary("page image file audio video media document source target website web feed remote link")
_STATEMENTS = vocabulary("sql statement statements graphql mutation mutations script command commands shell")
_METHODS = vocabulary("method verb")
_PATHS = _URLS | frozenset({"path", "route"})
_CARRIED = vocabulary("body headers params payload data")
_ROOTS = ("anyOf", "oneOf", "allOf")
_MOST = 5_000


def input_says(schema: Mapping[str, Any] | None) -> Verdict | None:
    """None where nothing in it is an address or a statement. `schema`: without references; anything else says nothing."""
    if not schema:
        return None
    properties = list(_properties(schema))
    if path := _passes_on_requests([_words(name) for name, depth, _ in properties if depth == 0]):
        return Verdict(Access.DESTRUCTIVE, f'its input takes a method and "{path}": it passes on any request')
    for name, depth, _ in properties:
        if depth == 0 and _STATEMENTS.intersection(_words(name)[-1:]):
            return Verdict(Access.DESTRUCTIVE, f'its input takes "{name}": it passes on any statement')
    for name, depth, required in properties:
        if why := _is_address(_words(name), required=required and depth == 0):
            return Verdict(Access.WRITE, f'its input takes "{name}", {why}')
    return None


def _passes_on_requests(names: Sequence[tuple[str, ...]]) -> str | None:
    """A method, a place, and what to send there: whoever fills that in decides what is done."""
    if not any(words[-1:] and words[-1] in _METHODS and {*words} <= _METHODS | {"http", "request"} for words in names):
        return None
    place = next((words[-1] for words in names if words and words[-1] in _PATHS and len(words) <= 2), None)
    carries = place in {"path", "endpoint", "route"} or any(_CARRIED.intersection(words[-1:]) for words in names)
    return place if carries else None


def _is_address(words: tuple[str, ...], *, required: bool) -> str | None:
    """Something is sent to it: it is called back or told by its name, or it is any address, and not to be left out."""
    if not words:
        return None
    last = words[-1]
    if last in _CALLED_BACK or (last in _URLS and _CALLED_BACK.intersection(words)):
        return "an address that is called"
    if (last in _ADDRESSES and _TOLD.intersection(words[:-1])) or words[-2:] in {
        ("send", "to"),
        ("forward", "to"),
        ("email", "to"),
    }:
        return "an address that something is sent to"
    if required and last in _URLS and (len(words) == 1 or (len(words) == 2 and words[0] in _LOOKED_AT)):
        return "an address that a request is sent to"
    return None


def _words(name: str) -> tuple[str, ...]:
    return tuple(word.lower() for word in _WORD.findall(name))


def _properties(schema: Mapping[str, Any]) -> Iterator[tuple[str, int, bool]]:
    """(name, depth, required) of each, nearest first. At most 5,000, which no form that people fill in has."""
    waiting: list[tuple[Any, int]] = [(schema, 0)]
    for node, depth in waiting:
        if not isinstance(node, Mapping) or len(waiting) > _MOST:
            continue
        required = node.get("required")
        properties = node.get("properties")
        for name, below in (properties if isinstance(properties, Mapping) else {}).items():
            yield str(name), depth, isinstance(required, list) and name in required
            waiting.append((below, depth + 1))
        waiting.extend((node.get(key), depth) for key in ("items", "additionalProperties"))
        for key in _ROOTS:
            branches = node.get(key)
            waiting.extend((branch, depth) for branch in (branches if isinstance(branches, list) else ()))
