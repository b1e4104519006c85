"""A chat model that follows rules, so that the demo and the tests run without a language model."""

from nango_sandbox.rule_model.model import NOTICE, RuleBasedChatModel

__all__ = ["NOTICE", "RuleBasedChatModel"]
