"""Tools for Nango's logs, which the sandbox does not keep: both answer as a server does whose logs are off."""

from typing import Any

from nango_sandbox.api.management.tool import (
    MOMENT,
    NUMBER,
    READS,
    TEXT,
    Caller,
    Schema,
    Tool,
    ToolFailedError,
    listing,
    nullable,
    open_record,
    record,
)

_ANYTHING: Schema = {"type": "object", "properties": {}, "additionalProperties": {}}
_PAGES = record({"total": NUMBER, "cursor": nullable(TEXT)})
_LIMIT: Schema = {"default": 25, "type": "integer", "minimum": 1, "maximum": 500}
_PERIOD = record({"from": MOMENT, "to": MOMENT}, "to")
_NAMES: Schema = {"maxItems": 20, "type": "array", "items": {"type": "string", "minLength": 1, "maxLength": 256}}
_STATES = ["waiting", "running", "success", "failed", "timeout", "cancelled"]
_OPERATIONS = {
    "action": ["run"],
    "sync": [
        "pause",
        "unpause",
        "run",
        "request_run",
        "request_run_full",
        "cancel",
        "init",
        "create_variant",
        "delete_variant",
    ],
    "proxy": ["call"],
    "events": ["post_connection_creation", "pre_connection_deletion", "validate_connection"],
    "auth": ["create_connection", "refresh_token", "post_connection", "connection_test"],
    "admin": ["impersonation"],
    "webhook": ["incoming", "forward", "sync", "connection_create", "connection_refresh"],
    "deploy": ["prebuilt", "custom"],
}


def _operation(kind: str, actions: list[str]) -> Schema:
    some = {"minItems": 1, "maxItems": len(actions), "type": "array", "items": {"type": "string", "enum": actions}}
    return record({"type": {"type": "string", "const": kind}, "actions": some}, "actions")


async def _off(_: Caller, __: dict[str, Any]) -> dict[str, Any]:
    message = "Nango logs are disabled"
    raise ToolFailedError(message)


LIST = Tool(
    "logs_list_operations",
    "What happened in this environment, newest first: runs, authorizations, proxy calls, webhooks. "
    "A search looks through the messages of at most `limit` operations a page, and may find none on it.",
    open_record(
        {
            "search": {"type": "string", "maxLength": 256},
            "limit": _LIMIT,
            "cursor": nullable(TEXT),
            "states": {"maxItems": 10, "type": "array", "items": {"type": "string", "enum": _STATES}},
            "operations": {
                "maxItems": 20,
                "type": "array",
                "items": {"anyOf": [_operation(kind, actions) for kind, actions in _OPERATIONS.items()]},
            },
            "integrations": _NAMES,
            "connections": _NAMES,
            "syncs": _NAMES,
            "period": _PERIOD,
        }
    ),
    record({"operations": listing(_ANYTHING), "pagination": _PAGES}),
    READS,
    ("logs:read",),
    _off,
)
GET = Tool(
    "logs_get_operation",
    "One operation, with a page of its messages, newest first.",
    record(
        {
            "operationId": {"type": "string", "pattern": "^[a-zA-Z0-9_]{20,25}$"},
            "messages": open_record(
                {
                    "limit": _LIMIT,
                    "cursor": nullable(TEXT),
                    "search": {"type": "string", "maxLength": 100},
                    "period": _PERIOD,
                }
            ),
        },
        "messages",
    ),
    record({"operation": _ANYTHING, "messages": listing(_ANYTHING), "pagination": _PAGES}),
    READS,
    ("logs:read",),
    _off,
)
