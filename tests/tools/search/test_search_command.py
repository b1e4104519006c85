import argparse
import asyncio
import gzip
import io
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from nango_graph.cli.terminal import Terminal
from nango_graph.cli.tools import search as command
from nango_graph.errors import UsageError
from searched_tools import A_SMALL_COMPANY
from warm_commands import Command


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    path = tmp_path / "catalog.jsonl.gz"
    with gzip.open(path, "wt", encoding="utf-8") as lines:
        for tool in A_SMALL_COMPANY:
            lines.write(tool.model_dump_json(include={"integration", "name", "description", "input_schema"}) + "\n")
    return path


@dataclass
class Done:
    """What a command printed, or the sentence it was refused with (exit status 2)."""

    stdout: str = ""
    refused: str = ""


def search(catalog: Path, *arguments: str) -> Done:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    printed = io.StringIO()
    try:
        given = parser.parse_args(["--catalog", str(catalog), *arguments])
        assert asyncio.run(command.run(given, {}, Terminal(printed))) == 0
    except (UsageError, ValueError) as error:
        return Done(printed.getvalue(), str(error))
    return Done(printed.getvalue())


def program(catalog: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "nango_graph.cli", "tools", "search", "--catalog", str(catalog), *arguments]


def written(folder: Path, content: object) -> str:
    path = folder / "requests.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    return str(path)


INVOICES = {"id": "r1", "text": "Which bills are out?", "best": ["books", "list-invoices"]}
DEALS = {
    "id": "r2",
    "text": "Drop the opportunity and update the case",
    "accept": [["pipeline", "delete-deal"], ["helpdesk", "x"]],
}


def test_each_request_gets_a_line_with_its_tools_best_first(catalog: Path) -> None:
    done = search(
        catalog, "--requests", written(catalog.parent, {"half": "open", "single": [INVOICES, DEALS]}), "--json"
    )
    assert done.refused == ""
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["id"] for line in lines] == ["r1", "r2"]
    assert ["books", "list-invoices"] in lines[0]["tools"][:2]
    assert ["pipeline", "delete-deal"] in lines[1]["tools"][:2]


def test_known_integrations_are_all_that_is_searched(catalog: Path) -> None:
    other = {"id": 3, "text": "create", "integration": "files"}
    asked = written(catalog.parent, [INVOICES, DEALS, other])
    done = search(catalog, "--requests", asked, "--json", "--integrations", "known")
    found = [{integration for integration, _ in json.loads(line)["tools"]} for line in done.stdout.splitlines()]
    assert found == [{"books"}, {"pipeline", "helpdesk"}, {"files"}]


@pytest.mark.parametrize("ending", ["", "\n"])
def test_requests_may_be_one_a_line(catalog: Path, ending: str) -> None:
    asked = "\n".join(json.dumps({"id": number, "text": "create"}) for number in range(3)) + ending
    done = search(catalog, "--requests", written(catalog.parent, asked), "--json", "--limit", "1")
    assert [len(json.loads(line)["tools"]) for line in done.stdout.splitlines()] == [1, 1, 1]


def test_a_request_that_finds_nothing_has_its_line_too(catalog: Path) -> None:
    done = search(catalog, "--requests", written(catalog.parent, [{"id": "r", "text": "qxz"}]), "--json")
    assert json.loads(done.stdout) == {"id": "r", "tools": []}


def test_people_see_access_and_tool(catalog: Path) -> None:
    done = search(catalog, "get rid of the deal")
    assert "pipeline/delete-deal" in done.stdout.splitlines()[0]
    assert "destructive" in done.stdout.splitlines()[0]
    assert "None of 17 tools" in search(catalog, "qxz").stdout


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{", "line 1: no JSON"),
        ("", "holds no requests"),
        ([], "holds no requests"),
        ([{"id": "r"}], "item 1: a request has an id and a text"),
        ({"single": [INVOICES, {"id": "x", "text": 3}]}, "single, item 2: a request has an id and a text"),
        ('{"id": 1, "text": "a"}\nnot json', "line 2: no JSON"),
        ("3", "line 1: a request has an id and a text"),
    ],
)
def test_a_bad_file_of_requests_is_refused_with_one_sentence(catalog: Path, content: object, says: str) -> None:
    done = search(catalog, "--requests", written(catalog.parent, content), "--json")
    assert says in done.refused
    assert "\n" not in done.refused
    assert done.stdout == ""


