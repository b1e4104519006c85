"""Which exception a failure becomes, and what is then known about the effect of the call.

Four things can come back instead of a result: a failure of the network below (`network`), an HTTP answer with Nango's
error body (`http`), a JSON-RPC error from the hosted MCP, which carries the same error as a JSON string (`rpc`), and an
error result of the Management MCP, which is prose (`management`). The first decides by itself; the others read what
came into an `Answer`, or into the same words, and one table (`table`) decides, so that one failure is one class
whichever way it came. What the codes mean was measured on a real server (0.71.4).
"""

from nango_tools.failures.http import from_response, is_nangos_own
from nango_tools.failures.management import from_tool_text
from nango_tools.failures.network import TRANSPORT_FAILURES, from_network
from nango_tools.failures.rpc import from_rpc_error
from nango_tools.failures.wording import without_credentials

__all__ = [
    "TRANSPORT_FAILURES",
    "from_network",
    "from_response",
    "from_rpc_error",
    "from_tool_text",
    "is_nangos_own",
    "without_credentials",
]
