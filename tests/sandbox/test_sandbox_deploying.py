"""Actions that are deployed while a sandbox runs."""

from dataclasses import replace

import pytest

from nango_sandbox import Sandbox
from nango_tools import NangoClient, NangoSettings


async def test_a_deployed_action_takes_the_place_of_the_one_of_its_name_or_comes_beside_the_others() -> None:
    async with Sandbox() as sandbox:
        before = sandbox.services.integrations["github"]
        action = before.action("list-issues")
        assert action is not None
        await sandbox.deploy(
            "github", replace(action, description="Changed.", version="2.0.0"), replace(action, name="new-one")
        )
        after = sandbox.services.integrations["github"]
        assert [one.name for one in after.actions] == [*(one.name for one in before.actions), "new-one"]
        connection = await sandbox.connect("github", {"end_user_id": "ada"})
        async with NangoClient(NangoSettings(api_key=sandbox.api_key, base_url=sandbox.base_url)) as nango:
            (github,) = [one for one in await nango.scripts.config() if one.integration_id == "github"]
            declared = {one.name: one for one in github.actions}
            assert (declared["list-issues"].description, declared["list-issues"].version) == ("Changed.", "2.0.0")
            listed = await nango.mcp.list_tools(connection_id=connection, integration_id="github")
            assert {tool.name: tool.description for tool in listed}["list-issues"] == "Changed."
        with pytest.raises(KeyError):
            await sandbox.deploy("nothing", action)
