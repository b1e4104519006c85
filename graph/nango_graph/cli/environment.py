"""The environment as the terminal commands see it: `.env` in the working directory, under what is really set."""

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from dotenv import dotenv_values


def read_environment(env_file: Path = Path(".env")) -> Mapping[str, str]:
    """Only the terminal commands read `.env`; a library that did would surprise the app around it."""
    from_file = {name: value for name, value in dotenv_values(env_file).items() if value is not None}
    return {**from_file, **os.environ}


def this_program() -> str:
    """How to call this program again from here: its name if that is on the PATH, else the path it was called by."""
    called = Path(sys.argv[0])
    found = shutil.which(called.name)
    if found is not None and Path(found).resolve() == called.resolve():
        return called.name
    return os.path.relpath(called) if called.is_absolute() and called.is_relative_to(Path.cwd()) else str(called)
