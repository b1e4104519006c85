"""Records: what a sync copied."""

from pydantic import AwareDatetime, JsonValue

from nango_tools.models.wire import Wire


class RecordMetadata(Wire):
    """last_action: ADDED, UPDATED or DELETED. cursor: where a later listing may go on after this record."""

    first_seen_at: AwareDatetime
    last_modified_at: AwareDatetime
    last_action: str
    deleted_at: AwareDatetime | None = None
    pruned_at: AwareDatetime | None = None
    cursor: str


class Record(Wire):
    """data: the record as the sync saved it."""

    data: dict[str, JsonValue]
    metadata: RecordMetadata


class RecordPage(Wire):
    records: list[dict[str, JsonValue]]
    next_cursor: str | None = None
