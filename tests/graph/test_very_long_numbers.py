"""Numbers that JSON can hold and a checkpoint can't: they come from providers, and must not break a thread."""

from typing import Any

import pytest
from starlette.responses import JSONResponse

OCTO = {"owner": "octo", "repo": "widgets"}
LIST = {"id": "s1", "tool": "github/list-issues", "arguments": OCTO}


@pytest.mark.parametrize("tool", ["github/get-issue", "github/add-issue-comment"])
async def test_one_that_is_bound_into_arguments_fails_the_step_in_words(
    start: Any, sandbox: Any, proxy: Any, tool: str
) -> None:
    async def handle(request: Any, forward: Any) -> Any:
        if b"list-issues" in await request.body():
            return JSONResponse({"issues": [{"number": 2**70}]})
        return await forward()

    await sandbox.connect("github", {"end_user_id": "ada"})
    proxy.handle = handle
    async with start(nango={"base_url": proxy.url}) as agent:
        arguments = {**OCTO, "issue_number": "${s1.issues[0].number}"}
        if tool == "github/add-issue-comment":
            arguments["body"] = "ping"
        following = {"id": "s2", "tool": tool, "arguments": arguments}
        agent.model.integrations = ["github"]
        agent.model.script = [
            {"kind": "plan", "steps": [LIST, following]},
            {"kind": "answer", "text": "It can't be done."},
        ]
        assert (await agent.say("look")).answer == "It can't be done."
        assert "64 bits" in agent.model.prompts[-1]
        agent.model.script = [{"kind": "answer", "text": "Hello."}]
        assert (await agent.say("hello")).answer == "Hello.", "the thread goes on"
