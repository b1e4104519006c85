"""What can go wrong when talking to Nango, split by who can act.

    NangoError
    ├── OperatorError              whoever runs this deployment
    │   ├── SettingsError              a setting is missing or makes no sense
    │   ├── InvalidKeyError            401: Nango does not know the API key
    │   ├── InsufficientScopeError     403: the API key lacks a scope
    │   ├── UnknownIntegration         no such integration in this Nango environment
    │   ├── ActionDisabled             the action is switched off
    │   └── NotNango                   what answers at the base URL is not Nango's API (a redirect, for one)
    ├── EndUserError               the person whose account it is
    │   └── ReauthorizationRequired    the connection's credentials no longer work
    ├── CallerError                the code, or the model, that made the call
    │   ├── InvalidInput               malformed before sending, or Nango's 400
    │   ├── ClientClosed               used after aclose()
    │   └── NotFound                   404
    │       ├── UnknownConnection
    │       └── ActionNotFound
    ├── TransientError             nobody: time mends it
    │   ├── RateLimited                Nango's own 429
    │   ├── NangoUnavailable           Nango's own 5xx
    │   ├── MalformedResponse          an answer that cannot be read
    │   └── NetworkFailure             no answer
    │       └── TimedOut
    ├── WebhookError               whoever sent a delivery to us: it must not be acted on
    │   ├── InvalidSignature           not signed with our key
    │   └── InvalidWebhook             signed, and not readable
    └── ActionFailed               the function started: read `outcome` before anything else
        ├── UpstreamError              the provider answered with an error (upstream_status, upstream_body)
        ├── ActionRuntimeError         the function reported an error itself (payload)
        ├── ActionInternalError        the function crashed
        ├── ActionNetworkError         the function could not reach the provider
        └── OutcomeLost                Nango lost the function's result

Which failure on the wire becomes which class is decided in `failures`.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar

_LONGEST_QUOTE = 300


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


class OperatorError(NangoError):
    """Whoever runs this deployment can mend it."""

    default_outcome = Outcome.REJECTED


class SettingsError(OperatorError):
    """A setting is missing or makes no sense; the message names it."""

    default_outcome = Outcome.NOT_SENT


class InvalidKeyError(OperatorError):
    advice = "set NANGO_API_KEY to a key of this environment (Nango dashboard, Environment settings)"


class InsufficientScopeError(OperatorError):
    advice = "give the API key that scope, or use a key that has it (Nango dashboard, Environment settings)"


class UnknownIntegration(OperatorError):
    advice = "create the integration in the Nango dashboard, or correct its id"


class ActionDisabled(OperatorError):
    advice = "enable the action in the Nango dashboard"


class NotNango(OperatorError):
    """Not rejected for certain: something else than Nango answered."""

    default_outcome = Outcome.UNKNOWN
    advice = "check NANGO_BASE_URL"

    def advice_now(self) -> str:
        return self.advice


class EndUserError(NangoError):
    """The person whose account it is can mend it."""


class ReauthorizationRequired(EndUserError):
    default_outcome = Outcome.FAILED
    advice = "have the user authorize the connection again, through a reconnect session"


class CallerError(NangoError):
    """The code, or the model, that made the call can mend it."""

    default_outcome = Outcome.REJECTED


class InvalidInput(CallerError):
    advice = "correct the call"


class ClientClosed(CallerError):
    default_outcome = Outcome.NOT_SENT
    advice = "make the call while the client is open"


class NotFound(CallerError):
    advice = "check the name"


class UnknownConnection(NotFound):
    advice = "look the connection up again: it was deleted, or belongs to another integration"


class ActionNotFound(NotFound):
    advice = "discover the integration's actions again, it may have been renamed or removed"


class TransientError(NangoError):
    """Nobody can mend it; later it may work."""

    advice = "try again later"


class RateLimited(TransientError):
    """Nango's own limit for the whole environment; retry_after is in seconds."""

    default_outcome = Outcome.REJECTED

    def advice_now(self) -> str:
        return self.advice if self.retry_after is None else f"try again in {self.retry_after:g} seconds"


class NangoUnavailable(TransientError):
    pass


class MalformedResponse(TransientError):
    pass


class NetworkFailure(TransientError):
    advice = "check the network and NANGO_BASE_URL, then try again"


class TimedOut(NetworkFailure):
    advice = "try again later"

    def advice_now(self) -> str:
        if self.outcome is Outcome.UNKNOWN and self.call and self.call.writes and self.call.action:
            return "an action goes on for up to 15 minutes after the client gave up, so look in the account after that"
        return super().advice_now()


class WebhookError(NangoError):
    """A webhook delivery that must not be acted on."""

    default_outcome = Outcome.REJECTED


class InvalidSignature(WebhookError):
    advice = (
        "answer 401; if it does come from Nango, set NANGO_WEBHOOK_SIGNING_KEY (Nango dashboard, Environment settings)"
    )


class InvalidWebhook(WebhookError):
    advice = "answer 400"


class ActionFailed(NangoError):
    """The function started, or may have."""


class UpstreamError(ActionFailed):
    """The provider answered the function with an HTTP error; outcome is failed for a clear refusal, else unknown."""

    advice = "see what the provider says in upstream_body"


class ActionRuntimeError(ActionFailed):
    default_outcome = Outcome.FAILED
    advice = "see what the action says, and correct its input"


class ActionInternalError(ActionFailed):
    advice = "see the logs in the Nango dashboard"


class ActionNetworkError(ActionFailed):
    advice = "try again later"


class OutcomeLost(ActionFailed):
    advice = "see the logs in the Nango dashboard"
