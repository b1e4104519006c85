"""An action is triggered, over REST or MCP: it runs with credentials that are fit for use."""

from typing import Any, Literal

from nango_sandbox.credentials import usable
from nango_sandbox.faults.kinds import About, AppAnswers, RaceLost, Slow
from nango_sandbox.functions.action import Action
from nango_sandbox.functions.failures import Disabled, FunctionFailure, ResultLost, UpstreamFailed
from nango_sandbox.services import Services
from nango_sandbox.store.connections import Connection

_PATHS = {"rest": "/action/trigger", "mcp": "/mcp"}


async def trigger(
    services: Services, connection: Connection, action: Action, given: Any, via: Literal["rest", "mcp"]
) -> Any:
    """The action's output, a JSON value. Raises FunctionFailure; the ledger knows better where that is ResultLost."""
    if not action.enabled:
        raise Disabled

    async def before() -> None:
        for slow in services.faults.meet_every(Slow, about):
            await services.clock.sleep(slow.seconds)
        if action.uses_credentials:
            await usable(services, connection)
        if answer := services.faults.meet(AppAnswers, about):
            raise UpstreamFailed(answer.status, answer.body, answer.headers)

    about = About("POST", _PATHS[via], connection.integration, connection.connection_id, (action.name,))
    try:
        output = await services.runner.run(connection, action, given, via, before)
    except FunctionFailure as failure:
        if services.faults.meet(RaceLost, about):
            raise ResultLost from failure
        raise
    if services.faults.meet(RaceLost, about):
        raise ResultLost
    return output
