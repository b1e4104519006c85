"""SIGKILL of `langgraph dev` around a wait: what waited is woken by the server that is started next."""

from killed_servers import CASES, killed_and_started_again
from langgraph_host import langgraph_host


async def test_a_killed_server_loses_no_wait(database_url, sandbox, tmp_path) -> None:
    async with langgraph_host(sandbox, tmp_path, database_url, login=True) as host:
        revived = await killed_and_started_again(host)
    assert [one for one in revived if not one.resumed_once] == []
    assert len(revived) == len(CASES)
