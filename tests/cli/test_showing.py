"""What a terminal shows of text that comes from outside."""

import io

from nango_graph.cli.showing import show_arguments
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
