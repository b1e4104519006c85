"""Actions that run on after the request that started them."""

from dataclasses import dataclass

from pydantic import Field

from nango_tools.models.wire import Wire


class AsyncAnswer(Wire):
    id: str
    status_url: str = Field(validation_alias="statusUrl")


@dataclass(frozen=True)
class AsyncAction:
    """An action that was started. `id` finds its result; `status_url` is the path where Nango would be asked.

    The rest is what was started, for error messages.
    """

    id: str
    status_url: str
    connection_id: str
    integration_id: str
    action: str
    writes: bool
