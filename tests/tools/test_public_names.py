import subprocess
import sys

import nango_tools


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
