"""What the policy says of a call as it would be sent: asked when a step is prepared, and again right before it leaves."""

from typing import Any

from nango_graph.execution.provenance import Provenance
from nango_graph.offering import policy_of, subject_of
from nango_graph.records import TurnRow
from nango_graph.services import Services
from nango_graph.state import Connection
from nango_tools import Tool
from nango_tools.policy import Action, Ruling


class Judge:
    """The rules are this process's, of this moment, whatever held when the plan was made or approved."""

    def __init__(self, services: Services, turn: TurnRow, provenance: Provenance) -> None:
        self._services = services
        self._turn = turn
        self._provenance = provenance

    def of(
        self,
        tool: Tool,
        connection: Connection,
        arguments: Any,
        *,
        plan_id: str,
        step: str,
        edited: bool = False,
    ) -> Ruling:
        """`arguments`: bound. `edited`: they are not as the plan had them, but as a human changed them."""
        sources = self._provenance.sources(plan_id, step, edited=edited)
        return policy_of(self._turn, self._services).judge(Action(subject_of(tool, connection), arguments, sources))
