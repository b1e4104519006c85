"""POST /action/trigger and GET /action/{id}: run an action, and wait for its output or fetch it later."""

from pydantic import JsonValue

from nango_tools.errors import ActionNotFinished, Call, NangoError, Outcome
from nango_tools.http import Http, connection_headers, path_segment
from nango_tools.models.actions import AsyncAction, AsyncAnswer
from nango_tools.models.wire import validated
from nango_tools.polling import Waiting, growing
from nango_tools.resources.queries import within

_FIRST_PAUSE = 0.5
_OF_THE_ACTION = ("script_", "action_script_")
"""How the codes begin that an action ends with; every other code is about the request for its result."""
_LONGEST_PAUSE = 10.0


class Actions:
    """`nango.actions`. Whoever triggers one that writes reads `outcome` of what is raised."""

    def __init__(self, http: Http, waiting: Waiting) -> None:
        self._http = http
        self._waiting = waiting

    async def trigger(
        self,
        *,
        connection_id: str,
        integration_id: str,
        action: str,
        input: object = None,  # noqa: A002 - Nango's word
        writes: bool,
    ) -> JsonValue:
        """POST /action/trigger: the action's output, whatever JSON it is; null too.

        `input` None sends none. With `writes` the request may take settings.write_timeout seconds, and is sent again
        only if it certainly had no effect; without, it may be sent again. Read `outcome` of what is raised: there is
        no idempotency key, and Nango does not validate the input.
        """
        call = Call("trigger", connection_id, integration_id, action, writes)
        headers = connection_headers(call, connection_id, integration_id)
        output: JsonValue = await self._http.json(
            "POST", "/action/trigger", call, headers=headers, body=_request(action, input)
        )
        return output

    async def trigger_async(
        self,
        *,
        connection_id: str,
        integration_id: str,
        action: str,
        input: object = None,  # noqa: A002 - Nango's word
        writes: bool,
        max_retries: int = 0,
    ) -> AsyncAction:
        """POST /action/trigger with X-Async: the action is queued, and this returns at once.

        max_retries: how often Nango runs it again where it fails, 0 to 5. An action that writes and then fails writes
        again each time. Asynchronous actions of an environment run one at a time.

        Raises as `trigger` for what Nango refuses; what goes wrong later is raised by `result`.
        """
        call = Call("trigger", connection_id, integration_id, action, writes)
        headers = {
            **connection_headers(call, connection_id, integration_id),
            "X-Async": "true",
            "X-Max-Retries": str(within(call, "max_retries", max_retries, 0, 5)),
        }
        answer = await self._http.json("POST", "/action/trigger", call, headers=headers, body=_request(action, input))
        started = validated(AsyncAnswer, answer, call)
        return AsyncAction(started.id, started.status_url, connection_id, integration_id, action, writes)

    async def result(self, started: AsyncAction | str) -> JsonValue:
        """GET /action/{id}: the output of an asynchronous action, given as it was started or by its id.

        ActionNotFinished where Nango has none: the action waits or runs, the id is unknown, **or it returned null**,
        which stays without a result for ever. The webhook that Nango sends when an action is done tells those apart.
        What the action failed with is raised as by `trigger`. Where only the question failed (the key, the network),
        the error's outcome is unknown: nothing was learnt about the action.
        """
        if isinstance(started, str):
            action_id, action = started, Call(f"get result of {started!r}")
            asking = action
        else:
            where = (started.connection_id, started.integration_id)
            action_id, action = started.id, Call("trigger", *where, started.action, started.writes)
            asking = Call(f"get result of action {started.action!r}", *where)
        path = f"/action/{path_segment(asking, 'action id', action_id)}"
        try:
            output: JsonValue = await self._http.json("GET", path, asking)
        except NangoError as error:
            if error.code is not None and error.code.startswith(_OF_THE_ACTION):
                error.call = action
            else:
                # The question was refused, or lost. The action runs on.
                error.outcome = Outcome.UNKNOWN
            raise
        return output

    async def wait(self, started: AsyncAction | str, *, timeout: float) -> JsonValue:  # noqa: ASYNC109
        """GET /action/{id}: `result`, until it is there; twice a second at first, in the end every 10 seconds.

        timeout: seconds, after which ActionNotFinished is raised (or what hindered the last look). The action goes on
        regardless, and one that returns null is waited for in vain.
        """
        return await self._waiting.until(
            lambda: self.result(started),
            pending=(ActionNotFinished,),
            pauses=growing(_FIRST_PAUSE, _LONGEST_PAUSE),
            timeout=timeout,
        )


def _request(action: str, given: object) -> dict[str, object]:
    return {"action_name": action} if given is None else {"action_name": action, "input": given}
