"""On `langgraph dev`: whatever becomes of the webhook and however long it took, a wait ends, once."""

from langgraph_host import langgraph_host, one_after_the_other
from wait_scenarios import DAY, FATES, TOLD, TOO_LONG, WAITED, wait_and_authorize
from webhook_post import post_between


async def test_every_wait_is_passed_once_where_people_log_in(database_url, sandbox, tmp_path) -> None:
    serving = langgraph_host(sandbox, tmp_path, database_url, login=True)
    async with serving as host, post_between(sandbox, host.url) as post:
        for seconds in WAITED.values():
            passages = await wait_and_authorize(host, post, seconds)
            assert [passage for passage in passages if not passage.resumed_once] == []
            assert {passage.fate: passage.woken for passage in passages} == {fate: int(fate in TOLD) for fate in FATES}
            assert sum(passage.forged_accepted for passage in passages) == 0
            assert max(passage.until_swept for passage in passages) <= 15, "sought soon after the link was opened"
            assert max(passage.seconds for passage in passages) < 10
            await host.afresh()
        passages = await wait_and_authorize(host, post, TOO_LONG)
    assert [passage for passage in passages if not passage.went_on_without] == []
    assert sum(passage.woken + passage.forged_accepted for passage in passages) == 0


async def test_every_wait_is_passed_once_where_nobody_logs_in(database_url, sandbox, tmp_path) -> None:
    serving = langgraph_host(sandbox, tmp_path, database_url, login=False)
    async with serving as host, post_between(sandbox, host.url) as post:
        passages = await one_after_the_other(host, post, DAY, ["delivered", "lost"])
    assert [passage for passage in passages if not passage.resumed_once] == []
