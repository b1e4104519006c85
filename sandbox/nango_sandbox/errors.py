"""How Nango says no: a status and `{"error": {"code", ...}}`, as the transcripts of a real server show it."""

from typing import Any


class NangoError(Exception):
    """A refusal by the server itself, before or after a function ran."""

    def __init__(self, status: int, code: str, message: str | None = None, **more: Any) -> None:
        super().__init__(f"{status} {code}: {message or ''}")
        self.status = status
        self.error: dict[str, Any] = {"code": code}
        if message is not None:
            self.error["message"] = message
        self.error |= more

    @property
    def body(self) -> dict[str, Any]:
        return {"error": self.error}


def unauthorized(code: str, reason: str) -> NangoError:
    return NangoError(401, code, f"Authentication failed. {reason}", payload={})


def issue(code: str, message: str, *path: str) -> dict[str, Any]:
    """One finding of a validation, in the shape that Nango's validator gives it."""
    return {"code": code, "message": message, "path": list(path)}
