"""Embedded: whatever becomes of the webhook and however long it took, a wait ends, once."""

import pytest

from embedded_host import embedded_host
from wait_scenarios import FATES, TOLD, TOO_LONG, WAITED, wait_and_authorize
from webhook_post import post_between


@pytest.mark.parametrize("waited", WAITED)
async def test_every_wait_is_passed_once(waited, database_url, sandbox, tmp_path) -> None:
    async with embedded_host(sandbox, tmp_path, database_url) as host, post_between(sandbox, host.url) as post:
        passages = await wait_and_authorize(host, post, WAITED[waited])
    assert [passage for passage in passages if not passage.resumed_once] == []
    assert {passage.fate: passage.woken for passage in passages} == {fate: int(fate in TOLD) for fate in FATES}
    assert sum(passage.forged_accepted for passage in passages) == 0
    assert max(passage.until_swept for passage in passages) <= 15, "sought soon after somebody has opened the link"
    assert max(passage.seconds for passage in passages) < 10


async def test_a_deadline_that_came_is_an_answer_too(database_url, sandbox, tmp_path) -> None:
    async with embedded_host(sandbox, tmp_path, database_url) as host, post_between(sandbox, host.url) as post:
        passages = await wait_and_authorize(host, post, TOO_LONG)
    assert [passage for passage in passages if not passage.went_on_without] == []
    assert sum(passage.woken + passage.forged_accepted for passage in passages) == 0