def test_missing_and_bad_files_and_wrong_use_are_refused(catalog: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"integration": "a"}\n', "utf-8")
    assert "can't be read" in search(tmp_path / "none.jsonl", "words").refused
    assert f"{bad}:1: name" in search(bad, "words").refused
    assert "either" in search(catalog).refused
    assert "either" in search(catalog, "words", "--requests", "none.json").refused
    assert "none.json can't be read" in search(catalog, "--requests", "none.json").refused
    assert "needs --requests" in search(catalog, "words", "--integrations", "known").refused
    with pytest.raises(SystemExit):
        search(catalog, "words", "--limit", "0")


def test_wrong_use_ends_the_program_with_one_sentence_and_status_2(catalog: Path) -> None:
    done = subprocess.run(
        program(catalog), capture_output=True, text=True, check=False, timeout=120, cwd=catalog.parent
    )
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)


def test_a_reader_that_goes_away_is_no_failure(catalog: Path) -> None:
    asked = written(catalog.parent, [{"id": number, "text": "create an invoice"} for number in range(3_000)])
    started = program(catalog, "--json", "--requests", asked)
    with subprocess.Popen(started, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert json.loads(process.stdout.readline())["id"] == 0
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(60) == 0


def test_known_integrations_lists_are_filled_up_for_evaluation_only(catalog: Path) -> None:
    asked = written(catalog.parent, [{"id": 1, "text": "qxz", "integration": "books"}])
    told = search(catalog, "--requests", asked, "--integrations", "known")
    assert "None of" in told.stdout
    done = search(catalog, "--requests", asked, "--integrations", "known", "--json")
    expected = [["books", t.name] for t in A_SMALL_COMPANY if t.integration == "books"]
    assert sorted(json.loads(done.stdout)["tools"]) == sorted(expected)


def piped(arguments: list[str], given: bytes, **environment: str) -> subprocess.CompletedProcess[bytes]:
    started = [sys.executable, "-m", "nango_graph.cli", "tools", "search", *arguments]
    environment = {**os.environ, **environment}
    return subprocess.run(started, input=given, capture_output=True, check=False, timeout=120, env=environment)


async def through_pipes(folder: Path, given: bytes, *arguments: str) -> tuple[int, bytes, bytes]:
    command = await Command.start("tools", "search", *arguments, folder=folder, environ={}, apart=True)
    return await command.communicate(given)


async def test_a_dash_is_standard_input_plain_or_compressed(catalog: Path, tmp_path: Path) -> None:
    compressed = catalog.read_bytes()  # noqa: ASYNC240 - the file of a test
    for given in (compressed, gzip.decompress(compressed)):
        _, output, _ = await through_pipes(tmp_path, given, "--catalog", "-", "get rid of the deal")
        assert b"pipeline/delete-deal" in output
    asked = json.dumps([DEALS]).encode()
    _, output, _ = await through_pipes(tmp_path, asked, "--catalog", str(catalog), "--requests", "-", "--json")
    assert json.loads(output)["id"] == "r2"


async def test_bad_standard_input_is_refused_with_one_sentence(catalog: Path, tmp_path: Path) -> None:
    for arguments, given, says in [
        (["--catalog", "-", "words"], b"{", b"-:1:"),
        (["--catalog", "-", "words"], b"", b"holds no definitions"),
        (["--catalog", str(catalog), "--requests", "-"], b"\xff", b"not UTF-8"),
        (["--catalog", "-", "--requests", "-"], b"", b"Only one of"),
    ]:
        status, output, complaint = await through_pipes(tmp_path, given, *arguments)
        assert (status, output, complaint.count(b"\n")) == (2, b"", 1)
        assert says in complaint
        assert b"piped.jsonl" not in complaint


def test_a_console_that_knows_ascii_only_gets_escapes(catalog: Path) -> None:
    asked = json.dumps([{"id": "ü", "text": "get rid of the ü deal"}]).encode()
    for form in ([], ["--json"]):
        done = piped(["--catalog", str(catalog), "--requests", "-", *form], asked, PYTHONIOENCODING="ascii")
        assert (done.returncode, done.stderr) == (0, b"")
        assert b"delete-deal" in done.stdout
        assert done.stdout.isascii()
