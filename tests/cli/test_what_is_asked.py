"""A person in a terminal sees all that is told of what is asked, before what would be sent, and answers in words."""

import io
import json
import re
from typing import Any

import pytest
from starlette.responses import Response

from nango_graph.approval import Request, ask
from nango_graph.cli.deciding import APPROVE, Message, decide
from nango_graph.cli.run import _show_question
from nango_graph.cli.showing import plain, show_description
from nango_graph.cli.terminal import Terminal
from nango_graph.display import markdown, visible
from nango_sandbox import Sandbox

TITLE = "Create an issue in octo/widgets titled 'Login broken'"
NASTY = "a*b_c `d` [e](https://x/?f=1&g) <h> #i ~j |k !l \\m &lt; &#58; \\_ **n** \x1b[2J\u202e"


class Typing(Terminal):
    """A terminal in which these lines are typed."""

    def __init__(self, *lines: str) -> None:
        super().__init__(io.StringIO())
        self.lines = list(lines)

    async def ask(self, prompt: str, *, afresh: bool = False) -> str:
        self.say(prompt)
        return self.lines.pop(0)

    @property
    def shown(self) -> str:
        assert isinstance(self._output, io.StringIO)
        return self._output.getvalue()


def question(description: str, *, name: str = "app/act", problem: str = "", **args: Any) -> Any:
    request = Request(
        name=name, args=args, description=description, allowed=["approve", "edit", "reject"], item={"about": "write"}
    )
    return ask("approval", [request], problem=problem)["payload"]


def unknown() -> Any:
    told = (
        "**Did this happen?** Step s2 (Tell them): app/act in Ada was sent, but nobody knows whether it took effect.\n\n- It was sent "
        "at 12:00.\n\nLook in the account, then set `answer` to `happened`, `not_happened_retry` (send it again) or …"
    )
    args = {"tool": "app/act", "arguments": {"n": 1}, "answer": "unknown"}
    return question(told, name="resolve_unknown_outcome", **args)


@pytest.mark.parametrize("text", [NASTY, "plain", "C:\\u001b", "\\\\", "&amp;lt;"])
def test_what_was_escaped_for_a_chat_is_shown_as_it_was(text: str) -> None:
    assert plain(markdown(text)) == visible(text, keep="")


async def test_all_of_what_is_told_stands_before_the_arguments() -> None:
    told = f"**Tell {markdown(NASTY)}**\n\napp/act in Ada\\_L, 150 times\n\nIt would run 150 times.\n\nExactly this was done before."
    terminal = Typing("a")
    answer = await decide(question(told, text="hello"), terminal)
    assert answer == {"id": question(told, text="hello")["id"], "decisions": [APPROVE]}
    before, _, after = terminal.shown.partition("    text: hello\n")
    for paragraph in (
        f"Tell {visible(NASTY, keep='')}",
        "app/act in Ada_L, 150 times",
        "It would run 150 times.",
        "Exactly this was done before.",
    ):
        assert f"  | {paragraph}\n" in before
    assert "approve does exactly this, edit changes the arguments first, reject does without it" in after
    assert "approves nothing" in after


async def test_no_line_of_what_is_told_can_look_like_an_argument(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Typing()
    monkeypatch.setattr(Terminal, "width", 60)
    forged = "Say hello " + "\xa0" * 50 + "channel: #random " + "x" * 200 + "    channel: #random\n    channel: #sales"
    show_description({"description": f"**{forged}**"}, terminal)
    lines = terminal.shown.splitlines()
    assert all(line.startswith("  | ") and len(line) <= 60 for line in lines)
    assert sum(line.count("x") for line in lines) == 200


async def test_a_problem_is_said_once() -> None:
    terminal = Typing("a")
    await decide(question("**Do it**", problem="That was no decision.", n=1), terminal)
    assert terminal.shown.count("That was no decision.") == 1
    assert "  | Do it\n" in terminal.shown


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("happened", "happened"),
        ("h", "happened"),
        ("again", "not_happened_retry"),
        ("A", "not_happened_retry"),
        ("skip", "not_happened_skip"),
    ],
)
async def test_what_became_of_a_write_is_answered_in_words(typed: str, answer: str) -> None:
    terminal = Typing("", typed)
    said = await decide(unknown(), terminal)
    assert isinstance(said, dict)
    assert said["decisions"][0]["edited_action"]["args"]["answer"] == answer
    shown = terminal.shown
    assert "Step s2 (Tell them): app/act in Ada was sent" in shown
    assert "It was sent at 12:00." in shown
    assert "not_happened" not in shown, "words, and not the fields of a form"
    for meaning in ("It happened", "did not happen: send it again", "did not happen: do without it", "leave it open"):
        assert meaning in shown


async def test_what_nobody_knows_yet_is_left_open() -> None:
    said = await decide(unknown(), Typing("leave open"))
    assert isinstance(said, dict)
    assert said["decisions"] == [{"type": "reject", "message": ""}]


async def test_a_sentence_about_what_became_of_it_decides_nothing() -> None:
    assert await decide(unknown(), Typing("it happened, I think")) == Message("it happened, I think")


def test_a_run_prints_what_is_told_and_how_to_fill_in_the_form() -> None:
    terminal = Typing()
    _show_question(unknown(), terminal)
    assert "app/act in Ada was sent" in terminal.shown
    assert "set answer to happened, not_happened_retry (send it again)" in terminal.shown
    assert '{"decisions": [{"type": "approve"}]}' in terminal.shown


def environment(sandbox: Sandbox, url: str) -> dict[str, str]:
    key = sandbox.api_key.get_secret_value()
    return {"NANGO_BASE_URL": url, "NANGO_API_KEY": key, "NANGO_AGENT_MODEL": "rule-based"}


async def test_a_chat_tells_what_for_and_settles_what_was_lost(start: Any, sandbox: Sandbox, proxy: Any) -> None:
    await sandbox.connect("github", {"end_user_id": "local-user", "end_user_display_name": "Ada"})

    async def losing(request: Any, forward: Any) -> Any:
        answer = await forward()
        return Response(status_code=502) if request.url.path == "/action/trigger" else answer

    proxy.handle = losing
    chat = await start("chat", environ=environment(sandbox, proxy.url))
    await chat.expect("> ")
    await chat.send(TITLE)
    shown = await chat.expect("title: Login broken")
    assert re.search(r"^  \| .*reate.* issue.*\n  \| github/create-issue in .*\n", shown, re.MULTILINE)
    await chat.expect("[r]eject: ")
    await chat.send("approve")
    shown = await chat.expect("[l]eave open: ")
    assert "Step s1 (" in shown
    assert "It was sent at " in shown
    proxy.handle = lambda _, forward: forward()
    await chat.send("happened")
    await chat.expect("\n> ")
    await chat.send("quit")
    assert await chat.finish() == 0
    assert [entry.action for entry in await sandbox.ledger() if entry.access != "read"] == ["create-issue"]


async def test_a_run_that_waits_prints_what_is_told(start: Any, sandbox: Sandbox, tmp_path: Any) -> None:
    await sandbox.connect("github", {"end_user_id": "local-user"})
    environ = environment(sandbox, sandbox.base_url)
    run = await start("run", TITLE, environ=environ)
    assert await run.finish() == 3
    assert "  | github/create-issue in " in run.output
    thread = re.search(r"--thread (\w+)", run.output)
    assert thread is not None
    answer = tmp_path / "answer.json"
    answer.write_text(json.dumps({"decisions": [{"type": "approve"}]}))
    again = await start("run", "--thread", thread[1], "--answer", str(answer), environ=environ)
    assert await again.finish() == 0
