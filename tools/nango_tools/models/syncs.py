"""Syncs: functions that copy a provider's data into Nango now and then, and how they are doing."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, JsonValue, StrictBool

from nango_tools.models.wire import Name, Sent, Wire

SyncMode = Literal["incremental", "full_refresh", "full_refresh_and_clear_cache"]


class SyncVariant(Sent):
    """One variant of a sync, where a plain name means its variant `base`."""

    name: Name
    variant: Name


class SyncSwitch(Sent):
    """The body of POST /sync/start and /sync/pause."""

    integration_id: Name = Field(serialization_alias="provider_config_key")
    connection_id: Name | None = None
    syncs: Annotated[tuple[Name | SyncVariant, ...], Field(min_length=1)]


class _RunOptions(Sent):
    reset: StrictBool | None = None
    empty_cache: StrictBool | None = Field(default=None, serialization_alias="emptyCache")


class SyncRun(SyncSwitch):
    """The body of POST /sync/trigger."""

    sync_mode: SyncMode | None = None
    opts: _RunOptions | None = None


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
