"""One call of an offered tool: checked and judged with its arguments, then sent, or handed to the gate."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from nango_tools.access import Access
from nango_tools.agent_session.gating import Arguments, Refused, Write, WriteGate
from nango_tools.agent_session.offering import Offered
from nango_tools.agent_session.owner import Owner, account_of
from nango_tools.agent_session.wording import one_line
from nango_tools.catalog import Catalog
from nango_tools.client import NangoClient
from nango_tools.fitting import misfit
from nango_tools.policy import Action, Effect, Policy, Ruling

_MISFIT = 600


@dataclass(frozen=True, slots=True)
class Asker:
    """Where a call comes from: see `Write`."""

    call_id: str | None = None
    thread_id: str | None = None


@dataclass(frozen=True, slots=True)
class Caller:
    owner: Owner
    nango: NangoClient
    catalog: Catalog
    policy: Policy
    gate: WriteGate | None
    integrations: frozenset[str]

    async def call(self, offered: Offered, arguments: Arguments, asker: Asker) -> JsonValue:
        """The action's output. Raises `Refused`, whose words are for the model, and `NangoError`."""

        def judge(arguments: Arguments) -> Ruling:
            return self._judged(offered, arguments)

        ruling = judge(arguments)
        if offered.tool.access is Access.READ and ruling.effect is Effect.ALLOW:
            return await self._send(offered, arguments, writes=False)
        if self.gate is None:
            raise Refused(
                "The operator's policy wants a person to be asked about this call, and nobody can be asked here. Nothing was sent."
            )

        async def send(arguments: Arguments) -> JsonValue:
            judge(arguments)
            return await self._send(offered, arguments, writes=True)

        write = Write(
            user_id=self.owner.user_id,
            organization_id=self.owner.organization_id,
            tool=offered.tool,
            connection_id=offered.connection.connection_id,
            account=account_of(offered.connection),
            arguments=arguments,
            judge=judge,
            call_id=asker.call_id,
            thread_id=asker.thread_id,
            timeout=self.nango.settings.write_timeout,
        )
        return await self.gate.run(write, send)

    def _judged(self, offered: Offered, arguments: Arguments) -> Ruling:
        if not isinstance(arguments, dict):
            raise Refused("The arguments must be an object. Nothing was sent.")
        try:
            json.dumps(arguments, allow_nan=False)
        except (TypeError, ValueError, RecursionError) as error:
            raise Refused(f"The arguments are not JSON: {error}. Nothing was sent.") from error
        if problem := misfit(offered.tool.input_schema, arguments):
            raise Refused(f"The arguments don't fit: {one_line(problem, _MISFIT)}. Nothing was sent.")
        # What the model has seen, here or elsewhere, nobody knows: the arguments may come from anywhere.
        ruling = self.policy.judge(Action(offered.subject, arguments, sources=frozenset()))
        if ruling.effect is Effect.DENY:
            rule = f" (rule {one_line(ruling.rule, 100)})" if ruling.rule else ""
            raise Refused(f"The operator's policy does not allow this call{rule}. Nothing was sent. Tell the user.")
        return ruling

    async def _send(self, offered: Offered, arguments: Arguments, *, writes: bool) -> JsonValue:
        return await self.nango.runner.trigger(
            connection_id=offered.connection.connection_id,
            integration_id=offered.tool.integration,
            action=offered.tool.name,
            input=offered.tool.input_of(arguments),
            writes=writes,
        )


def find(tools: Mapping[str, Offered], tool_id: str) -> Offered:
    """Raises `Refused`. A tool that is not offered and one that does not exist are the same to a model."""
    offered = tools.get(tool_id)
    if offered is None:
        raise Refused(f"There is no tool {one_line(tool_id, 100)} here.")
    return offered
