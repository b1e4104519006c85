"""Values that look the part, made up from a field's name and schema. The same seed makes up the same ones."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from math import ceil, floor
from random import Random
from typing import Any
from uuid import UUID

from nango_sandbox.catalog.naming import singular, words

Schema = Mapping[str, Any]

_FIRST = (
    "Ada",
    "Ben",
    "Chloe",
    "Dario",
    "Elif",
    "Farid",
    "Grace",
    "Hugo",
    "Ines",
    "Jonas",
    "Kira",
    "Leo",
    "Mira",
    "Nils",
)
_LAST = ("Archer", "Berg", "Costa", "Dunn", "Evans", "Fischer", "Gallo", "Hansen", "Ito", "Jensen", "Kaya", "Lopez")
_FIRMS = ("Acorn", "Borealis", "Cobalt", "Delta", "Ember", "Fjord", "Granite", "Harbor", "Indigo", "Juniper")
_TRADES = ("Labs", "Foods", "Logistics", "Design", "Energy", "Media", "Health", "Works")
_CITIES = ("Berlin", "Lisbon", "Oslo", "Toronto", "Kyoto", "Austin", "Porto", "Vienna")
_THINGS = ("Quarterly", "Internal", "New", "Shared", "Draft", "Weekly", "Customer", "Launch", "Autumn", "Pilot")
_BORN = datetime(2026, 1, 5, 9, tzinfo=UTC)
_HUGE = 10**9
"""Bounds beyond it are those of the number type, and tell nothing."""
DEPTH = 2
"""How deep objects in objects are made up."""


def seeded(*parts: object) -> Random:
    return Random(json.dumps(parts, sort_keys=True, default=str))  # noqa: S311 - it must be the same every time


def uuid(rng: Random) -> str:
    return str(UUID(int=rng.getrandbits(128), version=4))


def moment(rng: Random) -> datetime:
    """Some minute of the first weeks of 2026: no clock is looked at."""
    return _BORN + timedelta(minutes=rng.randrange(60 * 24 * 40))


def document(rng: Random, kind: str, fields: Mapping[str, Schema]) -> dict[str, Any]:
    """One document of a kind, with a name to know it by and the times when it was made and changed, but no id."""
    made = {name: value(rng, name, schema, kind) for name, schema in fields.items()}
    if not any(words(name)[-1:] in (["name"], ["title"], ["subject"], ["email"]) for name in made):
        made = {"name": _named(rng, kind), **made}
    created = moment(rng)
    changed = created + timedelta(minutes=rng.randrange(1, 5000))
    return made | {"created_at": iso(created), "updated_at": iso(changed)}


def iso(when: datetime) -> str:
    return when.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def value(rng: Random, name: str, schema: Schema, kind: str = "", depth: int = DEPTH) -> Any:
    """A value that fits the schema, as far as type, enum, format and bounds go; the name tells what it should look like."""
    for keyword in ("const", "default"):
        if keyword in schema:
            return schema[keyword]
    if schema.get("enum"):
        return rng.choice(list(schema["enum"]))
    for keyword in ("anyOf", "oneOf"):
        if schema.get(keyword):
            return value(rng, name, schema[keyword][0], kind, depth)
    kinds = schema.get("type")
    match kinds[0] if isinstance(kinds, list) else kinds:
        case "boolean":
            return rng.random() < 0.5
        case "integer" | "number" as number:
            return _number(rng, name, schema, whole=number == "integer")
        case "array":
            items = schema.get("items")
            some = max(1, schema.get("minItems", 1))
            described = items if isinstance(items, Mapping) else {"type": "string"}
            return [value(rng, name, described, kind, depth - 1) for _ in range(some)] if depth > 0 else []
        case "object":
            properties = schema.get("properties", {})
            return (
                {each: value(rng, each, properties[each], kind, depth - 1) for each in properties} if depth > 0 else {}
            )
        case "null":
            return None
        case _:
            return _fitted(_text(rng, name, schema, kind), schema)


def _number(rng: Random, name: str, schema: Schema, *, whole: bool) -> int | float:
    low = schema.get("minimum", schema.get("exclusiveMinimum", 0) + ("exclusiveMinimum" in schema))
    low = low if low > -_HUGE else 0
    high = low + (10_000 if {"amount", "price", "total", "cost"} & set(words(name)) else 100)
    high = min(high, schema.get("maximum", schema.get("exclusiveMaximum", high + 1) - 1))
    number = rng.randint(ceil(low), max(ceil(low), floor(high)))
    cents = not whole and "price" in words(name) and number + 0.99 <= high
    return number + 0.99 if cents else number


def _text(rng: Random, name: str, schema: Schema, kind: str) -> str:
    about, shape = words(name), schema.get("format")
    first, last = rng.choice(_FIRST), rng.choice(_LAST)
    person = f"{first} {last}"
    if shape == "date-time" or about[-1:] in (["at"], ["datetime"], ["timestamp"]):
        return iso(moment(rng))
    if shape == "date" or "date" in about or about[-1:] == ["on"]:
        return moment(rng).date().isoformat()
    if shape == "uuid" or "uuid" in about:
        return uuid(rng)
    if shape == "email" or "email" in about:
        return f"{person.lower().replace(' ', '.')}@example.com"
    if shape in ("uri", "url") or about[-1:] in (["url"], ["uri"], ["link"], ["website"]):
        return f"https://example.com/{'-'.join(words(kind)) or 'page'}/{rng.randrange(1000, 10_000)}"
    if about[-1:] in (["id"], ["gid"], ["key"], ["token"], ["sid"]):
        return f"{'_'.join(about[:-1]) or 'id'}_{rng.getrandbits(40):010x}"
    known = {
        "phone": f"+1 555 {rng.randrange(100, 1000)} {rng.randrange(1000, 10_000)}",
        "currency": rng.choice(("EUR", "USD", "GBP")),
        "country": rng.choice(("DE", "PT", "NO", "CA", "JP", "US")),
        "city": rng.choice(_CITIES),
        "timezone": "UTC",
        "language": "en",
        "locale": "en",
        "status": rng.choice(("active", "pending", "open")),
        "state": rng.choice(("active", "open")),
        "color": f"#{rng.getrandbits(24):06x}",
        "first": first,
        "last": last,
        "company": f"{rng.choice(_FIRMS)} {rng.choice(_TRADES)}",
        "description": f"{rng.choice(_THINGS)} {kind or 'item'} of {person}.",
        "label": rng.choice(("urgent", "blocked", "later", "good")),
        "tag": rng.choice(("vip", "new", "beta", "internal")),
        **dict.fromkeys(("assignee", "author", "creator", "member", "owner", "user"), person),
    }
    for word in map(singular, about):
        if word in known:
            return known[word]
    if about[-1:] in (["body"], ["text"], ["message"], ["content"], ["comment"], ["note"]):
        return f"{person} wrote about the {rng.choice(_THINGS).lower()} {kind or 'item'}."
    return _named(rng, kind)


def _named(rng: Random, kind: str) -> str:
    last = words(kind)[-1:]
    if last and last[0] in ("user", "contact", "person", "employee", "member", "customer", "lead", "candidate"):
        return f"{rng.choice(_FIRST)} {rng.choice(_LAST)}"
    if last and last[0] in ("company", "account", "organization", "vendor", "client"):
        return f"{rng.choice(_FIRMS)} {rng.choice(_TRADES)}"
    return f"{rng.choice(_THINGS)} {kind or 'item'} {rng.randrange(1, 100)}"


def _fitted(text: str, schema: Schema) -> str:
    return text[: schema.get("maxLength", len(text))].ljust(schema.get("minLength", 0), "x")
