"""What the input of a tool gives away: an address that something is sent to, a statement that is passed on, a deed that can
be switched on.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from nango_tools.access.levels import Access, Verdict
from nango_tools.access.verbs import DESTROYS, DESTROYS_OR_NOUNS, WRITES_OR_NOUNS, judged, vocabulary
from nango_tools.access.writing import unmasked

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_URLS = vocabulary("url urls uri uris href endpoint")
_CALLED_BACK = vocabulary("webhook webhooks callback callbacks postback hook")
_TOLD = vocabulary("notify notification notifications forward deliver delivery recipient recipients")
_ADDRESSES = _URLS | vocabulary("email emails phone phones recipients")
_SENDS = vocabulary("send forward email deliver mail post notify publish fax text")
_COPIED = vocabulary("cc bcc notify")
_LOOKED_AT = vocabulary("page image file audio video media document source target website web feed remote link")
_SERVERS = vocabulary("base server host target proxy api upstream")
_HOSTS = vocabulary("host hostname server authority origin")
_LANGUAGES = vocabulary("sql graphql cmd javascript shell bash powershell plsql")
_STATEMENTS = vocabulary("statement statements mutation mutations script command commands") | _LANGUAGES
# What they name is not passed on: sql_id, script_type.
_NAMED = vocabulary("id ids name names type kind version dialect mode engine date format")
_METHODS = vocabulary("method verb")
_LOOKING_METHODS = vocabulary("GET HEAD OPTIONS")
_PATHS = _URLS | frozenset({"path", "route"})
_CARRIED = vocabulary("body headers params payload data")
# A switch that only shapes what comes back: strip_html, clean_text.
_SHAPES = vocabulary("exclude disable strip truncate clean empty redact drop clear prune")
_SWITCHES = (DESTROYS - _SHAPES) | vocabulary(
    "ack acknowledge archive consume create insert mark notify publish register save send submit subscribe update upsert write"
)
_LOOKING = vocabulary("get read list fetch retrieve search query find count")
_CHOICES = vocabulary("action operation op command verb")
_BRANCHES = ("anyOf", "oneOf", "allOf", "prefixItems", "items")
_BELOW = ("items", "additionalProperties", "then", "else", "contains", "unevaluatedProperties")
_MOST = 5_000


class _Property(NamedTuple):
    name: str
    words: tuple[str, ...]
    top: bool
    required: bool  # and so is all that it is in
    schema: Mapping[str, Any]


def input_says(schema: Mapping[str, Any] | None) -> Verdict | None:
    """None where nothing in it is an address, a statement or a deed. `schema`: without references; what is none says nothing."""
    if not schema:
        return None
    properties = list(_properties(schema))
    if path := _passes_on_requests([one for one in properties if one.top]):
        return Verdict(Access.DESTRUCTIVE, f'its input takes a method and "{path}": it passes on any request')
    for one in properties:
        if _is_statement(one):
            return Verdict(Access.DESTRUCTIVE, f'its input takes "{one.name}": it passes on any statement')
    if deed := next(filter(None, map(_chosen, properties)), None):
        return deed
    for one in properties:
        if why := _is_address(one) or _is_switch(one):
            return Verdict(Access.WRITE, f'its input takes "{one.name}", {why}')
    if {one.words[-1] for one in properties if one.top and one.words} >= {"host", "path"}:
        return Verdict(Access.WRITE, 'its input takes "host" and "path", an address that a request is sent to')
    return None


def _passes_on_requests(top: Sequence[_Property]) -> str | None:
    """A method, a place, and what to send there: whoever fills that in decides what is done."""
    methods = [
        one
        for one in top
        if one.words[-1:] and one.words[-1] in _METHODS and {*one.words} <= _METHODS | {"http", "request"}
    ]
    if not methods or all(_only_looks(one.schema) for one in methods):
        return None
    names = [one.words for one in top]
    place = next((words[-1] for words in names if words and words[-1] in _PATHS and len(words) <= 2), None)
    carries = place in {"path", "endpoint", "route"} or any(_CARRIED.intersection(words[-1:]) for words in names)
    return place if carries else None


def _only_looks(schema: Mapping[str, Any]) -> bool:
    chosen = _values(schema)
    return bool(chosen) and {value.upper() for value in chosen} <= _LOOKING_METHODS


def _values(schema: Mapping[str, Any]) -> list[str]:
    listed = schema.get("enum")
    values = [*listed] if isinstance(listed, list) else []
    return [value for value in (*values, schema.get("const")) if isinstance(value, str)]


def _is_statement(one: _Property) -> bool:
    last = one.words[-1:]
    if not last or last[0] in _NAMED or str(one.schema.get("type")) in {"boolean", "integer", "number"}:
        return False
    return last[0] in _STATEMENTS or bool(_LANGUAGES.intersection(one.words))


def _chosen(one: _Property) -> Verdict | None:
    """Where it may look or do something, which of the two is for whoever fills it in. Without looking it is a filter."""
    verbs = [(*_words(value), "")[0] for value in _values(one.schema)] if _CHOICES.intersection(one.words[-1:]) else []
    if _LOOKING.isdisjoint(verbs):
        return None
    for verb in verbs:
        if verb in DESTROYS_OR_NOUNS or judged(verb) is Access.DESTRUCTIVE:
            return Verdict(Access.DESTRUCTIVE, f'its input takes "{one.name}", which may be "{verb}"')
    verb = next((verb for verb in verbs if verb in WRITES_OR_NOUNS or judged(verb)), "")
    return Verdict(Access.WRITE, f'its input takes "{one.name}", which may be "{verb}"') if verb else None


def _is_switch(one: _Property) -> str | None:
    if one.schema.get("type") == "boolean" and one.words and one.words[0] in _SWITCHES:
        return "which switches on that it does so"
    return None


def _is_address(one: _Property) -> str | None:
    """Something is sent to it: it is called back or told by its name, or it is any address, and not to be left out."""
    words = one.words
    if not words:
        return None
    last = words[-1]
    if last in _CALLED_BACK or (last in _URLS and _CALLED_BACK.intersection(words)):
        return "an address that is called"
    told = (last in _ADDRESSES and _TOLD.intersection(words[:-1])) or (len(words) == 1 and last in _COPIED)
    if told or (last == "to" and words[-2:-1] and words[-2] in _SENDS):
        return "an address that something is sent to"
    if last in _URLS and words[0] in _SERVERS and len(words) == 2:
        return "an address that a request is sent to"
    plain = last in _URLS and (len(words) == 1 or (len(words) == 2 and words[0] in _LOOKED_AT))
    if one.required and (plain or str(one.schema.get("format")) in {"uri", "url", "iri", "uri-reference"}):
        return "an address that a request is sent to"
    return None


def _words(name: str) -> tuple[str, ...]:
    return tuple(word.lower() for word in _WORD.findall(unmasked(name)))


def _properties(schema: Mapping[str, Any]) -> Iterator[_Property]:
    """Nearest first. At most 5,000, which no form that people fill in has."""
    waiting: list[tuple[Any, bool, bool]] = [(schema, True, True)]
    for node, top, needed in waiting:
        if not isinstance(node, Mapping) or len(waiting) > _MOST:
            continue
        required = node.get("required")
        for kind in ("properties", "patternProperties"):
            properties = node.get(kind)
            for name, below in (properties if isinstance(properties, Mapping) else {}).items():
                must = needed and isinstance(required, list) and name in required
                yield _Property(str(name), _words(str(name)), top, must, below if isinstance(below, Mapping) else {})
                waiting.append((below, False, must or (needed and kind == "patternProperties")))
        waiting.extend((node.get(key), top, needed) for key in _BELOW)
        for key in _BRANCHES:
            branches = node.get(key)
            waiting.extend((branch, top, needed) for branch in (branches if isinstance(branches, list) else ()))
