"""How a function fails, and how Nango reports it: once for REST, once for MCP.

    FunctionFailure
    ├── ActionFailed      the function itself refuses (an ActionError, input that it checked): 500
    ├── ThrownError       it throws anything else: 500, with a stack trace
    │   ├── OutputTooLarge
    │   └── NetworkFailed the app's API could not be reached
    ├── UpstreamFailed    the app's API answered with an error status: 424, with that answer inside
    └── ScriptFailure     not the function's doing: 500, and in words what became of it
        ├── Disabled      the action is disabled and did not run
        ├── ResultLost    it ran, and what it came to is lost
        └── Interrupted   it was running when the sandbox stopped

The shapes are those of a real server (`POST /action/trigger` and `tools/call`). What a function wrote before it failed
stays, unless its action is atomic.
"""

import json
from typing import Any
from uuid import uuid4


class FunctionFailure(Exception):
    """The base of all."""

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


class ThrownError(FunctionFailure):
    """name: of the class of what was thrown, as JavaScript has it"""

    status = 500
    code = "script_internal_error"
    message = "An internal error occurred during the script execution"
    _caller = "Object.exec"

    def __init__(self, message: str, name: str = "Error", **more: Any) -> None:
        super().__init__(message)
        self.payload = {**more, "message": message, "name": name, "stacktrace": [f"{name}: {message}"]}

    def thrown_at(self, script: str, line: int) -> None:
        """Say where it was thrown, as a stack trace of JavaScript does."""
        self.payload["stacktrace"].append(f"at {self._caller} ({script}.cjs:{line}:1)")


class OutputTooLarge(ThrownError):
    def __init__(self, size: int, limit: int) -> None:
        super().__init__(
            f"Output size is too large: {size} bytes. Maximum allowed size is {limit} bytes (2MB). "
            "See the deprecation announcement: https://nango.dev/docs/updates/dev#august-22-2025"
        )


class NetworkFailed(ThrownError):
    """code: of Node.js, `ECONNREFUSED`, `ENOTFOUND`, `ETIMEDOUT`"""

    code = "script_network_error"
    message = "A network error occurred during an HTTP call"
    _caller = "async Object.exec"

    def __init__(self, message: str, code: str = "ECONNREFUSED") -> None:
        super().__init__(message, code=code)


class UpstreamFailed(FunctionFailure):
    """headers: the app's, of which only the content type and what begins with `x-rate` comes through"""

    status = 424
    code = "script_http_error"
    message = "An error occurred during an HTTP call"

    def __init__(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        super().__init__(f"The app answered {status}")
        self.payload = body
        self.upstream_status = status
        sent = {name.lower(): value for name, value in (headers or {}).items()}
        kept = {name: value for name, value in sent.items() if name == "content-type" or name.startswith("x-rate")}
        self.headers = {"content-type": "application/json; charset=utf-8", **kept}

    def rest_error(self) -> dict[str, Any]:
        return {"payload": self.payload, "code": self.code, "upstream": self._upstream()}

    def _mcp_fields(self) -> dict[str, Any]:
        return super()._mcp_fields() | {"additional_properties": {"upstream_response": self._upstream()}}

    def _upstream(self) -> dict[str, Any]:
        return {"status": self.upstream_status, "headers": self.headers, "body": self.payload}


class ScriptFailure(FunctionFailure):
    status = 500
    code = "action_script_failure"
    message = "The action script failed with an error: {}"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.payload = {"error": reason}


class Disabled(ScriptFailure):
    def __init__(self) -> None:
        super().__init__(f"Action is disabled: {uuid4()}")


class ResultLost(ScriptFailure):
    def __init__(self) -> None:
        super().__init__(f"Task {uuid4()} is in progress")


class Interrupted(ScriptFailure):
    def __init__(self) -> None:
        super().__init__(f"Task {uuid4()} was interrupted: the server stopped")
