"""What every error of this package carries: what was attempted, what happened, and whether it had an effect."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar

_LONGEST_QUOTE = 300
_CONFLICT_OR_TIMEOUT = (408, 409)


class Outcome(StrEnum):
    """What is known about the effect of a call."""

    SUCCEEDED = "succeeded"
    NOT_SENT = "not_sent"
    REJECTED = "rejected"
    FAILED = "failed"
    UNKNOWN = "unknown"

    @property
    def may_be_sent_again(self) -> bool:
        """Whether a write with this outcome certainly had no effect, and may be sent again without asking anybody."""
        return self in (Outcome.NOT_SENT, Outcome.REJECTED)

    @classmethod
    def of_upstream(cls, status: int | None) -> "Outcome":
        """What a provider's error status tells: failed for a clear refusal, unknown for a conflict, a time-out, its 5xx."""
        clear = status is not None and 400 <= status < 500 and status not in _CONFLICT_OR_TIMEOUT
        return cls.FAILED if clear else cls.UNKNOWN


@dataclass(frozen=True)
class Call:
    """What was attempted, in the words used in error messages. Holds no input and no credential."""

    operation: str
    connection_id: str | None = None
    integration_id: str | None = None
    action: str | None = None
    writes: bool = False

    def __str__(self) -> str:
        parts = [f"action {self.action!r}" if self.action else self.operation]
        if self.integration_id:
            parts.append(f"of integration {self.integration_id!r}")
        if self.connection_id:
            parts.append(f"on connection {self.connection_id!r}")
        return " ".join(parts)


class NangoError(Exception):
    """The root of everything this package raises.

    str() is one sentence: what was attempted, what happened, whether it took effect, what to do next.

    message: what happened, without the rest of the sentence
    outcome: whether the call had an effect; a write may be sent again unasked only when outcome.may_be_sent_again
    status, code: HTTP status and Nango's error code, where Nango answered
    upstream_status, upstream_body: what the provider answered to the function, where Nango passed it on
    payload: what Nango said besides (for ActionRuntimeError what the function reported)
    retry_after: seconds, where Nango named them
    """

    advice: ClassVar[str] = ""
    default_outcome: ClassVar[Outcome] = Outcome.UNKNOWN

    def __init__(
        self,
        message: str,
        *,
        call: Call | None = None,
        outcome: Outcome | None = None,
        status: int | None = None,
        code: str | None = None,
        payload: Any = None,
        upstream_status: int | None = None,
        upstream_body: Any = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.call = call
        self.outcome = outcome or self.default_outcome
        self.status = status
        self.code = code
        self.payload = payload
        self.upstream_status = upstream_status
        self.upstream_body = upstream_body
        self.retry_after = retry_after

    def __str__(self) -> str:
        clauses = [quoted(self.message)]
        if self.call and self.call.action:
            clauses.append(_WHETHER_IT_RAN[self.outcome])
        elif self.call and self.call.writes and self.outcome is Outcome.UNKNOWN:
            clauses.append("whether it took effect is unknown")
        if advice := self.advice_now():
            clauses.append(advice)
        sentence = "; ".join(clauses) + "."
        return f"{self.call}: {sentence}" if self.call else sentence

    def advice_now(self) -> str:
        """What to do next, in the imperative, without a full stop."""
        if self.outcome is Outcome.UNKNOWN and self.call and self.call.writes and self.call.action:
            return "look in the account before doing it again"
        return self.advice


_WHETHER_IT_RAN = {
    Outcome.SUCCEEDED: "the action ran",
    Outcome.NOT_SENT: "nothing was sent",
    Outcome.REJECTED: "the action did not run",
    Outcome.FAILED: "the action ran and failed, what it did before the failure may have taken effect",
    Outcome.UNKNOWN: "the action may have run",
}


def quoted(text: str) -> str:
    """One line of at most some 300 printable characters, for a message; the whole stays in the error's attributes."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split()).rstrip(".")
    return line if len(line) <= _LONGEST_QUOTE else line[:_LONGEST_QUOTE] + " [...]"
