"""An action is triggered, over REST or MCP: it runs with credentials that are fit for use."""

from typing import Any, Literal

from nango_sandbox.credentials import usable
from nango_sandbox.faults.kinds import About, RaceLost
from nango_sandbox.functions.action import Action
from nango_sandbox.functions.failures import Disabled, FunctionFailure, ResultLost
from nango_sandbox.services import Services
from nango_sandbox.store.connections import Connection

_PATHS = {"rest": "/action/trigger", "mcp": "/mcp"}


async def trigger(
    services: Services, connection: Connection, action: Action, given: Any, via: Literal["rest", "mcp"]
) -> Any:
    """The action's output, a JSON value. Raises FunctionFailure; the ledger knows better where that is ResultLost."""
    if not action.enabled:
        raise Disabled

    async def with_credentials() -> None:
        if action.uses_credentials:
            await usable(services, connection)

    about = About("POST", _PATHS[via], connection.integration, connection.connection_id, (action.name,))
    try:
        output = await services.runner.run(connection, action, given, via, with_credentials)
    except FunctionFailure as failure:
        if services.faults.meet(RaceLost, about):
            raise ResultLost from failure
        raise
    if services.faults.meet(RaceLost, about):
        raise ResultLost
    return output
