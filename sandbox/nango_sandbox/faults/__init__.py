"""What can go wrong on the way to Nango and back, on demand: declare a fault, and the next call that fits meets it."""

from nango_sandbox.faults.kinds import (
    AppAnswers,
    Dropped,
    Fault,
    Latency,
    Malformed,
    RaceLost,
    RequestFault,
    Slow,
    Status,
    WebhookDelayed,
    WebhookDoubled,
    WebhookFault,
    WebhookForged,
    WebhookLost,
    WebhookSwapped,
)
from nango_sandbox.faults.registry import DeclaredFault, FaultNotMetError, Faults

__all__ = [
    "AppAnswers",
    "DeclaredFault",
    "Dropped",
    "Fault",
    "FaultNotMetError",
    "Faults",
    "Latency",
    "Malformed",
    "RaceLost",
    "RequestFault",
    "Slow",
    "Status",
    "WebhookDelayed",
    "WebhookDoubled",
    "WebhookFault",
    "WebhookForged",
    "WebhookLost",
    "WebhookSwapped",
]
