"""How far a call has come: which attempt counts, what was decided on it, and what became of it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from nango_graph.records import AUTHORIZATION, Call, CallKey, Decision


@dataclass(frozen=True, slots=True)
class Standing:
    key: CallKey
    """With the attempt that counts."""
    decision: Decision | None
    call: Call | None
    followed: bool
    """Has the user said what is to become of it after this attempt?"""

    @property
    def interrupted(self) -> bool:
        """Did its connection break, and is it still to be done?"""
        return self.call is not None and self.call.cause == AUTHORIZATION and not self.followed

    @property
    def is_settled(self) -> bool:
        """Is there nothing left to send, unless a human says so?"""
        if self.call is not None:
            return not self.interrupted
        return self.decision is not None and self.decision.verdict == "rejected"

    @property
    def following(self) -> CallKey:
        return replace(self.key, attempt=self.key.attempt + 1)


class Standings:
    """Of one plan, as the records have it."""

    def __init__(self, decisions: Mapping[CallKey, Decision], calls: Iterable[Call]) -> None:
        self._decisions = decisions
        self._calls = {call.key: call for call in calls}

    def of(self, first: CallKey) -> Standing:
        """An attempt follows another only if that was decided, and never one that succeeded."""
        key = first
        while True:
            call, decision, following = self._calls.get(key), self._decisions.get(key), self.after(key)
            if call is not None and call.may_be_claimed_again and _is_rejected(decision):
                # It never ran, and somebody has refused it since: there is nothing to go on with.
                call = None
            is_last = following is None or (call is None and _is_rejected(decision))
            if is_last or (call is not None and (call.state == "succeeded" or _is_rejected(following))):
                return Standing(key, decision, call, followed=following is not None)
            key = replace(key, attempt=key.attempt + 1)

    def after(self, key: CallKey) -> Decision | None:
        """What was decided on the attempt after this one."""
        return self._decisions.get(replace(key, attempt=key.attempt + 1))


def _is_rejected(decision: Decision | None) -> bool:
    return decision is not None and decision.verdict == "rejected"
