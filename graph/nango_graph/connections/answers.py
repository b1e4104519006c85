"""What came of a question about connections: from the person, from the clock, from our page."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nango_graph.approval import CONFIRM, Answer, BadAnswer, read_answers
from nango_graph.records import TurnRow, Wait
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
        """Raises `BadAnswer`, before anything has changed. Waits that ended by themselves count whatever the answer is.

        What is asked comes from the state, which the thread's owner can edit: only waits of this turn's own are touched.
        """
        waits = await services.records.waits.of_turn(turn, [item.get("wait_id", "") for item in asked["items"]])
        answers = [] if raw is None else list(zip(read_answers(asked, raw), asked["items"], strict=False))
        for answer, item in answers:
            _check(answer, item)
        await self._take_ends(asked, waits, services)
        for answer, item in answers:
            await self._take(answer, item, waits, turn, services)

    async def _take_ends(self, asked: Asked, waits: Mapping[str, Wait], services: Services) -> None:
        now, rows = services.clock.now(), services.records.waits
        for item in asked["items"]:
            wait = waits.get(item.get("wait_id", ""))
            if wait is None or item["about"] != "connect":
                continue
            if wait.state == "expired" or (wait.state == "open" and wait.deadline <= now):
                await rows.change(wait.id, "expired", only_from=("open",), now=now)
                self._without(item["integration"], "nobody authorized it in time")
            elif wait.state == "cancelled":
                await rows.heard(wait.id)
                self._without(item["integration"], "it was declined")

    async def _take(
        self, answer: Answer, item: dict[str, Any], waits: Mapping[str, Wait], turn: TurnRow, services: Services
    ) -> None:
        integration, records, now = item["integration"], services.records, services.clock.now()
        match item["about"], answer.kind:
            case "confirm", kind:
                await records.accounts.trust(
                    turn.requester,
                    integration,
                    item["connection_id"],
                    trusted=kind == "edit",
                    wait_id=item["wait_id"],
                )
            case "choose", "approve" | "edit":
                self.accounts[integration] = answer.args["account_id"]
                await records.accounts.prefer(turn.requester, integration, answer.args["account_id"], now=now)
            case "connect", "approve" if item.get("reason") == "scopes":
                self.as_it_is.add(integration)
            case _, "reject":
                self.declined.add(integration)
                if item.get("wait_id") in waits:
                    await records.waits.change(item["wait_id"], "cancelled", only_from=("open", "satisfied"), now=now)

    def _without(self, integration: str, why: str) -> None:
        self.declined.add(integration)
        self.because[integration] = why


def _check(answer: Answer, item: dict[str, Any]) -> None:
    integration = item["integration"]
    if item["about"] == "confirm" and answer.kind != "reject":
        if str(answer.args.get(CONFIRM, "")).strip().lower() != "yes":
            raise BadAnswer(f"{integration}: set {CONFIRM} to yes if it is your account, or reject.")
    elif item["about"] == "choose" and answer.kind != "reject":
        account = answer.args.get("account_id")
        if not isinstance(account, str) or account not in {one["connection_id"] for one in item["accounts"]}:
            raise BadAnswer(f"{integration}: that account is not one of those listed.")
