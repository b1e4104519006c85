"""One call of an offered tool: checked and judged with its arguments, then sent, or handed to the gate."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from nango_tools.access import Access
from nango_tools.agent_session.gating import Arguments, Earlier, NeverSent, Refused, Write, WriteGate
from nango_tools.agent_session.offering import Offered, as_ruled
from nango_tools.agent_session.owner import Owner, account_of
from nango_tools.agent_session.wording import one_line
from nango_tools.catalog import Catalog
from nango_tools.client import NangoClient
from nango_tools.errors import NangoError
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

    async def call(self, offered: Offered, arguments: Arguments, asker: Asker) -> JsonValue | Earlier:
        """The action's output. Raises `Refused`, whose words are for the model, and `NangoError`."""
        offered = await self._as_it_is_now(offered)

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
            try:
                await self._as_it_is_now(offered)
            except NangoError as error:
                raise Refused(
                    f"Nobody could look up whether the tool is as it was: {error}. Nothing was sent."
                ) from error
            except asyncio.CancelledError as stopped:
                raise NeverSent from stopped
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

    async def _as_it_is_now(self, offered: Offered) -> Offered:
        """As the catalogue has it, whose `ttl` says how old that may be. Sessions live long: a tool may have been changed, held
        back or taken away since it was offered.
        """
        known, connection = offered.tool, offered.connection
        found = await self.catalog.discover([(connection.integration_id, connection.connection_id)])
        tool = next((tool for tool in found.get(known.integration, ()) if tool.name == known.name), None)
        if tool is None and any(one.tool == known.id for one in self.catalog.held(known.integration)):
            raise Refused(
                f"{one_line(known.id, 100)} is held back, as its definition has changed. Nothing was sent. Tell the user that "
                "whoever runs this agent has to look at the change first."
            )
        if tool is None:
            raise Refused(f"There is no tool {one_line(known.id, 100)} here any more. Nothing was sent.")
        if tool.fingerprint != known.fingerprint:
            raise Refused(
                f"The definition of {one_line(known.id, 100)} has changed since it was offered. Nothing was sent. Tell the user."
            )
        return Offered(as_ruled(self.policy, tool), connection)

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
