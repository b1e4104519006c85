"""Which faults are declared, how often each has struck, and which one strikes next."""

import threading
from collections.abc import Iterator
from types import TracebackType
from typing import Self, TypeVar

from nango_sandbox.faults.kinds import About, AboutWebhook, AnyFault, Fault

F = TypeVar("F", bound=AnyFault)


class FaultNotMetError(AssertionError):
    """A fault was declared and did not strike as often as it was to: the test did not test what it says."""


class DeclaredFault:
    """A fault in the list of a sandbox. In a `with` block it ends with the block, and must have struck by then."""

    def __init__(self, faults: "Faults", number: int, fault: Fault) -> None:
        self._faults = faults
        self.id = number
        self.fault = fault
        self.struck = 0

    @property
    def pending(self) -> bool:
        """Whether it has yet to strike: as often as it was to, or once if there is no such number."""
        return self.struck < (self.fault.times or 1)

    def remove(self) -> bool:
        """Whether it was still declared."""
        return self._faults.remove(self.id)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.remove()
        if error is None and self.pending:
            raise FaultNotMetError(f"No request or webhook met this fault: {self!r}")

    def __repr__(self) -> str:
        return f"{self.fault!r}, which struck {self.struck} times"


class Faults:
    """The faults of one sandbox, first declared first met. May be used from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._declared: dict[int, DeclaredFault] = {}
        self._numbers = 0

    def add(self, fault: Fault) -> DeclaredFault:
        """Declare a fault. The next request or webhook that fits meets it, `fault.times` times."""
        with self._lock:
            self._numbers += 1
            declared = self._declared[self._numbers] = DeclaredFault(self, self._numbers, fault)
        return declared

    def remove(self, number: int) -> bool:
        """Whether there was one of that id."""
        with self._lock:
            return self._declared.pop(number, None) is not None

    def clear(self) -> None:
        """Forget all of them, those that were never met too."""
        with self._lock:
            self._declared.clear()

    def pending(self) -> list[DeclaredFault]:
        """Those that have yet to strike."""
        return [each for each in self if each.pending]

    def __iter__(self) -> Iterator[DeclaredFault]:
        """All that are declared, those that struck often enough too, oldest first."""
        with self._lock:
            return iter([*self._declared.values()])

    def __len__(self) -> int:
        return len(self._declared)

    def meet(self, kinds: type[F] | tuple[type[F], ...], about: About | AboutWebhook) -> F | None:
        """The first fault of these kinds that fits and has not struck often enough; it strikes hereby."""
        return next(iter(self._strike(kinds, about, 1)), None)

    def meet_every(self, kind: type[F], about: About | AboutWebhook) -> list[F]:
        """All faults of a kind that fit and have not struck often enough; they strike hereby."""
        return self._strike(kind, about, None)

    def _strike(self, kinds: type[F] | tuple[type[F], ...], about: About | AboutWebhook, most: int | None) -> list[F]:
        met: list[F] = []
        with self._lock:
            for each in self._declared.values():
                fault = each.fault
                spent = fault.times is not None and each.struck >= fault.times
                if len(met) != most and not spent and isinstance(fault, kinds) and _fits(fault, about):
                    each.struck += 1
                    met.append(fault)
        return met


def _fits(fault: AnyFault, about: About | AboutWebhook) -> bool:
    return fault.fits(about)
