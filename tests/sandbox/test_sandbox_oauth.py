"""The OAuth dance: Nango, the provider's page, and back."""

import re
from collections.abc import AsyncIterator
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from nango_sandbox import Sandbox


@pytest.fixture
async def browser(sandbox: Sandbox) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=sandbox.base_url, trust_env=False, headers={"Accept": "text/html"}) as client:
        yield client


async def new_session(http: httpx.AsyncClient, path: str = "/connect/sessions", **body: Any) -> str:
    answer = await http.post(path, json=body)
    assert answer.status_code == 201, answer.text
    token: str = answer.json()["data"]["token"]
    return token


async def begin(browser: httpx.AsyncClient, session: str, integration: str = "github", **more: str) -> str:
    """The provider's authorize page."""
    answer = await browser.get(f"/oauth/connect/{integration}", params={"connect_session_token": session, **more})
    assert answer.status_code == 302, answer.text
    return answer.headers["location"]


def fields(page: str) -> dict[str, str]:
    return {name: unescape(value) for name, value in re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page)}


async def decide(browser: httpx.AsyncClient, authorize_url: str, decision: str = "authorize", **change: str) -> str:
    """Press a button of the provider's page. Returns where it sends the browser."""
    page = await browser.get(authorize_url)
    assert page.status_code == 200, page.text
    action = re.search(r'<form method="post" action="([^"]*)"', page.text)
    assert action is not None
    answer = await browser.post(unescape(action[1]), data={**fields(page.text), "decision": decision, **change})
    assert answer.status_code == 302, answer.text
    return answer.headers["location"]


async def connections(http: httpx.AsyncClient) -> list[Any]:
    listed: list[Any] = (await http.get("/connections")).json()["connections"]
    return listed


async def test_the_dance_makes_a_connection_with_the_session_s_tags(
    sandbox: Sandbox, http: httpx.AsyncClient, browser: httpx.AsyncClient
) -> None:
    session = await new_session(http, tags={"end_user_id": "alice"}, allowed_integrations=["github"])
    location = await begin(browser, session)
    asked = {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}
    assert asked["redirect_uri"] == f"{sandbox.base_url}/oauth/callback"
    assert (asked["response_type"], asked["code_challenge_method"], asked["scope"]) == ("code", "S256", "repo")
    page = (await browser.get(location)).text
    assert "Authorize at GitHub" in page
    assert "<code>repo</code>" in page

    callback = await decide(browser, location)
    assert urlsplit(callback).path == "/oauth/callback"
    done = await browser.get(callback)
    assert (done.status_code, "GitHub is connected" in done.text) == (200, True)
    (made,) = await connections(http)
    assert made["tags"] == {"end_user_id": "alice"}
    got = (await http.get(f"/connections/{made['connection_id']}?provider_config_key=github")).json()
    assert got["credentials"]["raw"]["scope"] == "repo"


async def test_a_callback_works_once(http: httpx.AsyncClient, browser: httpx.AsyncClient) -> None:
    location = await begin(browser, await new_session(http, tags={}))
    callback = await decide(browser, location)
    assert (await browser.get(callback)).status_code == 200
    again = await browser.get(callback)
    assert (again.status_code, "invalid_state" in again.text) == (400, True)
    assert len(await connections(http)) == 1


async def test_denying_at_the_provider_connects_nothing(http: httpx.AsyncClient, browser: httpx.AsyncClient) -> None:
    callback = await decide(browser, await begin(browser, await new_session(http, tags={})), "deny")
    assert parse_qs(urlsplit(callback).query)["error"] == ["access_denied"]
    done = await browser.get(callback)
    assert "You denied GitHub" in done.text
    assert await connections(http) == []


async def test_a_code_of_another_dance_is_refused(http: httpx.AsyncClient, browser: httpx.AsyncClient) -> None:
    session = await new_session(http, tags={})
    mine = await decide(browser, await begin(browser, session))
    theirs = await decide(browser, await begin(browser, session))
    code = parse_qs(urlsplit(theirs).query)["code"][0]
    state = parse_qs(urlsplit(mine).query)["state"][0]
    mixed = await browser.get("/oauth/callback", params={"code": code, "state": state})
    assert (mixed.status_code, "invalid_grant" in mixed.text) == (400, True)
    assert await connections(http) == []


async def test_a_code_dies_after_ten_minutes_and_a_dance_with_its_session(
    sandbox: Sandbox, http: httpx.AsyncClient, browser: httpx.AsyncClient
) -> None:
    slow = await decide(browser, await begin(browser, await new_session(http, tags={})))
    sandbox.clock.advance(10 * 60 + 1)
    assert "invalid_grant" in (await browser.get(slow)).text
    late = await begin(browser, await new_session(http, tags={}))
    sandbox.clock.advance(30 * 60 + 1)
    answer = await browser.get(await decide(browser, late))
    assert (answer.status_code, "does not work any more" in answer.text) == (401, True)
    assert await connections(http) == []


async def test_a_reconnect_session_renews_its_connection(
    sandbox: Sandbox, http: httpx.AsyncClient, browser: httpx.AsyncClient
) -> None:
    alice = await sandbox.connect("github", {"end_user_id": "alice"})
    await sandbox.revoke(alice, "github")
    names = {"connection_id": alice, "integration_id": "github", "tags": {"end_user_id": "alice"}}
    session = await new_session(http, "/connect/sessions/reconnect", **names)
    done = await browser.get(await decide(browser, await begin(browser, session)))
    assert "is renewed" in done.text
    (renewed,) = await connections(http)
    assert (renewed["connection_id"], renewed["tags"]) == (alice, {"end_user_id": "alice"})


