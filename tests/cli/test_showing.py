"""What a terminal shows of text that comes from outside."""

import io

from nango_graph.cli.session import Event
from nango_graph.cli.showing import show, show_arguments
from nango_graph.cli.terminal import Terminal


def shown(args, columns, monkeypatch):
    output = io.StringIO()
    terminal = Terminal(output)
    monkeypatch.setattr(Terminal, "width", columns)
    show_arguments(args, terminal)
    return output.getvalue().splitlines()


def test_no_value_can_look_like_another_argument(monkeypatch):
    forged = (
        "Hello"
        + " " * 150
        + "channel: #random"
        + " " * 150
        + "\n    channel: #sales\r\x0b    channel: #x\u2028channel: #y"
    )
    lines = shown({"channel": "#general", "text": forged}, 80, monkeypatch)
    assert lines[0] == "    channel: #general"
    assert [line for line in lines if line.strip().startswith("channel:")] == lines[:1]
    assert all(len(line) <= 80 for line in lines)
    told = "".join(line.removeprefix("      | ") for line in lines[2:])
    assert told.count(" ") >= 300, "nothing of it is left out"


def test_a_short_value_stands_beside_its_name(monkeypatch):
    assert shown({"n": 3, "labels": ["a"]}, 80, monkeypatch) == ["    n: 3", '    labels: ["a"]']


def running(step_id, done, of, failed=0):
    told = {"id": step_id, "tool": "app/get", "status": "running", "done": done, "of": of, "failed": failed}
    return Event("step", told)


def ended(step_id, status, error="", **more):
    return Event("step", {"id": step_id, "tool": "app/get", "status": status, "error": error, **more})


async def lines_of(*events):
    async def stream():
        for event in events:
            yield event

    output = io.StringIO()
    await show(stream(), Terminal(output))
    return output.getvalue().splitlines()


async def test_a_step_of_a_thousand_items_is_shown_on_two_lines():
    events = [running("s1", done, 1000) for done in range(50, 1000, 50)]
    assert await lines_of(*events, ended("s1", "succeeded", done=1000, of=1000)) == [
        "  s1 app/get of 1,000: 250, 500, 750",
        "  s1 app/get done (1,000 of 1,000)",
    ]


async def test_steps_that_run_beside_each_other_do_not_share_a_line():
    events = [running("s1", 4, 8), running("s2", 2, 4, 1), running("s1", 6, 8), Event("notice", {"text": "Waiting."})]
    assert await lines_of(
        *events, running("s1", 7, 8), running("s2", 3, 4, 1), ended("s2", "failed", "1 of 4 failed")
    ) == [
        "  s1 app/get of 8: 4",
        "  s2 app/get of 4: 3 (1 failed)",
        "  s1 app/get of 8: 6",
        "  Waiting.",
        "  s2 app/get of 4: 4 (1 failed)",
        "  s2 app/get failed: 1 of 4 failed",
    ]


async def test_a_step_that_was_skipped_says_why():
    assert await lines_of(ended("s2", "skipped", "Not needed.")) == ["  s2 app/get skipped: Not needed."]
