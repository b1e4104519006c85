"""What the actions of one integration tell together about each kind of document: how its ids look, what it holds."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from nango_sandbox.catalog.naming import Name, word_set, words

Schema = Mapping[str, Any]
IdType = Literal["integer", "string", "uuid"]

MOST_FIELDS = 15
"""Fields of a made-up document, beside its id and times."""

_ID_WORDS = frozenset({"id", "gid", "uuid", "key", "number", "slug", "sid", "ref", "email", "name"})
_PLAIN_IDS = frozenset({"id", "gid", "uuid", "number", "key", "slug", "sid"})
_PAGING = word_set("limit page per cursor offset sort orderby fields include expand opt idempotency dry")
_RANGES = word_set("since until after before from to start end min max")
_ALONE = word_set("size first last top take skip count order direction q query search term keyword text filter")
"""Arguments that say how to read, not what is read: those with one of these words; those that are nothing else."""


@dataclass(frozen=True)
class Kind:
    """id_names: what its id is called by those who use it (`contactId`)
    fields: by name, the schemas of what those who make or change one can say
    """

    name: str
    id_type: IdType = "string"
    id_names: frozenset[str] = field(default_factory=frozenset)
    fields: Mapping[str, Schema] = field(default_factory=dict)

    def is_id(self, value: object) -> bool:
        """Whether it is of the type that its ids have."""
        return isinstance(value, int | float) if self.id_type == "integer" else isinstance(value, str)


def kinds(actions: Iterable[tuple[Name, Schema]]) -> dict[str, Kind]:
    """By the kind's name."""
    together: dict[str, list[tuple[Name, Schema]]] = {}
    for name, schema in actions:
        together.setdefault(name.kind, []).append((name, schema))
    return {kind: _kind(kind, each) for kind, each in together.items()}


def id_argument(name: Name, schema: Schema) -> str | None:
    """The argument that says which document is meant; None where none does."""
    properties, required = _properties(schema), set(schema.get("required", ()))
    scalars = [each for each, described in properties.items() if _is_scalar(described)]
    kind = words(name.kind)
    for about in (kind, kind[-1:]):
        for each in scalars:
            told = words(each)
            if told[:-1] == about and told[-1] in _ID_WORDS - {"name", "email"}:
                return each
    plain = [each for each in scalars if "".join(words(each)) in _PLAIN_IDS]
    if plain:
        return min(plain, key=lambda each: (each not in required, each != "id"))
    if name.many or name.deed == "create":
        return None
    exact = [each for each in scalars if words(each) in (kind, kind[-1:])]
    named = [each for each in scalars if each in required and words(each)[-1:] and words(each)[-1] in _ID_WORDS]
    return next(iter([*exact, *named[-1:]]), None)


def is_filter(argument: str, value: object) -> bool:
    """Whether an argument of a search names a field that the documents found must have."""
    aside = set(words(argument)) & (_PAGING | _RANGES) or "".join(words(argument)) in _ALONE
    return isinstance(value, str | int | float) and not aside


def searched_text(arguments: Mapping[str, Any]) -> str | None:
    """What a search looks for in free text."""
    wanted = ("query", "q", "search", "term", "keyword", "keywords", "text", "searchterm", "searchquery")
    for name, value in arguments.items():
        if isinstance(value, str) and value and "".join(words(name)) in wanted:
            return value
    return None


def _kind(name: str, actions: list[tuple[Name, Schema]]) -> Kind:
    ids: dict[str, Schema] = {}
    read: dict[str, Schema] = {}  # by those who get one: what they take is what an id is
    fields: dict[str, Schema] = {}
    for action, schema in actions:
        identifies = id_argument(action, schema)
        if identifies is not None:
            ids.setdefault(identifies, _properties(schema)[identifies])
            if action.deed == "read" and not action.many:
                read.setdefault(identifies, _properties(schema)[identifies])
    for action, schema in sorted(actions, key=lambda each: each[0].deed != "create"):
        if action.deed in ("create", "change") and not action.many:
            for each, described in _properties(schema).items():
                if each not in ids and not set(words(each)) & _PAGING:
                    fields.setdefault(each, described)
    return Kind(name, _id_type(read.values() or ids.values()), frozenset(ids), dict(list(fields.items())[:MOST_FIELDS]))


def _id_type(schemas: Iterable[Schema]) -> IdType:
    for schema in schemas:
        if schema.get("type") in ("integer", "number"):
            return "integer"
        if schema.get("format") == "uuid":
            return "uuid"
    return "string"


def _properties(schema: Schema) -> Mapping[str, Schema]:
    found = schema.get("properties", {})
    return {name: each for name, each in found.items() if isinstance(each, Mapping)}


def _is_scalar(schema: Schema) -> bool:
    return schema.get("type") in ("string", "integer", "number") or "enum" in schema or "anyOf" in schema
