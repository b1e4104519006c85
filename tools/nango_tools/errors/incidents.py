"""What nobody can mend by calling differently: outages, deliveries from strangers, functions that failed."""

from typing import Any

from nango_tools.errors.base import NangoError, Outcome


class TransientError(NangoError):
    """Nobody can mend it; later it may work."""

    advice = "try again later"


class RateLimited(TransientError):
    """Nango's own limit for the whole environment; or, with the outcome not_sent, the limit of a provider that an earlier call on
    that connection ran into. retry_after is in seconds.
    """

    default_outcome = Outcome.REJECTED

    def advice_now(self) -> str:
        return self.advice if self.retry_after is None else f"try again in {self.retry_after:g} seconds"


class NangoUnavailable(TransientError):
    pass


class ActionNotFinished(TransientError):
    """404 of GET /action/{id}. Not done yet, an unknown id and a null output look the same [actions-async]."""

    advice = (
        "ask again later; what still has no result after the 15 minutes that an action may run returned null, "
        "or was never started"
    )

    def advice_now(self) -> str:
        return self.advice


class MalformedResponse(TransientError):
    pass


class ResponseTooLarge(MalformedResponse):
    """The rest of the answer was not read."""

    advice = "ask for less at once, or raise max_response_bytes in the settings"


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
    """The provider answered the function with an HTTP error; outcome is failed for a clear refusal, else unknown.

    limited: whether that is the provider's request limit; retry_after then has seconds, where it told them
    """

    advice = "see what the provider says in upstream_body"

    def __init__(self, message: str, *, limited: bool = False, **facts: Any) -> None:
        super().__init__(message, **facts)
        self.limited = limited

    def advice_now(self) -> str:
        if not self.limited or self.outcome is Outcome.UNKNOWN:
            return super().advice_now()
        when = "later" if self.retry_after is None else f"in {self.retry_after:.0f} seconds"
        return f"that is the provider's request limit, so try again {when}"


class ActionRuntimeError(ActionFailed):
    default_outcome = Outcome.FAILED
    advice = "see what the action says, and correct its input"


class ActionInternalError(ActionFailed):
    advice = "see the logs in the Nango dashboard"


class ActionNetworkError(ActionFailed):
    advice = "try again later"


class OutcomeLost(ActionFailed):
    advice = "see the logs in the Nango dashboard"
