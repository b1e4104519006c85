"""Links that make connections: ours, which live as long as the wait, and Nango's own, which live half an hour."""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime

import jwt

from nango_graph.connections.finding import MOST_TAGS, WAIT_TAG, Found
from nango_graph.connections.scopes import OVERRIDE, scopes_to_ask_for
from nango_graph.records import Wait
from nango_graph.services import Services
from nango_graph.settings import AgentSettings
from nango_tools import ConnectSession

PATH = "/connect/"
_PURPOSE = "nango-agent connect link"


@dataclass(frozen=True, slots=True)
class Link:
    url: str
    expires_at: str
    """ISO 8601, UTC."""


async def link_for(services: Services, wait: Wait, found: Found) -> Link:
    """Our own link where our pages are served, else a new one of Nango's."""
    settings, now = services.settings, services.clock.now()
    if settings.public_url is not None:
        return Link(f"{settings.public_url}{PATH}{token_for(settings, wait)}", moment(wait.deadline))
    if wait.assistant_id:
        # On a server other people may see the chat, and nobody knows who opens a link of Nango's.
        await services.records.waits.opened(wait.id, unverified=True, now=now)
    session = await new_session(services, wait, found)
    # Where Nango's clock is far behind ours every link looks dead, and the next one would too: no more than one a minute.
    return Link(session.connect_link, moment(max(session.expires_at.timestamp(), now + 120)))


async def new_session(services: Services, wait: Wait, found: Found) -> ConnectSession:
    """A fresh connect session for a wait. Tags are always sent in full: Nango wipes those of a reconnected connection else."""
    # Each session has its own: what somebody confirms is what came of one session, not of all through the same link.
    mark = {WAIT_TAG: f"{wait.id}.{secrets.token_hex(8)}"}
    mended = next((one for one in found.all if one.connection_id == wait.connection_id), None)
    if mended is None:
        tags = {**wait.requester.tags, **mark}
        return await services.nango.connect_sessions.create(tags=tags, allowed_integrations=[wait.integration])
    # Those it has, and no more: the requester's own would make a shared connection a private one.
    tags = {**mended.tags, **mark}
    scopes = await scopes_to_ask_for(services, wait) if wait.reason == "scopes" else None
    return await services.nango.connect_sessions.reconnect(
        connection_id=mended.connection_id,
        integration_id=wait.integration,
        tags=tags if len(tags) <= MOST_TAGS else mended.tags,
        # Takes the place of the integration's own scopes [connectionConfig in Nango's OAuth flow].
        integrations_config_defaults={wait.integration: {"connection_config": {OVERRIDE: scopes}}} if scopes else None,
    )


def token_for(settings: AgentSettings, wait: Wait) -> str:
    """Names the wait and nothing else. JSON Web Token (RFC 7519), HS256."""
    claims = {"sub": wait.id, "aud": _PURPOSE, "exp": int(wait.deadline)}
    return jwt.encode(claims, settings.link_key, algorithm="HS256")


def wait_of_token(settings: AgentSettings, token: str) -> str | None:
    """The id of the wait; None for a token that is not ours. That its time has passed is for the wait's row to say."""
    try:
        claims = jwt.decode(
            token, settings.link_key, algorithms=["HS256"], audience=_PURPOSE, options={"verify_exp": False}
        )
    except jwt.InvalidTokenError:
        return None
    return claims["sub"] if isinstance(claims.get("sub"), str) else None


def has_expired(expires_at: str, now: float) -> bool:
    """Has a link died, or will it within a minute?"""
    return datetime.fromisoformat(expires_at).timestamp() < now + 60


def moment(timestamp: float) -> str:
    return datetime.fromtimestamp(timestamp, UTC).isoformat(timespec="seconds")
