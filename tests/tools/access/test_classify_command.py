"""`nango-agent tools classify`: in this process, and through pipes where they matter."""

import argparse
import asyncio
import gzip
import io
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from nango_graph.cli.terminal import Terminal
from nango_graph.cli.tools import classify
from nango_tools.catalog import BadDefinition
from warm_commands import Command

DEFINITIONS = [
    {
        "integration": "crm",
        "name": "list-contacts",
        "description": "List contacts.",
        "input_schema": {"type": "object"},
    },
    {"integration": "crm", "name": "delete-contact", "description": "Delete a contact.", "scopes": ["contacts:write"]},
    {"integration": "crm", "name": "rows", "description": "", "endpoint": {"method": "GET", "path": "/rows"}},
    {"integration": "mail", "name": "send", "description": "Sends\u001b[2J a \u202email.", "endpoint": None},
]
LINES = "".join(f"{json.dumps(one)}\n" for one in DEFINITIONS)


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    path = tmp_path / "some.jsonl"
    path.write_text(LINES)
    return path


def add(catalog: Path, line: str) -> None:
    catalog.write_text(f"{catalog.read_text()}{line}\n")


async def said(*words: str | Path, environ: Mapping[str, str] | None = None) -> list[str]:
    """The lines that the command writes, without any key of Nango."""
    parser = argparse.ArgumentParser()
    classify.add_arguments(parser)
    output = io.StringIO()
    assert await classify.run(parser.parse_args([str(word) for word in words]), environ or {}, Terminal(output)) == 0
    return output.getvalue().splitlines()


async def process(*words: str, stdout: int = asyncio.subprocess.PIPE, **environ: str) -> asyncio.subprocess.Process:
    """In JSON from its input, where no words say otherwise."""
    inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    command = (sys.executable, "-m", "nango_graph.cli", "tools", "classify", *(words or ("--catalog", "-", "--json")))
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(
        *command, stdin=pipe, stdout=stdout, stderr=pipe, env={**inherited, **environ}
    )


async def test_one_object_a_line_from_a_file_and_from_an_archive(catalog: Path) -> None:
    zipped = catalog.with_suffix(".jsonl.gz")
    zipped.write_bytes(gzip.compress(LINES.encode()))
    for path in (catalog, zipped):
        found = [json.loads(line) for line in await said("--catalog", path, "--json")]
        assert [list(one) for one in found] == [["integration", "name", "access", "reason"]] * 4
        assert [(one["integration"], one["name"], one["access"]) for one in found] == [
            ("crm", "list-contacts", "read"),
            ("crm", "delete-contact", "destructive"),
            ("crm", "rows", "read"),
            ("mail", "send", "write"),
        ]
        assert found[2]["reason"] == "declared as GET, and nothing contradicts"


async def test_a_table_for_people_ends_with_how_many_would_ask(catalog: Path) -> None:
    lines = await said("--catalog", catalog)
    assert lines[0] == "crm (2 read, 1 destructive)"
    assert lines[1].split() == ["destructive", "delete-contact", '"delete"', "in", "its", "name"]
    assert lines[-2:] == [
        "4 tools: 2 read, 1 write, 1 destructive.",
        "2 ask first, 2 go ahead without asking, 0 are never offered.",
    ]


async def test_what_would_never_be_offered_is_judged_too_and_can_not_drive_the_terminal(catalog: Path) -> None:
    for name in ("get\u001b[2J\u202e", "", "delete/user", "x" * 300):
        add(catalog, json.dumps({"integration": "crm", "name": name, "description": "Gets it."}))
    found = [json.loads(line) for line in await said("--catalog", catalog, "--json")]
    assert [one["access"] for one in found[4:]] == ["write", "write", "destructive", "write"]
    assert all("never offered" in one["reason"] for one in found[4:])
    table = await said("--catalog", catalog)
    assert table[-1] == "2 ask first, 2 go ahead without asking, 4 are never offered."
    assert not {"\u001b", "\u202e"}.intersection("".join(table))


async def test_there_is_a_line_for_each_also_for_a_repeated_one_and_null_is_nothing(catalog: Path) -> None:
    empty = {"description": None, "scopes": None, "input_schema": None, "endpoint": None}
    add(catalog, json.dumps({"integration": "crm", "name": "list-contacts", **empty}))
    found = [json.loads(line) for line in await said("--catalog", catalog, "--json")]
    assert [one["name"] for one in found if one["access"] == "read"] == ["list-contacts", "rows", "list-contacts"]


@pytest.mark.parametrize("zipped", [True, False])
async def test_what_comes_through_a_pipe_may_be_zipped_or_have_a_byte_order_mark(zipped: bool, tmp_path: Path) -> None:
    words = ("tools", "classify", "--catalog", "-", "--json")
    command = await Command.start(*words, folder=tmp_path, environ={}, apart=True)
    data = gzip.compress(LINES.encode()) if zipped else LINES.encode("utf-8-sig")
    status, output, complaint = await command.communicate(data)
    assert (status, complaint, len(output.splitlines())) == (0, b"", 4)


async def test_a_terminal_of_eight_bits_shows_a_name_of_any_script(catalog: Path) -> None:
    add(catalog, json.dumps({"integration": "crm", "name": "削除"}))
    command = await process("--catalog", str(catalog), PYTHONIOENCODING="ascii")
    output, complaint = await command.communicate()
    assert (command.returncode, complaint) == (0, b"")
    assert b"\\u524a" in output


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
async def test_what_can_not_be_written_is_said(catalog: Path) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    command = await process("--catalog", str(catalog), stdout=full)
    _, complaint = await command.communicate()
    os.close(full)
    assert command.returncode == 1
    assert complaint == b"nango-agent: what was found can't be written: No space left on device.\n"


async def test_the_operators_word_counts(catalog: Path, tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text(
        "version: 1\n"
        "access:\n  - {tool: crm/rows, is: destructive}\n"
        "rules:\n  - {name: no mail, effect: deny, integration: mail}\n"
    )
    lines = await said("--catalog", catalog, "--policy", policy)
    assert lines[-1] == "2 ask first, 1 go ahead without asking, 1 are never offered."
    configured = await said("--catalog", catalog, "--json", environ={"NANGO_AGENT_POLICY": str(policy)})
    assert json.loads(configured[2])["access"] == "destructive"


@pytest.mark.parametrize("broken", ['{"integration": "crm"}', "not json", "[]", '{"integration": 1, "name": "x"}'])
async def test_a_line_that_can_not_be_read_is_named_and_nothing_is_said(catalog: Path, broken: str) -> None:
    add(catalog, broken)
    with pytest.raises(BadDefinition, match=f"{catalog}:5:"):
        await said("--catalog", catalog)


async def test_a_pipe_is_read_and_a_bad_line_in_it_ends_with_status_2() -> None:
    command = await process()
    output, complaint = await command.communicate((LINES + "not json\n").encode())
    assert (command.returncode, output) == (2, b"")
    assert b":5:" in complaint
    assert b"Traceback" not in complaint


async def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    command = await process()
    assert command.stdin
    assert command.stdout
    assert command.stderr
    many = "".join(f'{{"integration": "crm", "name": "list-{number}"}}\n' for number in range(3_000))
    command.stdin.write(many.encode())
    command.stdin.write_eof()
    assert json.loads(await command.stdout.readline())["name"] == "list-0"
    command.stdout._transport.close()  # type: ignore[attr-defined]
    complaint = await command.stderr.read()
    assert (await command.wait(), complaint) == (0, b"")
