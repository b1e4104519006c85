"""The fixtures for people who build on this: used from a project of their own, as its documentation shows them."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

GUIDE = Path(__file__).parent.parent.parent / "docs" / "how-to" / "test-with-the-sandbox.md"
MODES = ["strict", "auto"]


def run(project: Path, *arguments: str, mode: str = "strict") -> subprocess.CompletedProcess[str]:
    """Pytest in another process and folder, where none of this repository's configuration is found."""
    settings = (
        f"[pytest]\nasyncio_mode = {mode}\nasyncio_default_fixture_loop_scope = function\nfilterwarnings = error\n"
    )
    (project / "pytest.ini").write_text(settings)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=short", *arguments]
    return subprocess.run(command, cwd=project, capture_output=True, text=True, timeout=120, check=False)


def project(folder: Path, test: str) -> Path:
    (folder / "conftest.py").write_text('pytest_plugins = ["nango_sandbox.testing"]\n')
    (folder / "test_mine.py").write_text(test)
    return folder


@pytest.mark.parametrize("mode", MODES)
def test_the_examples_of_the_guide_pass(tmp_path: Path, mode: str) -> None:
    blocks = re.findall(r"^```python\n# (\w+\.py)[^\n]*\n(.*?)^```$", GUIDE.read_text(), re.MULTILINE | re.DOTALL)
    assert len(blocks) == GUIDE.read_text().count("```python")
    for name, code in blocks:
        assert not (tmp_path / name).exists(), "each example is a file of its own"
        (tmp_path / name).write_text(code)
    ran = run(tmp_path, mode=mode)
    count = sum(code.count("\nasync def test_") for _, code in blocks)
    assert re.search(rf"^{count} passed in ", ran.stdout, re.MULTILINE), ran.stdout + ran.stderr
    assert count > 5


@pytest.mark.parametrize("mode", MODES)
def test_a_fault_that_no_request_met_fails_the_test(tmp_path: Path, mode: str) -> None:
    test = """
import pytest
from nango_sandbox.faults import Status

@pytest.mark.asyncio
async def test_nothing(nango_sandbox_in_process):
    nango_sandbox_in_process.faults.add(Status(status=503, path="/never-called"))
"""
    ran = run(project(tmp_path, test), mode=mode)
    assert ran.returncode == 1
    assert "FaultNotMetError: No request or webhook met these faults" in ran.stdout
    assert "/never-called" in ran.stdout
    assert "1 passed, 1 error" in ran.stdout


def test_both_sandboxes_of_a_test_share_clock_and_faults_and_no_data(tmp_path: Path) -> None:
    test = """
import pytest

@pytest.mark.asyncio
async def test_all(nango_sandbox, nango_sandbox_in_process, nango_sandbox_clock, nango_sandbox_faults):
    both = (nango_sandbox, nango_sandbox_in_process)
    assert all(each.clock is nango_sandbox_clock and each.faults is nango_sandbox_faults for each in both)
    assert nango_sandbox.api_key != nango_sandbox_in_process.api_key
    await nango_sandbox.connect("github", {"end_user_id": "alice"}, "hers")

@pytest.mark.asyncio
async def test_fresh(nango_sandbox):
    assert await nango_sandbox.run(lambda services: services.connections.get("hers", "github")) is None
"""
    ran = run(project(tmp_path, test))
    assert "2 passed" in ran.stdout, ran.stdout


def test_pytest_is_not_needed_to_run_a_sandbox() -> None:
    program = """
import sys
sys.modules["pytest"] = sys.modules["pytest_asyncio"] = None
import nango_sandbox.cli, nango_sandbox.faults
nango_sandbox.InProcessSandbox, nango_sandbox.WebhookReceiver
try:
    import nango_sandbox.testing
except ImportError:
    print("needs pytest")
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert (ran.stdout, ran.stderr) == ("needs pytest\n", "")


def test_what_the_plugin_says_it_offers_is_what_it_offers(tmp_path: Path) -> None:
    import nango_sandbox.testing as plugin

    listed = run(project(tmp_path, ""), "--fixtures", "-q").stdout
    offered = set(re.findall(r"^(nango_\w+) ", listed, re.MULTILINE))
    documented = set(re.findall(r"^    (nango_\w+) ", plugin.__doc__ or "", re.MULTILINE))
    assert offered == documented
