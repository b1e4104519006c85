import gzip
import json
import subprocess
import sys
from pathlib import Path

import pytest

from searched_tools import A_SMALL_COMPANY


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    path = tmp_path / "catalog.jsonl.gz"
    with gzip.open(path, "wt", encoding="utf-8") as lines:
        for tool in A_SMALL_COMPANY:
            lines.write(tool.model_dump_json(include={"integration", "name", "description", "input_schema"}) + "\n")
    return path


def search(catalog: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "nango_graph.cli", "tools", "search", "--catalog", str(catalog), *arguments]
    environ = {"PATH": "/usr/bin:/bin", "PYTHONUTF8": "1"}
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=environ,
        cwd=catalog.parent,
        check=False,
        timeout=60,
    )


def written(folder: Path, content: object) -> str:
    path = folder / "requests.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    return str(path)


INVOICES = {"id": "r1", "text": "Which bills are out?", "best": ["books", "list-invoices"]}
DEALS = {"id": "r2", "text": "Drop the opportunity", "accept": [["pipeline", "delete-deal"], ["helpdesk", "x"]]}


def test_each_request_gets_a_line_with_its_tools_best_first(catalog: Path) -> None:
    done = search(
        catalog, "--requests", written(catalog.parent, {"half": "open", "single": [INVOICES, DEALS]}), "--json"
    )
    assert (done.returncode, done.stderr) == (0, "")
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
    assert done.returncode == 2
    assert says in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_missing_and_bad_files_and_wrong_use_are_refused(catalog: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"integration": "a"}\n', "utf-8")
    for done in (
        search(tmp_path / "none.jsonl", "words"),
        search(bad, "words"),
        search(catalog),
        search(catalog, "words", "--requests", "none.json"),
        search(catalog, "--requests", "none.json"),
        search(catalog, "words", "--integrations", "known"),
        search(catalog, "words", "--limit", "0"),
    ):
        assert done.returncode == 2, done
        assert "Traceback" not in done.stderr


def test_a_reader_that_goes_away_is_no_failure(catalog: Path) -> None:
    asked = written(catalog.parent, [{"id": number, "text": "create an invoice"} for number in range(3_000)])
    command = [
        sys.executable,
        "-m",
        "nango_graph.cli",
        "tools",
        "search",
        "--catalog",
        str(catalog),
        "--json",
        "--requests",
    ]
    with subprocess.Popen([*command, asked], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert json.loads(process.stdout.readline())["id"] == 0
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(60) == 0
