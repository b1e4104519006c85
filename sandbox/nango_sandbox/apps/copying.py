"""Syncs that copy everything of one kind that an app holds."""

from collections.abc import Callable, Mapping
from typing import Any

from nango_sandbox.functions.action import Call, Endpoint, Sync
from nango_sandbox.functions.schema import record_schema


def copying(
    kind: str,
    model: str,
    record: type,
    scopes: tuple[str, ...],
    *,
    path: str,
    frequency: str = "every hour",
    identity: Callable[[Any], str] | None = None,
) -> Sync:
    """Paused until it is started, so that nobody gets webhooks that he did not ask for.

    record: the type of the records
    identity: gives the `id` of a document that has none
    """

    async def copy(call: Call, _: None) -> Mapping[str, list[dict[str, Any]]]:
        held = await call.documents.all(kind)
        return {model: held if identity is None else [{"id": identity(each), **each} for each in held]}

    return Sync(
        name=kind,
        description=f"Copies all {kind}.",
        models={model: record_schema(record)},
        function=copy,
        frequency=frequency,
        auto_start=False,
        track_deletes=True,
        scopes=scopes,
        endpoint=Endpoint("GET", path),
    )
