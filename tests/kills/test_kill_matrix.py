"""The table of the kill matrix: what it says of points that are not there, or were not run."""

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest

from kill_judging import Outcome
from kill_points import FIRST_KILLS, KINDS, RECOVERY_OF, Whole, kinds_of
from kill_scenarios import SCENARIOS

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "kill_matrix.py"


@pytest.fixture(scope="module")
def matrix() -> Any:
    spec = importlib.util.spec_from_file_location("kill_matrix", SCRIPT)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["kill_matrix"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def results(matrix: Any, tmp_path: Path) -> Any:
    """Of a matrix whose scenarios were looked at, and none of whose points were run."""
    events = [
        "insert turns",
        "insert plans open",
        "a node's writes",
        "update calls succeeded",
        "checkpoint before plan",
    ]
    calls = ["list-issues", "create-issue"]
    found = matrix.Results(tmp_path)
    for name, of in [(name, name) for name in SCENARIOS] + [(RECOVERY_OF, str(kill)) for kill in FIRST_KILLS]:
        found.add("SQLite", "whole", of, Whole(name, events * 3, calls, {}, {}))
    return found


def run_all(matrix: Any, results: Any, but: int = 0) -> list[Any]:
    points = matrix.points_in(results, "SQLite")
    for point in points[but:]:
        results.add("SQLite", "point", str(point), Outcome(str(point), len(point.kills), []))
    return list(points)


def test_words_that_name_no_point_are_refused_with_what_there_is(
    matrix: Any, results: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        sys, "argv", ["kill_matrix", str(tmp_path), "--only", "re-plan", "--database", "SQLite", "--workers", "1"]
    )
    assert matrix.main() == 2
    seen = capsys.readouterr()
    assert "No point has “re-plan” in its name" in seen.err
    assert "planned again after a failure" in seen.err
    assert "|" not in seen.out


@pytest.mark.parametrize(("but", "complete"), [(0, True), (1, False)])
def test_a_matrix_is_no_result_before_all_its_points_were_run(
    matrix: Any, results: Any, capsys: pytest.CaptureFixture[str], but: int, complete: bool
) -> None:
    points = run_all(matrix, results, but)
    assert matrix.show(results, ["SQLite"], "", 1.0) is complete
    table = capsys.readouterr().out
    assert f"| SQLite | **all** | {len(points)} | {len(points) - but} |" in table
    assert ("Not all points were run" in table) is not complete


def test_of_every_kind_of_place_it_is_told_how_many_points_there_are(
    matrix: Any, results: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    points = run_all(matrix, results)
    matrix.show(results, ["SQLite"], "", 1.0)
    table = capsys.readouterr().out
    for kind in KINDS:
        count = sum(kind in kinds_of(point, results.wholes["SQLite", point.scenario]) for point in points)
        assert count > 0, kind
        assert f"| SQLite | {kind} | {count} | {count} | {count} | 0 |" in table


def test_with_words_only_the_points_that_they_name_are_needed(matrix: Any, results: Any) -> None:
    points = matrix.named(matrix.points_in(results, "SQLite"), "; message")
    assert not matrix.show(results, ["SQLite"], "; message", 1.0)
    for point in points:
        results.add("SQLite", "point", str(point), Outcome(str(point), 1, []))
    assert matrix.show(results, ["SQLite"], "; message", 1.0)
    assert not matrix.show(results, ["SQLite"], "", 1.0)
