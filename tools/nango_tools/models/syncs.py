"""Syncs: functions that copy a provider's data into Nango now and then, and how they are doing."""

from pydantic import AwareDatetime, Field, JsonValue

from nango_tools.models.wire import Sent, Wire


class SyncVariant(Sent):
    """One variant of a sync, where a plain name means its variant `base`."""

    name: str
    variant: str


class SyncStatus(Wire):
    """An entry of GET /sync/status.

    status: RUNNING, PAUSED, STOPPED, SUCCESS, ERROR, as far as known today. record_count: by model.
    latest_result: added, updated and deleted, by model.
    """

    id: str
    name: str
    connection_id: str | None = None
    variant: str = "base"
    type: str | None = None
    status: str
    frequency: str | None = None
    finished_at: AwareDatetime | None = Field(default=None, validation_alias="finishedAt")
    next_scheduled_sync_at: AwareDatetime | None = Field(default=None, validation_alias="nextScheduledSyncAt")
    latest_execution_status: str | None = Field(default=None, validation_alias="latestExecutionStatus")
    latest_result: dict[str, JsonValue] | None = Field(default=None, validation_alias="latestResult")
    record_count: dict[str, int] | None = Field(default=None, validation_alias="recordCount")
    checkpoint: JsonValue = None


class SyncStatusList(Wire):
    syncs: list[SyncStatus]
