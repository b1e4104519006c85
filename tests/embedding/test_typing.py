"""The types of the public names, as mypy sees them in somebody else's program."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent.parent
PROGRAMS = ["embedding/typing_of_the_public_names.py", "tools/typing_of_the_client.py"]


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_of_somebody_else_type_checks(program: str) -> None:
    # In the project's folder, for the cache that `make types` fills.
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", str(TESTS / program)],
        cwd=TESTS.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.fixture(scope="module")
def their_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What both programs import is looked at once."""
    return tmp_path_factory.mktemp("cache")


@pytest.mark.parametrize("program", PROGRAMS)
def test_so_it_does_in_a_project_that_knows_nothing_of_ours(program: str, tmp_path: Path, their_cache: Path) -> None:
    """Elsewhere, without our configuration, and so without pydantic's plugin."""
    theirs = shutil.copy(TESTS / program, tmp_path)
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file=", "--strict", f"--cache-dir={their_cache}", theirs],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
