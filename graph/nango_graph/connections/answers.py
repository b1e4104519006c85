"""What came of a question about connections: from the person, from the clock, from our page."""

from dataclasses import dataclass, field
from typing import Any

from nango_graph.approval import BadAnswer, read_answers
from nango_graph.records import TurnRow
from nango_graph.services import Services
from nango_graph.state import Asked


@dataclass
class Answers:
    """`accounts`: by integration, the connection that this turn is to use; what is taken adds to it."""

    accounts: dict[str, str]
    declined: set[str] = field(default_factory=set)
    as_it_is: set[str] = field(default_factory=set)
    """Integrations whose connection lacks scopes, and that are used nevertheless."""
    because: dict[str, str] = field(default_factory=dict)

    async def take(self, asked: Asked, raw: Any, turn: TurnRow, services: Services) -> None:
        """Raises `BadAnswer`. Waits that ended by themselves count whatever the answer is."""
        now, records = services.clock.now(), services.records
        waits = await records.waits.get_all([item["wait_id"] for item in asked["items"] if "wait_id" in item])
        for item in asked["items"]:
            wait = waits.get(item.get("wait_id", ""))
            if wait is None or item["about"] != "connect":
                continue
            if wait.state == "open" and wait.deadline <= now:
                await records.waits.change(wait.id, "expired", only_from=("open",), now=now)
            if wait.state == "expired" or (wait.state == "open" and wait.deadline <= now):
                self._without(item["integration"], "nobody authorized it in time")
            elif wait.state == "cancelled":
                await records.waits.heard(wait.id)
                self._without(item["integration"], "it was declined")
        if raw is None:
            return
        for answer, item in zip(read_answers(asked, raw), asked["items"], strict=False):
            integration = item["integration"]
            match item["about"], answer.kind:
                case "confirm", "reject":
                    await records.accounts.trust(
                        turn.requester, integration, item["connection_id"], trusted=False, wait_id=item["wait_id"]
                    )
                case "confirm", _:
                    if str(answer.args.get("confirm", "")).strip().lower() != "yes":
                        raise BadAnswer(f"{integration}: set confirm to yes if it is your account, or reject.")
                    await records.accounts.trust(
                        turn.requester, integration, item["connection_id"], trusted=True, wait_id=item["wait_id"]
                    )
                case "choose", "approve" | "edit":
                    account = answer.args.get("account_id")
                    if account not in {one["connection_id"] for one in item["accounts"]}:
                        raise BadAnswer(f"{integration}: that account is not one of those listed.")
                    self.accounts[integration] = str(account)
                    await records.accounts.prefer(turn.requester, integration, str(account), now=now)
                case "connect", "approve" if item.get("reason") == "scopes":
                    self.as_it_is.add(integration)
                case _, "reject":
                    self.declined.add(integration)
                    if "wait_id" in item:
                        await records.waits.change(
                            item["wait_id"], "cancelled", only_from=("open", "satisfied"), now=now
                        )

    def _without(self, integration: str, why: str) -> None:
        self.declined.add(integration)
        self.because[integration] = why
