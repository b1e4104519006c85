"""What can be set about a sandbox when it starts, and is not kept."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from starlette.types import ASGIApp


@dataclass(frozen=True)
class Options:
    """rate_limit: requests a minute that one environment may make; None counts nothing
    environment_variables: what `GET /environment-variables` gives
    token_lifetime: seconds after which an access token must be refreshed
    upstreams: hosts that the proxy reaches, by base URL (`https://api.github.com`), each an ASGI application of this
        process. The apps' own are added; the sandbox connects to nothing else.
    """

    rate_limit: int | None = 2000
    environment_variables: Mapping[str, str] = field(default_factory=dict)
    token_lifetime: float = 8 * 3600
    upstreams: Mapping[str, ASGIApp] = field(default_factory=dict)
