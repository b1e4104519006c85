"""Who opens our pages: whoever has the accounts of people says it, this package does not know how they log in."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import Request

from nango_graph.identity import Requester


@dataclass(frozen=True, slots=True)
class LoginNeeded:
    """Nobody is logged in, or not so that it counts."""

    because: str = ""
    """A sentence for that person, if there is something to say. It repeats nothing of what was sent."""
    login_url: str | None = None
    """Where to log in: http(s), shown as a link."""


class LoginUnavailable(Exception):
    """It can't be told now who opens the page, and nobody who opens it can help it: answered with 503."""


Opener = Callable[[Request], Awaitable[Requester | LoginNeeded | None]]
"""Says who sent a request; None is `LoginNeeded()`. Raises `LoginUnavailable`."""
