import inspect
import re
import subprocess
import sys
import typing
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel, SecretStr

import nango_tools
from nango_tools import NangoClient, NangoSettings


def test_all_names_exist_are_sorted_and_hide_nothing_public() -> None:
    assert list(nango_tools.__all__) == sorted(set(nango_tools.__all__))
    imported = {name for name, value in vars(nango_tools).items() if isinstance(value, type)}
    assert imported <= set(nango_tools.__all__)
    for name in nango_tools.__all__:
        assert getattr(nango_tools, name) is not None


def test_importing_reads_no_environment_and_no_other_package_of_ours() -> None:
    code = """
import os, sys
class Refusing(dict):
    def __getitem__(self, key):
        assert "NANGO" not in key
        return super().__getitem__(key)
os.environ = Refusing(os.environ)
import nango_tools
assert not [name for name in sys.modules if name.startswith(("nango_graph", "nango_sandbox"))]
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def _methods() -> Iterator[tuple[str, Any]]:
    client = NangoClient(NangoSettings(api_key=SecretStr("key")))
    offered = [value for name, value in vars(client).items() if not name.startswith("_") and name != "settings"]
    for resource in (*offered, client.end_user({"end_user_id": "a"})):
        for name, method in inspect.getmembers(resource, inspect.isroutine):
            if not name.startswith("_"):
                yield f"{type(resource).__name__}.{name}", method


METHODS = dict(_methods())


@pytest.mark.parametrize("name", METHODS)
def test_a_method_says_which_endpoint_it_calls(name: str) -> None:
    said = inspect.getdoc(METHODS[name]) or ""
    assert re.search(r"(GET|POST|PUT|PATCH|DELETE|method}) /|tools/(list|call)|initialize", said), said


@pytest.mark.parametrize("name", METHODS)
def test_what_a_method_takes_and_gives_can_be_named(name: str) -> None:
    pending = list(typing.get_type_hints(METHODS[name]).values())
    ours: set[type] = set()
    while pending:
        hint = pending.pop()
        pending += typing.get_args(hint)
        if isinstance(hint, type) and hint.__module__.startswith("nango_tools") and hint not in ours:
            ours.add(hint)
            if issubclass(hint, BaseModel):
                pending += [field.annotation for field in hint.model_fields.values()]
    hidden = {kind.__name__ for kind in ours} - set(nango_tools.__all__) - {"Options"}
    assert not hidden
