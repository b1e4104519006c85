"""What Nango's own logs say of a call, through the Management MCP [mcp-management]: where settings name one, the key may read logs,
and the server keeps them. Anything else is no reason to say something.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from nango_graph.display import compact, markdown
from nango_graph.records import Call
from nango_tools import NangoClient

_BEFORE = timedelta(minutes=1)
"""Clocks differ."""
_LONGEST = timedelta(minutes=20)
_MOST = 25
_SHOWN = 3
_LONG = 200


class _Operation(BaseModel):
    """The fields that are read of a log operation: whatever else there is stays unread."""

    model_config = ConfigDict(extra="ignore")

    id: str = ""
    state: str = ""
    syncConfigName: str | None = None  # noqa: N815 - its name on the wire
    connectionName: str | None = None  # noqa: N815
    createdAt: str | None = None  # noqa: N815
    error: Any = None


async def told_by_logs(nango: NangoClient, call: Call, *, sent_at: float) -> str:
    """The runs of the same action on the same connection around the time when it was sent; "" where there are none.

    Raises NangoError where there are no logs to read.
    """
    integration, _, action = call.tool.partition("/")
    at = datetime.fromtimestamp(sent_at, UTC)
    listed = await nango.management.call_tool(
        "logs_list_operations",
        {
            "limit": _MOST,
            "operations": [{"type": "action", "actions": ["run"]}],
            "integrations": [integration],
            "connections": [call.connection_id],
            "period": {"from": _iso(at - _BEFORE), "to": _iso(at + _LONGEST)},
        },
        writes=False,
    )
    found = [one for one in _operations(listed) if _is_of(one, action, call.connection_id)]
    if not found:
        return ""
    shown = [_told(one) for one in found[:_SHOWN]]
    if len(found) == 1 and (last := await _last_message(nango, found[0].id)):
        shown.append(f"Its last message: {last}")
    more = f" And {len(found) - _SHOWN} more." if len(found) > _SHOWN else ""
    return f"Nango's logs have {len(found)} of its runs for this account from about then: {' '.join(shown)}{more}"


async def _last_message(nango: NangoClient, operation_id: str) -> str:
    if not operation_id.replace("_", "").isalnum():
        return ""
    page = await nango.management.call_tool(
        "logs_get_operation", {"operationId": operation_id, "messages": {"limit": 1}}, writes=False
    )
    messages = page.get("messages")
    first = messages[0] if isinstance(messages, list) and messages else None
    text = first.get("message") if isinstance(first, Mapping) else None
    return markdown(compact(text, _LONG)) if isinstance(text, str) else ""


def _operations(listed: Mapping[str, Any]) -> list[_Operation]:
    there = listed.get("operations")
    read = []
    for one in there if isinstance(there, list) else ():
        try:
            read.append(_Operation.model_validate(one))
        except ValidationError:
            # Not what we know of: somebody else can make something of it.
            continue
    return read


def _is_of(operation: _Operation, action: str, connection_id: str) -> bool:
    """Logs are the environment's, so also of other people: only what certainly belongs to this call is shown."""
    return operation.syncConfigName == action and operation.connectionName == connection_id


def _told(operation: _Operation) -> str:
    when = f" at {markdown(compact(operation.createdAt, 40))}" if operation.createdAt else ""
    message = operation.error.get("message") if isinstance(operation.error, Mapping) else None
    why = f": {markdown(compact(message, _LONG))}" if isinstance(message, str) else ""
    return f"{markdown(compact(operation.state or 'in an unknown state', 40))}{when}{why}."


def _iso(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S}Z"
