"""`nango_tools.session`: one user's tools, for as long as an agent works with them."""

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager

from nango_tools.agent_session.calling import Caller
from nango_tools.agent_session.gating import WriteGate
from nango_tools.agent_session.owner import Owner
from nango_tools.agent_session.session import AgentSession
from nango_tools.catalog import Catalog
from nango_tools.client import NangoClient
from nango_tools.errors import InvalidInput, Outcome
from nango_tools.policy import Policy


@asynccontextmanager
async def session(
    user_id: str,
    *,
    integrations: Iterable[str],
    nango: NangoClient,
    organization_id: str | None = None,
    accounts: Mapping[str, str] | None = None,
    policy: Policy | None = None,
    writes: WriteGate | None = None,
    catalog: Catalog | None = None,
    whole: int = 20,
    whole_tokens: int = 10_000,
    result_limit: int = 20_000,
) -> AsyncIterator[AgentSession]:
    """The tools of one user's connections, known by their tags (`end_user_id`, `organization_id`), for any LangChain agent.

        async with nango_tools.session("alice", integrations=["github", "slack"], nango=nango) as alice:
            agent = create_agent(model, tools=alice.tools)

    user_id, organization_id: from your login, never from a model or a request's body
    accounts: which connection id to use, by integration, where the user has several
    policy: what is allowed, asked and denied. Without one reads are allowed, and everything else asks.
    writes: who lets writes through, and what the policy asks about; None: they are not offered
    catalog: one that outlives the session, so that nothing is listed anew; made with the guard, in the event loop that uses it
    whole, whole_tokens: up to so many tools, of so many tokens in all, are offered each by itself; more are found by search
    result_limit: characters of a result that the model gets to see

    Lists the connections and their tools when it opens; raises `NangoError` if that fails, InvalidInput for an empty user_id. A
    connection that is missing or broken fails nothing: see `missing`.
    """
    owner = Owner.checked(user_id, organization_id)
    if isinstance(integrations, str):  # which is an iterable of letters
        raise InvalidInput("the session's integrations are one text, not a list", outcome=Outcome.NOT_SENT)
    wanted, chosen = frozenset(integrations), dict(accounts or {})
    if strays := sorted(set(chosen) - wanted):
        raise InvalidInput(f"accounts names {strays[0]}, which is not in integrations", outcome=Outcome.NOT_SENT)
    rules = policy or Policy()
    caller = Caller(
        owner=owner,
        nango=nango,
        catalog=catalog or Catalog(nango, access_rule=rules.access_rule),
        policy=rules,
        gate=writes,
        integrations=wanted,
    )
    opened = AgentSession(caller, accounts=chosen, whole=whole, whole_tokens=whole_tokens, result_limit=result_limit)
    await opened.refresh()
    yield opened
