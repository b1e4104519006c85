"""How an action fails, and how Nango reports it: once for REST, once for MCP.

    FunctionFailure
    ├── ActionFailed      the function itself refuses (an ActionError, input that it checked): 500
    └── UpstreamFailed    the app's API answered with an error status: 424, with that answer inside

The shapes are those of a real server (`POST /action/trigger` and `tools/call`).
"""

import json
from typing import Any


class FunctionFailure(Exception):
    """The base of both. Whatever the function had written is undone: each action is one transaction."""

    status: int
    code: str
    message: str
    payload: Any

    def rest_error(self) -> dict[str, Any]:
        """The value of `error` in the body of POST /action/trigger."""
        return {"message": self.message, "code": self.code, "payload": self.payload}

    def mcp_message(self) -> str:
        """The message of the JSON-RPC error, which is JSON once more."""
        return json.dumps(self._mcp_fields(), separators=(",", ":"), ensure_ascii=False)

    def _mcp_fields(self) -> dict[str, Any]:
        return {"message": self.message, "type": self.code, "status": self.status, "payload": self.payload}


class ActionFailed(FunctionFailure):
    status = 500
    code = "action_script_runtime_error"
    message = "The action script failed with a runtime error"

    def __init__(self, message: str, **more: Any) -> None:
        super().__init__(message)
        self.payload = {**more, "message": message}


class OutputTooLarge(FunctionFailure):
    status = 500
    code = "script_internal_error"
    message = "An internal error occurred during the script execution"

    def __init__(self, size: int, limit: int) -> None:
        reason = f"Output size is too large: {size} bytes. Maximum allowed size is {limit} bytes (2MB)."
        super().__init__(reason)
        self.payload = {"message": reason, "name": "Error", "stacktrace": [f"Error: {reason}"]}


class UpstreamFailed(FunctionFailure):
    status = 424
    code = "script_http_error"
    message = "An error occurred during an HTTP call"

    def __init__(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        super().__init__(f"The app answered {status}")
        self.payload = body
        self.upstream_status = status
        self.headers = {"content-type": "application/json; charset=utf-8"} | (headers or {})

    def rest_error(self) -> dict[str, Any]:
        return {"payload": self.payload, "code": self.code, "upstream": self._upstream()}

    def _mcp_fields(self) -> dict[str, Any]:
        return super()._mcp_fields() | {"additional_properties": {"upstream_response": self._upstream()}}

    def _upstream(self) -> dict[str, Any]:
        return {"status": self.upstream_status, "headers": self.headers, "body": self.payload}
