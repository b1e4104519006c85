"""`nango-agent tools classify`."""

import argparse
from collections.abc import Mapping
from typing import Any

HELP = "classify"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """To be written."""


async def run(arguments: argparse.Namespace, environ: Mapping[str, str], terminal: Any) -> int:
    raise NotImplementedError
