"""Access: what a tool can do to an account, and a verdict with its reason."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Self


class Access(StrEnum):
    """Ordered by what it can do to the account: READ < WRITE < DESTRUCTIVE."""

    READ = "read"
    WRITE = "write"
    DESTRUCTIVE = "destructive"

    def _rank(self) -> int:
        return list(Access).index(self)

    def __lt__(self, other: str) -> bool:
        return self._rank() < Access(other)._rank()

    def __le__(self, other: str) -> bool:
        return self._rank() <= Access(other)._rank()

    def __gt__(self, other: str) -> bool:
        return self._rank() > Access(other)._rank()

    def __ge__(self, other: str) -> bool:
        return self._rank() >= Access(other)._rank()


@dataclass(frozen=True)
class Verdict:
    """reason: for people, as in `"delete" in its name`."""

    access: Access
    reason: str

    def or_worse(self, other: Self | None) -> Self:
        return other if other is not None and other.access > self.access else self
