"""The types of the public names, as mypy sees them in somebody else's program."""

import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent.parent


@pytest.mark.parametrize("program", ["embedding/typing_of_the_public_names.py", "tools/typing_of_the_client.py"])
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
