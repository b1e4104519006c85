"""What Nango listed a moment ago in the same run: the node that executes need not ask again what was just answered.

It is kept in the process and not in the state, which proves nothing; and by the lease of the run, so that whoever goes on after a
pause asks anew.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from nango_graph.clock import Clock
from nango_graph.identity import Requester
from nango_graph.records import Lease
from nango_graph.run_lease import lease_of_run

Listed = TypeVar("Listed")

RECENT = 15.0
"""Seconds."""


@dataclass(frozen=True, slots=True)
class _Look(Generic[Listed]):
    at: float
    requester: Requester
    found: Mapping[str, Listed]


@dataclass
class Looks(Generic[Listed]):
    clock: Clock
    _of: dict[Lease, _Look[Listed]] = field(default_factory=dict)

    def keep(self, requester: Requester, found: Mapping[str, Listed]) -> None:
        """`found`: by integration. Nothing is kept outside of a run."""
        now = self.clock.now()
        self._of = {lease: look for lease, look in self._of.items() if 0 <= now - look.at < RECENT}
        if (lease := lease_of_run()) is not None:
            self._of[lease] = _Look(now, requester, found)

    def recent(self, requester: Requester, integrations: Collection[str]) -> dict[str, Listed] | None:
        """None where it is not known, of any of them, or not any more."""
        lease = lease_of_run()
        look = self._of.get(lease) if lease is not None else None
        if look is None or look.requester != requester or not 0 <= self.clock.now() - look.at < RECENT:
            return None
        if not all(integration in look.found for integration in integrations):
            return None
        return {integration: look.found[integration] for integration in integrations}
