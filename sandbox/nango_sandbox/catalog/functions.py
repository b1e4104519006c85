"""What the actions of a catalogue do.

Reads of one answer a JSON object, reads of many an array of them (20 unless a limit is asked for, 100 at most). What they
find is made up, but stays: the same arguments find the same documents. What was created is found by reads of its kind
afterwards, a change changes it, a deletion takes it away (404 from then on). Writes answer with the document; deletions
with its id and `success`.
"""

from collections.abc import Mapping
from typing import Any

from nango_sandbox.catalog.documents import Document, Shelf
from nango_sandbox.catalog.kinds import Kind, Schema, id_argument, is_filter, searched_text
from nango_sandbox.catalog.naming import Name, words
from nango_sandbox.functions.action import Call, Function

USUAL, MOST = 20, 100
"""Documents that a read of many answers with."""

ONLY = "current"
"""The id of the one document of a kind that has no ids: settings, the account, who I am."""

_LIMITS = ("limit", "perpage", "pagesize", "maxresults", "count", "first", "top", "take", "size", "pagelimit")
_STATUS = {
    "activate": "active",
    "approve": "approved",
    "archive": "archived",
    "cancel": "cancelled",
    "close": "closed",
    "complete": "completed",
    "deactivate": "inactive",
    "decline": "declined",
    "disable": "disabled",
    "enable": "enabled",
    "pause": "paused",
    "publish": "published",
    "refund": "refunded",
    "reject": "rejected",
    "reopen": "open",
    "resume": "active",
    "suspend": "suspended",
    "void": "voided",
}


def function_of(name: Name, schema: Schema, kind: Kind) -> Function:
    """`async (call, input) -> output` for an action of that name, whose input has been checked."""
    identifies = id_argument(name, schema)

    async def run(call: Call, given: Any) -> Any:
        shelf = Shelf(call, kind)
        arguments = given if isinstance(given, dict) else {}
        several = given if isinstance(given, list) else _several(arguments) if name.many else None
        if name.deed == "read":
            return await _read(shelf, name, identifies, arguments)
        if several is not None:
            return [await _write(shelf, name, identifies, _each(each, identifies)) for each in several]
        return await _write(shelf, name, identifies, arguments)

    return run


async def _read(shelf: Shelf, name: Name, identifies: str | None, arguments: Mapping[str, Any]) -> Any:
    key = arguments.get(identifies) if identifies else None
    filters = {each: value for each, value in arguments.items() if each != identifies and is_filter(each, value)}
    if not name.many:
        return await shelf.one(ONLY if key is None else key, filters)
    if key is not None:
        return [await shelf.one(key, filters)]
    found = await shelf.found(filters, searched_text(arguments))
    limit, start = _part(arguments)
    return found[start : start + limit]


async def _write(shelf: Shelf, name: Name, identifies: str | None, arguments: Mapping[str, Any]) -> Document:
    key = arguments.get(identifies) if identifies else None
    fields = {each: value for each, value in arguments.items() if each != identifies}
    if name.deed == "create" or (name.verb == "upsert" and key is None):
        return await shelf.add(arguments)
    if name.verb in _STATUS:
        fields = {"status": _STATUS[name.verb], **fields}
    wanted = ONLY if key is None else key
    if name.deed == "delete" and name.whole:
        await shelf.delete(wanted)
        return {"id": wanted, "success": True}
    if name.deed == "delete":
        await shelf.one(wanted, {})
        return {"id": wanted, "success": True}
    return await shelf.change(wanted, fields)


def _several(arguments: Mapping[str, Any]) -> list[Any] | None:
    """What a write of many is to write: the only list among its arguments."""
    lists = [value for value in arguments.values() if isinstance(value, list)]
    return lists[0] if len(lists) == 1 else None


def _each(given: Any, identifies: str | None) -> dict[str, Any]:
    """One of several: an object, or its bare id."""
    return given if isinstance(given, dict) else {identifies or "id": given}


def _part(arguments: Mapping[str, Any]) -> tuple[int, int]:
    """How many, from which on."""
    numbers = {"".join(words(name)): value for name, value in arguments.items() if _is_count(value)}
    limit = min(next((numbers[each] for each in _LIMITS if each in numbers), USUAL), MOST)
    page = numbers.get("page", numbers.get("pagenumber", 1))
    return limit, numbers.get("offset", max(0, page - 1) * limit)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