async def test_a_connection_deleted_during_its_renewal_is_not_made_again(
    sandbox: Sandbox, http: httpx.AsyncClient, browser: httpx.AsyncClient
) -> None:
    alice = await sandbox.connect("github", {"end_user_id": "alice"})
    session = await new_session(
        http, "/connect/sessions/reconnect", connection_id=alice, integration_id="github", tags={}
    )
    callback = await decide(browser, await begin(browser, session))
    await http.delete(f"/connections/{alice}?provider_config_key=github")
    assert (await browser.get(callback)).status_code == 400
    assert await connections(http) == []


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"redirect_uri": "https://evil.example/"}, "invalid_redirect_uri"),
        ({"client_id": "somebody"}, "invalid_client"),
        ({"code_challenge": ""}, "invalid_request"),
        ({"response_type": "token"}, "invalid_request"),
    ],
)
async def test_the_provider_sends_nobody_to_strangers(
    http: httpx.AsyncClient, browser: httpx.AsyncClient, change: dict[str, str], code: str
) -> None:
    location = await begin(browser, await new_session(http, tags={}))
    asked = {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()} | change
    path = urlsplit(location).path
    for answer in (await browser.get(path, params=asked), await browser.post(path, data={**asked, "decision": "deny"})):
        assert (answer.status_code, code in answer.text) == (400, True)
        assert "location" not in answer.headers


async def test_only_what_the_session_allows_can_be_begun(http: httpx.AsyncClient, browser: httpx.AsyncClient) -> None:
    session = await new_session(http, tags={}, allowed_integrations=["slack", "private-api-bearer"])
    cases = [
        ("github", {}, 400, "integration_not_allowed"),
        ("nope", {}, 404, "not_found"),
        ("private-api-bearer", {}, 400, "invalid_auth_mode"),
        ("slack", {"connection_id": "mine"}, 400, "invalid_query_params"),
        ("slack", {"surprise": "1"}, 400, "invalid_query_params"),
    ]
    for integration, more, status, code in cases:
        query = {"connect_session_token": session, **more}
        told = await http.get(f"/oauth/connect/{integration}", params=query)
        assert (told.status_code, told.json()["error"]["code"]) == (status, code)
        shown = await browser.get(f"/oauth/connect/{integration}", params=query)
        assert (shown.status_code, shown.headers["content-type"]) == (status, "text/html; charset=utf-8")


async def test_the_backend_s_defaults_reach_the_provider_and_the_connection(
    http: httpx.AsyncClient, browser: httpx.AsyncClient
) -> None:
    defaults = {
        "user_scopes": "gist,user",
        "authorization_params": {"prompt": "consent", "state": "mine"},
        "connection_config": {"host": "a"},
    }
    session = await new_session(http, tags={}, integrations_config_defaults={"github": defaults})
    location = await begin(browser, session, **{"params[host]": "b", "params[region]": "eu"})
    asked = parse_qs(urlsplit(location).query)
    assert (asked["scope"], asked["prompt"]) == (["repo gist user"], ["consent"])
    assert len(asked["state"]) == 1
    assert asked["state"] != ["mine"]
    await browser.get(await decide(browser, location))
    (made,) = await connections(http)
    got = (await http.get(f"/connections/{made['connection_id']}?provider_config_key=github")).json()
    assert got["connection_config"] == {"host": "a", "region": "eu"}


async def test_what_the_query_says_is_shown_as_text(http: httpx.AsyncClient, browser: httpx.AsyncClient) -> None:
    location = await begin(browser, await new_session(http, tags={}), user_scope='"><script>alert(1)</script>')
    page = await browser.get(location)
    assert "<script" not in page.text
    assert "form-action 'self'" in page.headers["content-security-policy"]


ELSEWHERE = (
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site", "Origin": "http://localhost:5000"},
)


@pytest.mark.parametrize("headers", ELSEWHERE)
async def test_a_form_of_another_site_authorizes_nothing(
    http: httpx.AsyncClient, browser: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    session = await new_session(http, tags={}, allowed_integrations=["github"])
    location = await begin(browser, session)
    asked = {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}
    posts = (
        (urlsplit(location).path, {**asked, "decision": "authorize"}),
        ("/connect", {"session_token": session, "integration": "github", "decision": "authorize"}),
    )
    for path, data in posts:
        answer = await browser.post(path, data=data, headers=headers)
        assert (answer.status_code, "another site" in answer.text, "location" in answer.headers) == (403, True, False)
    assert await connections(http) == []
    own = {"Origin": str(browser.base_url).rstrip("/"), "Sec-Fetch-Site": "same-origin"}
    assert (await browser.post(posts[0][0], data=posts[0][1], headers=own)).status_code == 302
    assert (await browser.post(*posts[1][:1], data=posts[1][1], headers={"Origin": own["Origin"]})).status_code == 200


@pytest.mark.parametrize("path", ["/connect", "/sandbox/providers/github/authorize"])
async def test_a_form_that_cannot_be_read_is_a_bad_request(browser: httpx.AsyncClient, path: str) -> None:
    bad = {"content-type": "multipart/form-data; boundary=x"}
    for answer in (
        await browser.post(path, data={f"f{number}": "x" for number in range(30)}),
        await browser.post(path, files={"f": b"content"}),
        await browser.post(path, content=b"nonsense", headers=bad),
        await browser.post(path, content=b"x", headers={"content-type": "multipart/form-data"}),
    ):
        assert (answer.status_code, answer.headers["content-type"]) == (400, "text/html; charset=utf-8")
