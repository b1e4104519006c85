"""One user's tools for any agent: what that user's connections offer, less what the policy denies, as LangChain tools."""

from nango_tools.agent_session.gating import Refused, Write, WriteGate
from nango_tools.agent_session.opening import session
from nango_tools.agent_session.session import AgentSession

__all__ = ["AgentSession", "Refused", "Write", "WriteGate", "session"]
