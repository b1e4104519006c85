"""The types of the public names, as mypy sees them in somebody else's program."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


def test_an_embedding_program_type_checks() -> None:
    # In the project's folder, for the cache that `make types` fills.
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", str(Path(__file__).parent / "typing_of_the_public_names.py")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
