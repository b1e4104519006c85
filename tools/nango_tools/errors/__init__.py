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
    │   ├── NoConnection               the user has not connected this integration
    │   ├── ReauthorizationRequired    the connection's credentials no longer work
    │   └── WaitExpired                the user did not authorize in time
    ├── CallerError                the code, or the model, that made the call
    │   ├── InvalidInput               malformed before sending, or Nango's 400
    │   ├── SeveralConnections         more than one account fits, and none was named
    │   ├── InvalidSessionToken        401: a connect session's token is wrong, used up or older than 30 minutes
    │   ├── ManagementToolFailed       the Management MCP said no, in words that fit nothing else
    │   ├── ClientClosed               used after aclose()
    │   └── NotFound                   404
    │       ├── UnknownConnection
    │       └── ActionNotFound
    ├── TransientError             nobody: time mends it
    │   ├── RateLimited                Nango's own 429
    │   ├── NangoUnavailable           Nango's own 5xx
    │   ├── ActionNotFinished          an asynchronous action has no result yet
    │   ├── MalformedResponse          an answer that cannot be read
    │   │   └── ResponseTooLarge           more than settings.max_response_bytes
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

Which failure on the wire becomes which class is decided in `failures`. Errors can be pickled and copied, with all
their facts; none of them holds a credential.
"""

from nango_tools.errors.base import Call, NangoError, Outcome, quoted
from nango_tools.errors.incidents import (
    ActionFailed,
    ActionInternalError,
    ActionNetworkError,
    ActionNotFinished,
    ActionRuntimeError,
    InvalidSignature,
    InvalidWebhook,
    MalformedResponse,
    NangoUnavailable,
    NetworkFailure,
    OutcomeLost,
    RateLimited,
    ResponseTooLarge,
    TimedOut,
    TransientError,
    UpstreamError,
    WebhookError,
)
from nango_tools.errors.mendable import (
    ActionDisabled,
    ActionNotFound,
    CallerError,
    ClientClosed,
    EndUserError,
    InsufficientScopeError,
    InvalidInput,
    InvalidKeyError,
    InvalidSessionToken,
    ManagementToolFailed,
    NoConnection,
    NotFound,
    NotNango,
    OperatorError,
    ReauthorizationRequired,
    SettingsError,
    SeveralConnections,
    UnknownConnection,
    UnknownIntegration,
    WaitExpired,
)

__all__ = [
    "ActionDisabled",
    "ActionFailed",
    "ActionInternalError",
    "ActionNetworkError",
    "ActionNotFinished",
    "ActionNotFound",
    "ActionRuntimeError",
    "Call",
    "CallerError",
    "ClientClosed",
    "EndUserError",
    "InsufficientScopeError",
    "InvalidInput",
    "InvalidKeyError",
    "InvalidSessionToken",
    "InvalidSignature",
    "InvalidWebhook",
    "MalformedResponse",
    "ManagementToolFailed",
    "NangoError",
    "NangoUnavailable",
    "NetworkFailure",
    "NoConnection",
    "NotFound",
    "NotNango",
    "OperatorError",
    "Outcome",
    "OutcomeLost",
    "RateLimited",
    "ReauthorizationRequired",
    "ResponseTooLarge",
    "SettingsError",
    "SeveralConnections",
    "TimedOut",
    "TransientError",
    "UnknownConnection",
    "UnknownIntegration",
    "UpstreamError",
    "WaitExpired",
    "WebhookError",
    "quoted",
]
