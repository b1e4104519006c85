"""GET /records: what a sync copied from the provider."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Literal, get_args

from pydantic import JsonValue

from nango_tools.errors import Call, InvalidInput, MalformedResponse, Outcome
from nango_tools.http import Http, connection_headers
from nango_tools.models.records import Record, RecordMetadata, RecordPage
from nango_tools.models.wire import validated
from nango_tools.resources.queries import joined, query, texts, within

LastAction = Literal["added", "updated", "deleted"]

_METADATA = "_nango_metadata"


class Records:
    """Each is a Record: what the sync saved, and when it changed."""

    def __init__(self, http: Http) -> None:
        self._http = http

    async def list(
        self,
        *,
        connection_id: str,
        integration_id: str,
        model: str,
        variant: str | None = None,
        modified_after: datetime | None = None,
        filter: Sequence[LastAction] | None = None,  # noqa: A002 - Nango's word
        ids: Sequence[str] | None = None,
        cursor: str | None = None,
        limit: int = 100,
    ) -> AsyncIterator[Record]:
        """GET /records: the records of one model, oldest change first, deleted ones too (see metadata.deleted_at).

        variant: of the sync, where it is not `base`. modified_after: with a time zone.
        filter: the last thing that happened to a record is one of these. ids: of these records; none matches nothing.
        cursor: go on after the record with that metadata.cursor
        limit: records a page, 1 to 10 000, fetched as the iteration reaches them. A record that changes meanwhile
        moves to the end, and is given again.

        An unknown model is no error: there are no records. UnknownConnection. MalformedResponse where a cursor comes
        a second time, or with no record before it, since the listing would never end. A malformed `cursor` is
        NangoUnavailable: Nango answers 500.
        """
        call = Call(f"list records of {model!r}", connection_id, integration_id)
        headers = connection_headers(call, connection_id, integration_id)
        if modified_after is not None and modified_after.tzinfo is None:
            raise InvalidInput("modified_after has no time zone", call=call, outcome=Outcome.NOT_SENT)
        if (ids is not None and not ids) or (filter is not None and not filter):
            return
        filters = query(
            call,
            model=model,
            variant=variant,
            modified_after=_utc(modified_after) if modified_after else None,
            filter=None if filter is None else joined(call, "filter", filter, get_args(LastAction)),
            ids=None if ids is None else texts(call, "ids", ids),
            limit=within(call, "limit", limit, 1, 10_000),
        )
        seen = {cursor}
        while True:
            wanted = [*filters, *query(call, cursor=cursor)]
            answer = await self._http.json("GET", "/records", call, query=wanted, headers=headers)
            page = validated(RecordPage, answer, call)
            for found in page.records:
                yield _record(found, call)
            cursor = page.next_cursor
            if not cursor:
                return
            if not page.records:
                raise MalformedResponse("Nango gave a cursor without a record before it", call=call)
            if cursor in seen:
                raise MalformedResponse("Nango gave a cursor for the second time", call=call)
            seen.add(cursor)


def _record(found: dict[str, JsonValue], call: Call) -> Record:
    data = {name: value for name, value in found.items() if name != _METADATA}
    return Record(data=data, metadata=validated(RecordMetadata, found.get(_METADATA), call))


def _utc(moment: datetime) -> str:
    """Nango takes no other zone's offset, and none written as +00:00."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
