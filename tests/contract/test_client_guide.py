"""The examples of the client's guide, run as they stand there."""

import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from nango_sandbox import Sandbox
from nango_sandbox.faults import Dropped
from nango_tools import NangoClient

GUIDE = Path(__file__).parent.parent.parent / "docs" / "how-to" / "call-nango.md"


@pytest.fixture
async def examples(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The guide's modules, with the environment pointing at a sandbox, and that sandbox."""
    async with Sandbox() as sandbox:
        monkeypatch.setenv("NANGO_API_KEY", sandbox.api_key.get_secret_value())
        monkeypatch.setenv("NANGO_BASE_URL", sandbox.base_url)
        blocks = re.findall(r"^```python\n# (\w+)\.py\n(.*?)^```$", GUIDE.read_text(), re.MULTILINE | re.DOTALL)
        assert len(blocks) == GUIDE.read_text().count("```python")
        modules = {}
        for name, code in blocks:
            module = ModuleType(name)
            exec(compile(code, f"{GUIDE.name}:{name}", "exec"), module.__dict__)  # what a reader would do
            monkeypatch.setitem(sys.modules, name, module)
            modules[name] = module
        yield sandbox, modules


async def test_something_is_done_for_a_user_who_is_connected(examples: Any, capsys: Any) -> None:
    sandbox, modules = examples
    await sandbox.connect("github", {"end_user_id": "alice"})
    await modules["for_a_user"].rename("It squeaks")
    assert "It squeaks" in capsys.readouterr().out
    (ran,) = await sandbox.ledger()
    assert (ran.action, ran.end_user_id) == ("update-issue", "alice")


async def test_an_outcome_is_worded(examples: Any) -> None:
    sandbox, modules = examples
    async with NangoClient(modules["settings"].settings) as nango:
        assert (await modules["outcomes"].post(nango, "hi")).startswith("not posted: ")
        await sandbox.connect("slack", {"end_user_id": "alice"})
        assert await modules["outcomes"].post(nango, "hi") == "posted"
        with sandbox.faults.add(Dropped(when="after", action="post-message")):
            assert (await modules["outcomes"].post(nango, "hi")).startswith("look before you repeat it: ")


async def test_connections_and_records_are_listed(examples: Any) -> None:
    sandbox, modules = examples
    connection = await sandbox.connect("github", {"end_user_id": "alice"})
    async with NangoClient(modules["settings"].settings) as nango:
        await nango.syncs.trigger("github", ["issues"], connection_id=connection)
        while not (found := await modules["more"].look_around(nango))[1:]:
            pass
    assert found[0] == "github: works"
