"""What is deployed: every function of every integration, with the number and the schemas that listings show."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from nango_sandbox.functions.action import Action, Integration, Sync
from nango_sandbox.store.integrations import Integrations

Kind = Literal["action", "sync"]


@dataclass(frozen=True)
class Deployed:
    """input: the name of the input's schema, or of a sync's metadata; returns: names of what comes out"""

    id: int
    integration: Integration
    function: Action | Sync

    @property
    def kind(self) -> Kind:
        return "action" if isinstance(self.function, Action) else "sync"

    @property
    def input(self) -> str:
        if isinstance(self.function, Action):
            return self.function.model_name("Input", self.integration.key)
        return self.function.metadata_name(self.integration.key)

    @property
    def returns(self) -> list[str]:
        if isinstance(self.function, Action):
            return [self.function.model_name("Output", self.integration.key)]
        return list(self.function.models)

    def definitions(self) -> dict[str, Any]:
        """JSON Schemas by name."""
        if isinstance(self.function, Action):
            return self.function.signature.definitions(self.input, *self.returns)
        return {**self.function.models, self.input: {"type": "null"}}


def deployed(integrations: Integrations) -> Iterator[Deployed]:
    """All functions: of each integration its actions by name, then its syncs."""
    number = 0
    for integration in integrations.values():
        functions: list[Action | Sync] = sorted(integration.actions, key=lambda each: each.name)
        functions += sorted(integration.syncs, key=lambda each: each.name)
        for function in functions:
            number += 1
            yield Deployed(number, integration, function)
