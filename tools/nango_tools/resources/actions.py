"""POST /action/trigger: run an action and wait for its output."""

from pydantic import JsonValue

from nango_tools.errors import Call
from nango_tools.http import Http, connection_headers


class Actions:
    def __init__(self, http: Http) -> None:
        self._http = http

    async def trigger(
        self,
        *,
        connection_id: str,
        integration_id: str,
        action: str,
        input: JsonValue = None,  # noqa: A002 - Nango's word
        writes: bool,
    ) -> JsonValue:
        """The action's output, whatever JSON it is; null too.

        `input` None sends none. With `writes` the request is sent once and may take settings.write_timeout seconds;
        without, it may be sent again. Read `outcome` of what is raised: there is no idempotency key, and Nango does not
        validate the input.
        """
        call = Call("trigger", connection_id, integration_id, action, writes)
        headers = connection_headers(call, connection_id, integration_id)
        body = {"action_name": action} if input is None else {"action_name": action, "input": input}
        output: JsonValue = await self._http.json("POST", "/action/trigger", call, headers=headers, body=body)
        return output
