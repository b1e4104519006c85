"""One call on its way to Nango and back: by REST or the hosted MCP, whichever the key allows."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from langchain_core.runnables import RunnableLambda

from nango_graph.records import CallState
from nango_graph.services import Services
from nango_tools import NangoError

if TYPE_CHECKING:
    from nango_graph.execution.units import Unit


class Sender:
    """`sending` is told of each step whose call really leaves now."""

    def __init__(self, services: Services, *, sending: Callable[["Unit"], None]) -> None:
        self._services = services
        self._sending = sending

    async def send(self, unit: "Unit", *, writes: bool) -> tuple[CallState, Any, NangoError | None]:
        """How it ended, what it brought, and what went wrong."""

        async def send(arguments: Any) -> Any:
            return await self._services.nango.runner.trigger(
                connection_id=unit.connection["connection_id"],
                integration_id=unit.tool.integration,
                action=unit.tool.name,
                input=unit.tool.input_of(arguments),
                writes=writes,
            )

        self._sending(unit)
        try:
            # A runnable of its own, so that each call is a named run in a trace.
            output = await RunnableLambda(send).with_config(run_name=unit.tool.id).ainvoke(unit.arguments)
        except NangoError as error:
            # The states of a call are the outcomes, and "claimed".
            return error.outcome.value, None, error
        return "succeeded", output, None
