"""The documents of one kind, in one integration: made up when somebody looks for the first time, kept from then on."""

import json
from collections.abc import Mapping
from random import Random
from typing import Any

from nango_sandbox.catalog import made_up
from nango_sandbox.catalog.kinds import Kind
from nango_sandbox.catalog.naming import words
from nango_sandbox.functions.action import Call
from nango_sandbox.functions.failures import UpstreamFailed

FEWEST, MOST = 3, 6
"""How many documents are made up for a search that nobody made before."""

Document = dict[str, Any]


class Shelf:
    """Deleted documents are kept apart, so that nobody who asks for them again is given new ones."""

    def __init__(self, call: Call, kind: Kind) -> None:
        self._call = call
        self._kind = kind
        self._deleted = f"{kind.name} (deleted)"

    async def one(self, key: object, known: Mapping[str, Any]) -> Document:
        """The document of that id, made up if there never was one. Raises UpstreamFailed 404 for a deleted one.

        known: what the caller said about it
        """
        if await self._call.documents.get(self._deleted, key) is not None:
            raise UpstreamFailed(404, {"message": f"There is no {self._kind.name} {key}."})
        held: Document | None = await self._call.documents.get(self._kind.name, key)
        if held is None:
            rng = made_up.seeded(self._call.integration, self._kind.name, str(key))
            held = {**self._ids(key), **made_up.document(rng, self._kind.name, self._kind.fields), **known}
            await self.keep(held)
        return dict(known) | held

    async def found(self, filters: Mapping[str, Any], text: str | None) -> list[Document]:
        """All that fit. A document that lacks a field counts as having it, and is shown with it."""
        await self._fill(filters, text)
        documents = await self._call.documents.all(self._kind.name)
        return [{**filters, **each} for each in documents if _fits(each, filters) and (not text or _tells(each, text))]

    async def add(self, fields: Mapping[str, Any]) -> Document:
        now = made_up.iso(self._call.now)
        given = next(
            (
                fields[each]
                for each in ("id", *sorted(self._kind.id_names))
                if fields.get(each) and self._kind.is_id(fields[each])
            ),
            None,
        )
        key = given if given is not None else await self._new_id()
        document = {**self._ids(key), **fields, "created_at": now, "updated_at": now}
        await self.keep(document)
        return document

    async def change(self, key: object, fields: Mapping[str, Any]) -> Document:
        """Raises UpstreamFailed 404 for a deleted one."""
        held = await self.one(key, {})
        document = {**held, **fields, "updated_at": made_up.iso(self._call.now)}
        await self.keep(document)
        return document

    async def delete(self, key: object) -> Document:
        """The document as it was. Raises UpstreamFailed 404 for one that is deleted already."""
        held = await self.one(key, {})
        await self._call.documents.delete(self._kind.name, key)
        await self._call.documents.put(self._deleted, key, held)
        return held

    async def keep(self, document: Document) -> None:
        await self._call.documents.put(self._kind.name, document["id"], document)

    async def _fill(self, filters: Mapping[str, Any], text: str | None) -> None:
        scope = json.dumps([dict(filters), text], sort_keys=True)
        if await self._call.documents.next_number(f"{self._kind.name} looked for with {scope}") > 1:
            return
        rng = made_up.seeded(self._call.integration, self._kind.name, scope)
        for _ in range(rng.randint(FEWEST, MOST)):
            document = {**made_up.document(rng, self._kind.name, self._kind.fields), **filters}
            if text:
                document = _about(document, text)
            document = {**self._ids(self._made_up_id(rng)), **document}
            if await self._call.documents.get(self._deleted, document["id"]) is None:
                await self.keep(document)

    def _ids(self, key: object) -> Document:
        """Its id, under the names by which it is known: `id`, and `gid` or `number` where the actions say so."""
        return {"id": key} | {words(each)[-1]: key for each in sorted(self._kind.id_names) if self._is_its_own(each)}

    def _is_its_own(self, id_name: str) -> bool:
        """`number` and `issue_number` of an issue, and not the `name` of a thing that has one anyway."""
        told, kind = words(id_name), words(self._kind.name)
        return told[-1:] != ["name"] and (len(told) == 1 or told[:-1] in (kind, kind[-1:]))

    def _made_up_id(self, rng: Random) -> object:
        if self._kind.id_type == "integer":
            return rng.randrange(1000, 10_000_000)
        return made_up.uuid(rng) if self._kind.id_type == "uuid" else f"{_short(self._kind)}_{rng.getrandbits(40):010x}"

    async def _new_id(self) -> object:
        number = await self._call.documents.next_number(f"new {self._kind.name}")
        if self._kind.id_type == "integer":
            return number
        if self._kind.id_type == "uuid":
            return made_up.uuid(made_up.seeded(self._call.integration, self._kind.name, "new", number))
        return f"{_short(self._kind)}_{number}"


def _short(kind: Kind) -> str:
    return kind.name.replace(" ", "_")


def _plain(name: str) -> str:
    return "".join(words(name))


def _fits(document: Document, filters: Mapping[str, Any]) -> bool:
    """Names are compared without their spelling: `listId` is `list_id`."""
    held = {_plain(name): value for name, value in document.items()}
    return all(_same(held.get(_plain(name), value), value) for name, value in filters.items())


def _same(held: object, wanted: object) -> bool:
    if isinstance(held, list):
        return wanted in held
    return held == wanted or (isinstance(held, str) and isinstance(wanted, str) and held.lower() == wanted.lower())


def _tells(document: Document, text: str) -> bool:
    return text.lower() in json.dumps(list(document.values()), ensure_ascii=False).lower()


def _about(document: Document, text: str) -> Document:
    """With the text in what it is known by."""
    for name, value in document.items():
        if isinstance(value, str) and words(name)[-1:] in (["name"], ["title"], ["subject"]):
            return {**document, name: f"{value} {text}"}
    return {"name": text, **document}
