"""A database that is away for a moment when the answer to a write has come: only this process knows how it ended."""

from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

OCTO = {"owner": "octo", "repo": "widgets"}
CREATE = {"id": "s1", "tool": "github/create-issue", "arguments": {**OCTO, "title": "Crash on undo"}}
APPROVE: dict[str, Any] = {"type": "approve"}


async def test_how_a_write_ended_is_saved_once_the_database_is_back(
    start: Any, sandbox: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await sandbox.connect("github", {"end_user_id": "ada"})
    async with start() as agent:
        claims, failed = agent.services.records.claims, list[str]()
        finish = claims.finish

        async def away(*args: Any, **kwargs: Any) -> None:
            if len(failed) < 2:
                failed.append("away")
                raise OperationalError("UPDATE", {}, Exception("the database is away"))
            await finish(*args, **kwargs)

        monkeypatch.setattr(claims, "finish", away)
        agent.model.integrations, agent.model.script = ["github"], [{"kind": "plan", "steps": [CREATE]}]
        await agent.say("create it")
        seen = await agent.decide(APPROVE)
        assert len(failed) == 2
        assert seen.answer == "Done."
        assert seen.values["steps"] == {"s1": "succeeded"}
        assert len(await agent.written()) == 1
