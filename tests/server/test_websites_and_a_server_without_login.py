"""What any website can make a browser send to `langgraph dev` on the same machine."""

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import pytest_asyncio

from opened_links import open_link

pytestmark = pytest.mark.asyncio(loop_scope="module")

SAID = {"messages": [{"type": "human", "content": "List the open issues in octo/widgets on GitHub"}]}
STUDIO, CHAT, EVIL = "https://smith.langchain.com", "http://localhost:3000", "https://evil.example"
PREFLIGHT = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type,x-auth-scheme"}
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def http(server: Any) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=server.url, timeout=30, trust_env=False) as http:
        yield http


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("OPTIONS", "/threads"),
        ("POST", "/threads"),
        ("POST", "/threads/search"),
        ("GET", "/assistants/search"),
        ("DELETE", "/threads/6b5c5a3e-6f9f-4d0e-8b0a-0a3d8b0f2a11"),
        ("POST", "/internal/truncate"),
        ("GET", "/ok"),
    ],
)
async def test_other_websites_get_nothing_and_change_nothing(method: str, path: str, http: httpx.AsyncClient) -> None:
    before = (await http.post("/threads/search", json={})).json()
    for headers, status in (
        ({"Origin": EVIL}, 403),
        ({"Origin": "null"}, 403),
        ({"Host": "rebound.evil.example"}, 421),
        ({"Host": "rebound.evil.example", "Origin": "http://rebound.evil.example"}, 421),
    ):
        # As a form sends it: no preflight asks whether it may.
        refused = await http.request(method, path, content="{}", headers={"Content-Type": "text/plain"} | headers)
        assert refused.status_code == status, (headers, refused.text)
        assert "access-control-allow-origin" not in refused.headers
        assert ("127.0.0.1" if status == 421 else "langgraph.json") in refused.json()["detail"]
    assert (await http.post("/threads/search", json={})).json() == before


async def test_a_website_opens_no_web_socket(http: httpx.AsyncClient) -> None:
    for headers, status in (({"Origin": EVIL}, 403), ({"Host": "rebound.evil.example"}, 421)):
        assert (await http.get("/threads/x/stream", headers=UPGRADE | headers)).status_code == status


@pytest.mark.parametrize("origin", [STUDIO, "https://eu.smith.langchain.com", CHAT])
async def test_studio_and_agent_chat_ui_may_use_it(origin: str, http: httpx.AsyncClient) -> None:
    asked = await http.options("/threads", headers={"Origin": origin, **PREFLIGHT})
    assert asked.status_code == 200
    assert asked.headers["access-control-allow-private-network"] == "true"
    made = await http.post("/threads", json={}, headers={"Origin": origin})
    for answered in (asked, made):
        assert answered.headers["access-control-allow-origin"] == origin
    assert made.status_code == 200
    run = {"assistant_id": "nango_agent", "input": SAID}
    ran = await http.post(f"/threads/{made.json()['thread_id']}/runs/wait", json=run, headers={"Origin": origin})
    assert ran.status_code == 200
    assert "content-location" in ran.headers["access-control-expose-headers"].lower()


async def test_the_same_machine_uses_it_by_any_of_its_names_and_our_pages_work(http: httpx.AsyncClient) -> None:
    port = urlsplit(str(http.base_url)).port
    for host in (f"127.0.0.1:{port}", f"localhost:{port}", f"[::1]:{port}"):
        answered = await http.post("/threads", json={}, headers={"Host": host, "Origin": f"http://{host}"})
        assert answered.status_code == 200
        assert "access-control-allow-origin" not in answered.headers
    thread = answered.json()["thread_id"]
    run = {"assistant_id": "nango_agent", "input": SAID}
    asked = (await http.post(f"/threads/{thread}/runs/wait", json=run)).json()
    link = asked["__interrupt__"][0]["value"]["action_requests"][0]["args"]["connect_link"]
    page = await http.get(link)
    assert page.status_code == 200
    stale = await http.post(link, data={"decision": "continue"}, headers={"Origin": "null"})
    assert (stale.status_code, "text/html" in stale.headers["content-type"]) == (403, True), "told by the page itself"
    assert (await http.get(link, headers={"Host": "rebound.evil.example"})).status_code == 421
    # Nango may run in a container, and know this machine by another name.
    sent = await http.post("/webhooks/nango", json={"type": "auth"}, headers={"Host": "host.docker.internal:2024"})
    assert sent.status_code == 401, "not signed"
    await open_link(link, {})


async def test_with_login_no_website_is_told_that_it_may_send_anything(server_with_login: Any) -> None:
    async with httpx.AsyncClient(base_url=server_with_login.url, trust_env=False) as http:
        asked = await http.options("/threads", headers={"Origin": EVIL, **PREFLIGHT})
        assert asked.status_code == 400
        for answered in (asked, await http.get("/ok", headers={"Origin": EVIL})):
            assert "access-control-allow-origin" not in answered.headers
