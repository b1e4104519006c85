"""What the operator allows, what a human must decide, and what is never done."""

from nango_tools.policy.policy import Policy
from nango_tools.policy.ruling import USER, Action, Effect, Ruling, Subject

__all__ = ["USER", "Action", "Effect", "Policy", "Ruling", "Subject"]
