"""What can go wrong on the way to Nango and back, on demand: declare a fault, and the next call that fits meets it."""

from nango_sandbox.faults.kinds import (
    Dropped,
    Fault,
    Latency,
    Malformed,
    RaceLost,
    RequestFault,
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
    "DeclaredFault",
    "Dropped",
    "Fault",
    "FaultNotMetError",
    "Faults",
    "Latency",
    "Malformed",
    "RaceLost",
    "RequestFault",
    "Status",
    "WebhookDelayed",
    "WebhookDoubled",
    "WebhookFault",
    "WebhookForged",
    "WebhookLost",
    "WebhookSwapped",
]
