"""/sync: how the syncs of an integration are doing, and starting, pausing and running them."""

from collections.abc import Sequence
from typing import Literal

from nango_tools.errors import Call
from nango_tools.http import Http
from nango_tools.models.syncs import SyncMode, SyncRun, SyncStatus, SyncStatusList, SyncSwitch, SyncVariant
from nango_tools.models.wire import body, validated
from nango_tools.resources.queries import joined, query

SyncNames = Sequence[str | SyncVariant]


class Syncs:
    """`syncs` are names, or SyncVariant for a variant other than `base`. No connection_id means all of them."""

    def __init__(self, http: Http) -> None:
        self._http = http

    async def status(
        self, integration_id: str, syncs: SyncNames | Literal["*"] = "*", *, connection_id: str | None = None
    ) -> list[SyncStatus]:
        """GET /sync/status; "*" is all syncs.

        Syncs, connections and integrations that do not exist are no error: the list is empty then. InvalidInput for no
        syncs at all (before sending), InsufficientScopeError without the scope.
        """
        call = Call("get sync status", connection_id, integration_id)
        names = "*"
        if syncs != "*":
            given = body(SyncSwitch, call, integration_id=integration_id, connection_id=connection_id, syncs=syncs)
            full = [sync if isinstance(sync, str) else "{name}::{variant}".format(**sync) for sync in given["syncs"]]
            names = joined(call, "syncs", full)
        wanted = query(call, provider_config_key=integration_id, syncs=names, connection_id=connection_id)
        answer = await self._http.json("GET", "/sync/status", call, query=wanted)
        return validated(SyncStatusList, answer, call).syncs

    async def trigger(
        self,
        integration_id: str,
        syncs: SyncNames,
        *,
        connection_id: str | None = None,
        sync_mode: SyncMode | None = None,
        reset: bool | None = None,
        empty_cache: bool | None = None,
    ) -> None:
        """POST /sync/trigger: run now, beside the schedule. It returns when the run was ordered, not when it is done.

        reset: forget the checkpoint, and fetch everything again. empty_cache: and delete the records first.
        sync_mode: the older way to say the same.

        UnknownConnection; NotFound for a sync that does not exist.
        """
        call = Call("trigger syncs", connection_id, integration_id, writes=True)
        options = {"reset": reset, "empty_cache": empty_cache}
        request = body(
            SyncRun,
            call,
            integration_id=integration_id,
            connection_id=connection_id,
            syncs=syncs,
            sync_mode=sync_mode,
            opts=None if (reset, empty_cache) == (None, None) else options,
        )
        await self._http.json("POST", "/sync/trigger", call, body=request)

    async def start(self, integration_id: str, syncs: SyncNames, *, connection_id: str | None = None) -> None:
        """POST /sync/start: run by the schedule from now on, and once at once. Errors as for `trigger`."""
        await self._switch("start", integration_id, syncs, connection_id)

    async def pause(self, integration_id: str, syncs: SyncNames, *, connection_id: str | None = None) -> None:
        """POST /sync/pause: no longer run by the schedule. Errors as for `trigger`."""
        await self._switch("pause", integration_id, syncs, connection_id)

    async def _switch(
        self, verb: Literal["start", "pause"], integration_id: str, syncs: SyncNames, connection_id: str | None
    ) -> None:
        call = Call(f"{verb} syncs", connection_id, integration_id, writes=True)
        request = body(SyncSwitch, call, integration_id=integration_id, connection_id=connection_id, syncs=syncs)
        await self._http.json("POST", f"/sync/{verb}", call, body=request)
