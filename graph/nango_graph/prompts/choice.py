"""Which integrations a request needs."""

from collections.abc import Sequence

from langchain_core.messages import AnyMessage, HumanMessage, SystemMessage

from nango_graph.prompts.conversation import said_before
from nango_graph.state import Turn

CHOOSE = """\
You decide which integrations a user's request needs. Each integration is a connection to one of the user's accounts; \
below are their tools; where a number of tools is given, only some of their names are listed. Choose the fewest that can do the whole request: every one you name may make the user authorize \
an account. Choose none if the request is small talk, or if no tool can do it. What earlier messages used stays at hand \
without being named: name only what this request needs. A name in the request may also be a topic, or what is to be left alone. \
Call choose_integrations once.

<integrations>
{integrations}
</integrations>"""


def choose_prompt(*, integrations: str, conversation: Sequence[AnyMessage], turn: Turn) -> list[AnyMessage]:
    system = CHOOSE.format(integrations=integrations)
    return [SystemMessage(system), *said_before(turn, conversation), HumanMessage(turn["request"])]
