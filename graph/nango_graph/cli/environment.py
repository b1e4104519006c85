"""The environment as the terminal commands see it: `.env` in the working directory, under what is really set."""

import os
from collections.abc import Mapping
from pathlib import Path

from dotenv import dotenv_values


def read_environment(env_file: Path = Path(".env")) -> Mapping[str, str]:
    """Only the terminal commands read `.env`; a library that did would surprise the app around it."""
    from_file = {name: value for name, value in dotenv_values(env_file).items() if value is not None}
    return {**from_file, **os.environ}
