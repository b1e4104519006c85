"""What an integration and its actions declare."""

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, Literal, get_type_hints

from pydantic import TypeAdapter

from nango_sandbox.functions.schema import definitions
from nango_sandbox.store.documents import Documents
from nango_sandbox.store.ledger import Access

AuthMode = Literal["OAUTH2", "API_KEY", "BASIC", "NONE"]


@dataclass(frozen=True)
class Call:
    """What a function is given beside its input."""

    documents: Documents
    now: datetime
    actor: str
    """Who acts, for bylines: the end user of the connection."""


Function = Callable[[Call, Any], Awaitable[Any]]
Seed = Callable[[Documents, datetime], Awaitable[None]]


@dataclass(frozen=True)
class Endpoint:
    """The route that a function declares for its callers. It need not be the method that the app's API takes."""

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    path: str


@dataclass(frozen=True)
class Action:
    """An action and its function, `async (call, input) -> output`, whose annotations declare both schemas.

    `access` is the truth for the ledger; Nango's wire does not know it.
    """

    name: str
    description: str
    access: Access
    function: Function
    scopes: tuple[str, ...] = ()
    endpoint: Endpoint | None = None

    @cached_property
    def input_type(self) -> TypeAdapter[Any]:
        _, declared = list(inspect.signature(self.function).parameters)
        return TypeAdapter(get_type_hints(self.function, include_extras=True)[declared])

    @cached_property
    def output_type(self) -> TypeAdapter[Any]:
        return TypeAdapter(get_type_hints(self.function, include_extras=True)["return"])

    @cached_property
    def input_definitions(self) -> dict[str, Any]:
        return definitions("input", self.input_type)

    def model_name(self, direction: Literal["Input", "Output"], integration: str) -> str:
        """Names as Nango's compiler gives them: ActionInput_github_createissue."""
        return f"Action{direction}_{integration.replace('-', '_')}_{''.join(filter(str.isalnum, self.name))}"


@dataclass(frozen=True)
class Integration:
    """An app that users can connect. One without actions can be connected, and that is all."""

    key: str
    provider: str
    display_name: str
    auth_mode: AuthMode = "OAUTH2"
    scopes: tuple[str, ...] = ()
    actions: tuple[Action, ...] = ()
    seed: Seed | None = None
    categories: tuple[str, ...] = field(default=("other",))

    def action(self, name: str) -> Action | None:
        return next((each for each in self.actions if each.name == name), None)
