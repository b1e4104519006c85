"""`use my other Slack account`: which of the accounts that the prompt lists is meant, and what else the request asks for."""

import re
from dataclasses import replace

from nango_sandbox.rule_model.decision import Decision
from nango_sandbox.rule_model.prompt import Prompt

_SWITCH = re.compile(
    r"^\W*(?:please\s+|from now on,?\s+)?(?:use|switch\s+to|change\s+to|go\s+back\s+to)\s+"
    r"(?P<which>(?:\S+\s+){1,6}?)(?:account|workspace)\b(?:\s+from\s+now\s+on)?"
    r"[\s,.;:]*(?:and\s+|then\s+|to\s+)*(?P<rest>.*)$",
    re.IGNORECASE | re.DOTALL,
)
_OTHER = {"other", "another", "different"}
_SMALL = {"my", "the", "a", "an", "our"} | _OTHER


def switched(prompt: Prompt) -> Decision | Prompt:
    """The account to use; or, once it is chosen, the prompt with what is left of its request, or an answer if nothing is."""
    said = _SWITCH.match(prompt.request)
    if said is None:
        return prompt
    words = re.findall(r"[\w@.-]+", said["which"].lower())
    there = [account for account in prompt.accounts if account.integration in _named(prompt, words)]
    if not there:
        if said["rest"]:
            return replace(prompt, request=said["rest"])
        return Decision("answer", "I know of no other account there, so nothing has changed.")
    integration = there[0].integration
    chosen = next((one for one in there if one.chosen), None)
    if chosen is not None:
        if said["rest"]:
            return replace(prompt, request=said["rest"])
        return Decision("answer", f"From now on I use {chosen.label}.")
    others = [one for one in there if not one.in_use]
    telling = set(words) - _SMALL - set(re.findall(r"\w+", integration))
    fitting = [one for one in there if telling and telling <= set(re.findall(r"[\w@.-]+", one.label.lower()))]
    if not fitting and set(words) & _OTHER:
        fitting = others
    # Which of several is meant is for the user to say.
    key = fitting[0].key if len(fitting) == 1 else ""
    return Decision("account", integration=integration, account=key)


def _named(prompt: Prompt, words: list[str]) -> set[str]:
    """Integrations with several accounts that are named; the only one there is needs no name."""
    keys = {account.integration for account in prompt.accounts}
    named = {key for key in keys if set(key.split("-")) <= set(words)}
    return named or (keys if len(keys) == 1 else set())
