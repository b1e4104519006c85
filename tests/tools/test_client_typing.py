"""The types of the client, as mypy sees them in somebody else's program."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


def test_a_program_that_uses_the_client_type_checks() -> None:
    # In the project's folder, for the cache that `make types` fills.
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", str(Path(__file__).parent / "typing_of_the_client.py")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
