"""What an integration and its functions declare."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import Any, Literal

from nango_sandbox.functions.frequency import interval
from nango_sandbox.functions.signature import Annotated, Schema, Signature
from nango_sandbox.store.documents import Documents
from nango_sandbox.store.ledger import Access

AuthMode = Literal["OAUTH2", "API_KEY", "BASIC", "NONE", "OAUTH1", "OAUTH2_CC", "MCP_OAUTH2", "TBA", "APP", "CUSTOM"]
"""How the users of a provider authorize. The sandbox treats what is not one of the first four as OAUTH2."""


@dataclass(frozen=True)
class Call:
    """What a function is given beside its input.

    sleep: wait so many seconds of the sandbox's clock
    """

    documents: Documents
    now: datetime
    actor: str
    """Who acts, for bylines: the end user of the connection."""
    connection_id: str
    integration: str
    metadata: Mapping[str, Any]
    sleep: Callable[[float], Awaitable[None]]


Function = Callable[[Call, Any], Awaitable[Any]]
SyncFunction = Callable[[Call, None], Awaitable[Mapping[str, list[dict[str, Any]]]]]
Seed = Callable[[Documents, datetime], Awaitable[None]]


@dataclass(frozen=True)
class Endpoint:
    """The route that a function declares for its callers. It need not be the method that the app's API takes.

    group: the heading under which listings show it; the integration's name if none is given
    """

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    path: str
    group: str | None = None


@dataclass(frozen=True)
class Action:
    """An action and its function, `async (call, input) -> output`.

    The annotations of the function declare both schemas, unless a signature is given. `access` is the truth for the
    ledger; Nango's wire does not know it. An action that does not use the credentials of its connection runs even where
    they have expired.
    """

    name: str
    description: str
    access: Access
    function: Function
    scopes: tuple[str, ...] = ()
    endpoint: Endpoint | None = None
    declared: Signature | None = None
    enabled: bool = True
    uses_credentials: bool = True
    version: str = "1.0.0"
    atomic: bool = False
    """Whether it takes effect as a whole, its line in the ledger with it. Its function must not wait for anything.
    Without, each write stays, as those of a function that calls an app several times and fails halfway."""

    @cached_property
    def signature(self) -> Signature:
        return self.declared or Annotated(self.function)

    def model_name(self, direction: Literal["Input", "Output"], integration: str) -> str:
        """Names as Nango's compiler gives them: ActionInput_github_createissue."""
        return f"Action{direction}_{_compiled(integration, self.name)}"


def atomic(*actions: Action) -> tuple[Action, ...]:
    """The same actions, each of which takes effect as a whole, or not at all."""
    return tuple(replace(each, atomic=True) for each in actions)


@dataclass(frozen=True)
class Sync:
    """A function that copies what an app holds into records, again and again.

    function: `async (call, None) -> {model: [record, ...]}`, each record a JSON object with an `id`
    models: JSON Schema of each model's records
    frequency: as Nango words it, "every hour", "every 30 minutes", "every day"; at least 30 seconds
    auto_start: whether it runs as soon as a connection is made; otherwise it is paused until it is started
    track_deletes: whether records that the function does not give any more are marked as deleted

    Raises ValueError for a frequency that is none.
    """

    name: str
    description: str
    models: Mapping[str, Schema]
    function: SyncFunction
    frequency: str = "every hour"
    auto_start: bool = True
    track_deletes: bool = False
    scopes: tuple[str, ...] = ()
    endpoint: Endpoint | None = None
    enabled: bool = True
    uses_credentials: bool = True
    version: str = "1.0.0"

    def __post_init__(self) -> None:
        interval(self.frequency)

    def metadata_name(self, integration: str) -> str:
        """SyncMetadata_github_issues"""
        return f"SyncMetadata_{_compiled(integration, self.name)}"


@dataclass(frozen=True)
class Integration:
    """An app that users can connect. One without functions can be connected, and that is all.

    credentials: the OAuth app's, as `POST /integrations` takes them
    """

    key: str
    provider: str
    display_name: str
    auth_mode: AuthMode = "OAUTH2"
    scopes: tuple[str, ...] = ()
    actions: tuple[Action, ...] = ()
    syncs: tuple[Sync, ...] = ()
    seed: Seed | None = None
    categories: tuple[str, ...] = field(default=("other",))
    credentials: dict[str, Any] | None = field(default=None, repr=False)

    def action(self, name: str) -> Action | None:
        return next((each for each in self.actions if each.name == name), None)

    def sync(self, name: str) -> Sync | None:
        return next((each for each in self.syncs if each.name == name), None)


def _compiled(integration: str, name: str) -> str:
    return f"{integration.replace('-', '_')}_{''.join(filter(str.isalnum, name))}"
