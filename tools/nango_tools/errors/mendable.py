"""What somebody can mend: the operator, the end user, or whoever wrote the call."""

from nango_tools.errors.base import NangoError, Outcome


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


class NoConnection(EndUserError):
    """The user has not connected an account of this integration; nothing was sent."""

    default_outcome = Outcome.NOT_SENT
    advice = "have the user connect an account, through a connect session"


class WaitExpired(EndUserError):
    """The deadline for a user's authorization passed without a usable connection."""

    default_outcome = Outcome.NOT_SENT
    advice = "ask the user again, with a new connect session"


class ReauthorizationRequired(EndUserError):
    default_outcome = Outcome.FAILED
    advice = "have the user authorize the connection again, through a reconnect session"


class CallerError(NangoError):
    """The code, or the model, that made the call can mend it."""

    default_outcome = Outcome.REJECTED


class InvalidInput(CallerError):
    advice = "correct the call"


class SeveralConnections(CallerError):
    """More than one connection fits. `connection_ids` (the payload) lists them; nothing was sent."""

    default_outcome = Outcome.NOT_SENT
    advice = "name one of them as connection_id"

    @property
    def connection_ids(self) -> tuple[str, ...]:
        return tuple(self.payload) if isinstance(self.payload, list | tuple) else ()


class InvalidSessionToken(CallerError):
    advice = "make a new connect session"


class ManagementToolFailed(CallerError):
    """An `isError` result of the Management MCP, which says why in prose only."""

    default_outcome = Outcome.UNKNOWN
    advice = "see what the tool says"


class ClientClosed(CallerError):
    default_outcome = Outcome.NOT_SENT
    advice = "make the call while the client is open"


class NotFound(CallerError):
    advice = "check the name"


class UnknownConnection(NotFound):
    advice = "look the connection up again: it was deleted, or belongs to another integration"


class ActionNotFound(NotFound):
    advice = "discover the integration's actions again, it may have been renamed or removed"
