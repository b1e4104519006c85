"""What a terminal asks about accounts, and the decisions that come of it."""

from typing import Any

import pytest

from nango_graph.cli.chat import _about_accounts
from nango_graph.cli.deciding import Message

CONNECT = {"name": "connect_account", "args": {"integration": "github", "connect_link": "https://x", "expires_at": "2"}}
CHOOSE = {
    "name": "choose_account",
    "args": {"integration": "slack", "account_id": "a"},
    "choices": [{"id": "a", "label": "Slack (work)"}, {"id": "b", "label": "Slack (home)"}],
}
CONFIRM = {
    "name": "confirm_account",
    "args": {"integration": "hubspot", "account": "HubSpot (Bea)", "confirm": "no"},
}


class Typing:
    """A terminal in which these lines are typed."""

    def __init__(self, *lines: str) -> None:
        self.lines = list(lines)
        self.said: list[str] = []

    def say(self, text: str = "") -> None:
        self.said.append(text)

    async def ask(self, prompt: str) -> str:
        self.said.append(prompt)
        return self.lines.pop(0)


def question(*requests: dict[str, Any]) -> dict[str, Any]:
    return {"id": "q", "kind": "connections", "action_requests": list(requests)}


async def test_a_mixed_question_gets_one_decision_for_each_in_order() -> None:
    terminal: Any = Typing("", "2", "", "y")
    answer = await _about_accounts(question(CONNECT, CHOOSE, CONFIRM), terminal)
    assert isinstance(answer, dict)
    look_again, chosen, confirmed = answer["decisions"]
    assert answer["id"] == "q"
    assert look_again == {"type": "approve"}
    assert chosen["edited_action"]["args"] == {"integration": "slack", "account_id": "b"}
    assert confirmed["edited_action"]["args"]["confirm"] == "yes"
    shown = "\n".join(terminal.said)
    assert "Slack (home)" in shown
    assert "HubSpot (Bea)" in shown
    assert "somebody else's" in shown


async def test_an_account_that_is_not_the_users_is_rejected() -> None:
    answer = await _about_accounts(question(CONFIRM), Typing("no"))  # type: ignore[arg-type]
    assert isinstance(answer, dict)
    assert answer["decisions"] == [{"type": "reject", "message": ""}]


@pytest.mark.parametrize(("asked", "line"), [(CONFIRM, "why?"), (CHOOSE, "3"), (CHOOSE, "0"), (CHOOSE, "the home one")])
async def test_anything_else_is_a_message_and_decides_nothing(asked: Any, line: str) -> None:
    assert await _about_accounts(question(asked), Typing(line)) == Message(line)  # type: ignore[arg-type]
