"""The page behind our links, over real HTTP: what it shows, what its form does, and who may."""

import asyncio
import html
import re
from typing import Any

import jwt
import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Mount

from nango_graph.connections.finding import WAIT_TAG, wait_id_of
from nango_graph.identity import Requester
from nango_graph.web.connect_page import SESSIONS_A_MINUTE
from nango_graph.web.opening import LoginNeeded, LoginUnavailable

FORM = "application/x-www-form-urlencoded"


async def link_of(web, **who: Any) -> str:
    return (await web.ask(**who))["connect_link"]


async def sealed(web, link: str, **headers: str) -> str:
    """The hidden field of the page's form; the client keeps the cookie."""
    return re.search(r'name="form" value="(\w+)"', (await web.http.get(link, headers=headers)).text)[1]


async def press(web, link: str, decision: str, *, headers: dict[str, str] | None = None, **fields: str) -> Any:
    """Opens the page as a browser does, and presses a button."""
    form = {"form": await sealed(web, link, **(headers or {})), "decision": decision, **fields}
    return await web.http.post(
        link, data=form, headers={"Sec-Fetch-Site": "same-origin", "Origin": "null", **(headers or {})}
    )


def text_of(answer) -> str:
    shown = re.sub(r"<style.*?</style>|<[^>]+>", " ", answer.text, flags=re.DOTALL)
    return re.sub(r"\s+", " ", html.unescape(shown)).strip()


async def sessions(web) -> int:
    seen = await web.agent.sandbox.requests()
    return len([one for one in seen if one.path.startswith("/connect/sessions")])


async def test_the_link_goes_through_our_page_to_nango_and_back_into_the_chat(web) -> None:
    link = await link_of(web)
    wait = await web.wait()
    assert link.startswith(f"{web.url}/connect/")
    shown = text_of(await web.http.get(link))
    assert "Connect GitHub" in shown
    assert "Asked by ada" in shown
    assert "Go on only if you are ada" in shown
    gone_on = await press(web, link, "continue")
    assert gone_on.status_code == 303
    page_of_nango = gone_on.headers["location"]
    assert page_of_nango.startswith(f"{web.agent.sandbox.base_url}/connect?session_token=")
    token = page_of_nango.rpartition("=")[2]
    await web.http.post(
        f"{web.agent.sandbox.base_url}/connect",
        data={"session_token": token, "integration": "github", "decision": "authorize"},
    )
    assert (await web.answered())[1]["woken"] == 1
    await web.settled()
    state = await web.agent.graph.aget_state({"configurable": {"thread_id": "t"}})
    assert state.interrupts[0].value["action_requests"][0]["name"] == "confirm_account", "nobody has logged in here"
    assert await web.agent.ledger() == []
    after = await web.http.get(link)
    assert (after.status_code, "Already connected" in after.text) == (200, True)
    (connection,) = [one async for one in web.agent.services.nango.connections.list(tags=wait.requester.tags)]
    assert connection.tags == {**wait.requester.tags, WAIT_TAG: connection.tags[WAIT_TAG]}
    assert wait_id_of(connection.tags) == wait.id


async def test_where_people_log_in_their_account_needs_no_confirming(start_web) -> None:
    async def opener(request):
        return Requester(request.headers["x-user"], "acme")

    async with start_web(opener=opener) as web:
        link = await link_of(web, organization_id="acme")
        shown = text_of(await web.http.get(link, headers={"X-User": "ada"}))
        assert "Organization acme" in shown
        assert "Go on only if" not in shown
        gone_on = await press(web, link, "continue", headers={"X-User": "ada"})
        token = gone_on.headers["location"].rpartition("=")[2]
        await web.http.post(
            f"{web.agent.sandbox.base_url}/connect",
            data={"session_token": token, "integration": "github", "decision": "authorize"},
        )
        await web.answered()
        await web.settled()
        assert await web.says() == "Done."


async def test_looking_at_the_page_has_no_effect_at_all(web) -> None:
    link = await link_of(web)
    wait, requests = await web.wait(), len(await web.agent.sandbox.requests())
    for method in ("GET", "HEAD", "GET"):
        answer = await web.http.request(method, link, headers={"User-Agent": "Slackbot-LinkExpanding 1.0"})
        assert answer.status_code == 200
    assert await web.wait() == wait
    assert len(await web.agent.sandbox.requests()) == requests, "Nango is not asked either"


async def test_a_link_works_weeks_later_and_with_a_fresh_session_each_time(web, sandbox) -> None:
    link = await link_of(web)
    first = await press(web, link, "continue")
    web.agent.clock.time += 29 * 86400
    sandbox.clock.advance(29 * 86400)
    second = await press(web, link, "continue")
    assert second.status_code == 303
    assert second.headers["location"] != first.headers["location"]
    assert "Connect an account" in (await web.http.get(second.headers["location"])).text


async def test_declining_ends_the_wait_and_the_thread_goes_on_without(web) -> None:
    link = await link_of(web)
    wait = await web.wait()
    web.agent.model.script = [{"kind": "answer", "text": "Then I can't."}]
    answer = await press(web, link, "decline")
    assert answer.status_code == 200
    assert "goes on without GitHub" in text_of(answer)
    await web.settled()
    assert await web.state_of(wait) == "cancelled"
    assert await web.says() == "Then I can't."
    for again in (await web.http.get(link), await web.http.post(link, data={"decision": "continue"})):
        assert (again.status_code, "Not connected" in again.text) == (410, True)
    assert await sessions(web) == 0


async def test_an_account_that_broke_is_named_and_authorized_again_with_its_tags(web, sandbox) -> None:
    tags = {"end_user_id": "ada", "end_user_email": "ada@example.com", "project": "widgets"}
    connection_id = await sandbox.connect("github", tags)
    await web.breaks(connection_id)
    link = await link_of(web)
    shown = text_of(await web.http.get(link))
    assert "Authorize GitHub again" in shown
    assert "Account GitHub (ada@example.com, project widgets, since " in shown
    token = (await press(web, link, "continue")).headers["location"].rpartition("=")[2]
    await web.http.post(
        f"{sandbox.base_url}/connect",
        data={"session_token": token, "integration": "github", "decision": "authorize"},
    )
    found = [one async for one in web.agent.services.nango.connections.list(tags={"end_user_id": "ada"})]
    assert [one.connection_id for one in found] == [connection_id]
    assert found[0].tags == {**tags, "nango_agent_wait": found[0].tags["nango_agent_wait"]}


async def test_an_account_to_mend_that_was_deleted_meanwhile_is_connected_anew(web, sandbox) -> None:
    connection_id = await sandbox.connect("github", {"end_user_id": "ada"})
    await web.breaks(connection_id)
    link = await link_of(web)
    await web.agent.services.nango.connections.delete(connection_id, "github")
    assert "Account" not in text_of(await web.http.get(link))
    token = (await press(web, link, "continue")).headers["location"].rpartition("=")[2]
    await web.http.post(
        f"{sandbox.base_url}/connect",
        data={"session_token": token, "integration": "github", "decision": "authorize"},
    )
    (found,) = [one async for one in web.agent.services.nango.connections.list(tags={"end_user_id": "ada"})]
    assert found.connection_id != connection_id


async def test_a_connection_that_came_unnoticed_is_seen_before_another_one_is_made(web, sandbox) -> None:
    link = await link_of(web)
    sandbox.set_webhook_url(None)
    await sandbox.connect("github", {"end_user_id": "ada"})
    answer = await press(web, link, "continue")
    assert (answer.status_code, "Already connected" in answer.text) == (200, True)
    assert await sessions(web) == 0
    await web.settled()
    assert await web.says() == "Done."


async def test_a_wait_past_its_deadline_is_410_whether_or_not_a_sweep_has_been_there(web) -> None:
    link = await link_of(web)
    wait = await web.wait()
    form = {"form": await sealed(web, link), "decision": "continue"}
    web.agent.clock.time += 31 * 86400
    for answer in (await web.http.get(link), await web.http.post(link, data=form)):
        assert (answer.status_code, "has expired" in answer.text) == (410, True)
    await web.agent.services.records.waits.change(wait.id, "expired", only_from=("open",), now=1.0)
    assert (await web.http.get(link)).status_code == 410
    assert await sessions(web) == 0


async def test_a_token_that_is_not_ours_and_a_wait_that_is_gone_look_the_same(web) -> None:
    link = await link_of(web)
    folder, _, token = link.rpartition("/")
    settings = web.agent.services.settings
    claims = jwt.decode(token, options={"verify_signature": False})
    key = settings.link_key
    forged = [
        "x",
        token[:-4],
        token[:-1] + ("A" if token[-1] != "A" else "B"),
        jwt.encode(claims, b"another key of thirty-two bytes!", "HS256"),
        jwt.encode(claims, None, "none"),
        jwt.encode({**claims, "aud": "something else"}, key, "HS256"),
        jwt.encode({**claims, "sub": "no such wait"}, key, "HS256"),
        "e30.e30.e30",
        "%00",
        "A" * 10_000,
    ]
    answers = [await web.http.get(f"{folder}/{one}") for one in forged]
    answers += [await web.http.post(f"{folder}/{one}", data={"decision": "continue"}) for one in forged]
    assert {answer.status_code for answer in answers} == {404}
    assert len({text_of(answer) for answer in answers}) == 1
    assert (await web.http.get(link)).status_code == 200


@pytest.mark.parametrize("who", ["bea of acme", "ada of other", "ada of nowhere", "nobody", "told why"])
async def test_only_the_requester_may_see_the_page_or_press_its_buttons(start_web, who) -> None:
    people = {
        "ada of acme": Requester("ada", "acme"),
        "bea of acme": Requester("bea", "acme"),
        "ada of other": Requester("ada", "other"),
        "ada of nowhere": Requester("ada"),
        "nobody": None,
        "told why": LoginNeeded("Your login has <expired>.", "https://login.example/start?a=1&b=2"),
    }

    async def opener(request):
        return people[request.headers["x-who"]]

    async with start_web(opener=opener) as web:
        link = await link_of(web, organization_id="acme")
        wait = await web.wait()
        form = {"form": await sealed(web, link, **{"x-who": "ada of acme"}), "decision": "decline"}
        for answer in (
            await web.http.get(link, headers={"x-who": who}),
            await web.http.post(link, data=form, headers={"x-who": who}),
        ):
            told = text_of(answer)
            assert answer.status_code == (401 if people[who] is None or who == "told why" else 403)
            for secret in ("acme", "GitHub", "github", *(["ada"] if who == "bea of acme" else [])):
                assert secret not in told
        if who == "told why":
            assert "Your login has <expired>." in told
            assert 'href="https://login.example/start?a=1&amp;b=2"' in answer.text
            assert answer.headers["www-authenticate"] == "Bearer"
        assert await web.state_of(wait) == "open"
        assert await sessions(web) == 0


async def test_who_opens_a_page_that_cannot_be_told_now_is_asked_to_try_again(start_web) -> None:
    async def opener(_request):
        raise LoginUnavailable

    async with start_web(opener=opener) as web:
        assert (await web.http.get(await link_of(web))).status_code == 503


async def test_a_form_that_our_page_did_not_show_to_this_browser_does_nothing(web) -> None:
    link = await link_of(web)
    other = (await web.ask(thread="other"))["connect_link"]
    wait = await web.wait("t")
    good, of_other = await sealed(web, link), await sealed(web, other)
    cookie = dict(web.http.cookies)
    web.http.cookies.clear()

    async def post(*, cookies: Any, headers: dict[str, str] | None = None, **fields: str) -> int:
        kept = "; ".join(f"{name}={value}" for name, value in cookies.items())
        sent = {**({"Cookie": kept} if kept else {}), **(headers or {})}
        return (await web.http.post(link, data={"decision": "continue", **fields}, headers=sent)).status_code

    foreign = "https://evil.example"
    assert await post(cookies=cookie) == 403
    assert await post(cookies={}, form=good) == 403
    assert await post(cookies={"nango_agent_form": "A" * 43}, form=good) == 403
    assert await post(cookies=cookie, form=of_other) == 403
    assert await post(cookies=cookie, form="") == 403
    assert await post(cookies=cookie, form=good, headers={"Sec-Fetch-Site": "cross-site"}) == 403
    assert await post(cookies=cookie, form=good, headers={"Sec-Fetch-Site": "same-site"}) == 403
    assert await post(cookies=cookie, form=good, headers={"Sec-Fetch-Site": "cross-site", "Origin": "null"}) == 403
    assert await post(cookies=cookie, form=good, headers={"Origin": foreign}) == 403
    assert await web.state_of(wait) == "open"
    assert await sessions(web) == 0
    assert await post(cookies=cookie, form=good, headers={"Origin": web.url}) == 303, "an older browser of ours"


async def test_two_tabs_do_not_spoil_each_others_forms(web) -> None:
    link = await link_of(web)
    first = await sealed(web, link)
    await sealed(web, link)
    assert (await web.http.post(link, data={"form": first, "decision": "continue"})).status_code == 303


@pytest.mark.parametrize(
    ("content", "content_type", "status"),
    [
        (b"decision=continue&form=FORM", "text/plain", 415),
        (b'{"decision": "continue", "form": "FORM"}', "application/json", 415),
        (b"decision=continue&form=FORM&x=" + b"x" * 5000, FORM, 413),
        (b"&".join([b"a=b"] * 50), FORM, 400),
        (b"\xff", FORM, 400),
        (b"form=FORM", FORM, 400),
        (b"decision=nonsense&form=FORM", FORM, 400),
        (b"", FORM, 403),
    ],
)
async def test_what_is_no_form_of_ours_is_refused_in_words(web, content, content_type, status) -> None:
    link = await link_of(web)
    body = content.replace(b"FORM", (await sealed(web, link)).encode())
    answer = await web.http.post(link, content=body, headers={"Content-Type": content_type})
    assert answer.status_code == status
    assert "Nothing was done." in text_of(answer)
    assert (await web.wait()).state == "open"


async def test_one_link_makes_no_more_than_a_few_sessions_a_minute(web) -> None:
    link = await link_of(web)
    statuses = [(await press(web, link, "continue")).status_code for _ in range(SESSIONS_A_MINUTE + 2)]
    assert statuses == [303] * SESSIONS_A_MINUTE + [429, 429]
    other = (await web.ask(thread="other"))["connect_link"]
    assert (await press(web, other, "continue")).status_code == 303, "each wait has its own"
    web.agent.clock.time += 61
    assert (await press(web, link, "continue")).status_code == 303


async def test_an_outage_of_nango_leaves_the_wait_as_it_is(start_web, proxy) -> None:
    async with start_web(nango={"base_url": proxy.url}) as web:
        link = await link_of(web)
        wait, passing_on = await web.wait(), proxy.handle

        async def down(request, forward):
            return JSONResponse({}, 503)

        proxy.handle = down
        assert (await web.http.get(link)).status_code == 200, "the page itself needs no Nango"
        answer = await press(web, link, "continue")
        assert (answer.status_code, "retry-after" in answer.headers) == (503, True)
        assert await web.wait() == wait, "nor does anything say that an unknown person went on"
        proxy.handle = passing_on
        assert (await press(web, link, "continue")).status_code == 303


async def test_what_whoever_runs_it_must_mend_is_said_to_them_only(start_web, sandbox, caplog) -> None:
    key = await sandbox.create_api_key(
        "no sessions", ("environment:connections:list", "environment:integrations:list", "environment:mcp")
    )
    async with start_web(nango={"api_key": key}) as web:
        link = await link_of(web)
        answer = await press(web, link, "continue")
        assert answer.status_code == 502
        assert "whoever runs the assistant" in text_of(answer)
        assert "github" in caplog.text
        assert key.get_secret_value() not in caplog.text + answer.text


async def test_a_connect_link_that_is_no_https_address_is_not_followed_where_nango_is_https(web, monkeypatch) -> None:
    """Chrome would not follow it after a form, and a plain link is no place for credentials."""
    monkeypatch.setattr("nango_graph.web.connect_page._schemes", lambda _services: ("https",))
    link = await link_of(web)
    wait = await web.wait()
    assert (await press(web, link, "continue")).status_code == 502
    assert await web.wait() == wait


async def test_every_answer_keeps_the_address_to_itself(web) -> None:
    link = await link_of(web)
    answers = [
        await web.http.get(link),
        await web.http.head(link),
        await web.http.post(link, data={"decision": "continue"}),
        await web.http.get(f"{web.url}/connect/forged"),
        await press(web, link, "continue"),
        await press(web, link, "decline"),
        await web.http.get(link),
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 403, 404, 303, 200, 410]
    await web.settled()
    for answer in answers:
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert "noindex" in answer.headers["x-robots-tag"]
        assert answer.headers["cross-origin-opener-policy"] == "same-origin"
        if answer.status_code != 303:
            policy = answer.headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "frame-ancestors 'none'" in policy
            assert "script-src" not in policy
            assert "unsafe" not in policy
            nonce = re.search(r"nonce-([^']+)", policy)[1]
            assert answer.text == "" or f'nonce="{nonce}"' in answer.text
    assert "<script" not in "".join(answer.text for answer in answers)


async def test_the_cookie_is_for_this_page_alone_and_on_https_for_https_alone(start_web) -> None:
    async with start_web() as web:
        cookie = (await web.http.get(await link_of(web))).headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=lax" in cookie
        assert "Path" not in cookie, "browsers take the page's own folder then, whatever a proxy cuts off"
        assert "Secure" not in cookie
    async with start_web(settings={"public_url": "https://agent.example/under"}) as web:
        link = await link_of(web, thread="other")
        assert link.startswith("https://agent.example/under/connect/")
        here = f"{web.url}/connect/{link.rpartition('/')[2]}"
        assert "Secure" in (await web.http.get(here)).headers["set-cookie"]


async def test_text_from_outside_is_shown_and_never_obeyed(web) -> None:
    user = "<b>ada</b> \u202egnp.exe \x7f{{7*7}}"
    link = await link_of(web, user=user)
    shown = await web.http.get(link)
    assert "<b>" not in shown.text
    assert "\u202e" not in shown.text
    assert "\x7f" not in shown.text
    assert "<b>ada</b> \\u202egnp.exe \\u007f{{7*7}}" in text_of(shown)


async def test_a_host_mounts_the_routes_where_it_likes(start_web) -> None:
    def mounted(app):
        return Starlette(routes=[Mount("/agent", app)])

    async with start_web(wrapped=mounted, deliveries=False) as web:
        token = (await link_of(web)).rpartition("/")[2]
        assert (await press(web, f"{web.url}/agent/connect/{token}", "continue")).status_code == 303
        answer = await web.http.post(f"{web.url}/agent/webhooks/nango", content=b"{}")
        assert answer.status_code == 401


async def test_a_button_that_is_pressed_five_times_at_once_counts_once(web) -> None:
    link = await link_of(web)
    form = {"form": await sealed(web, link)}
    web.agent.model.script = [{"kind": "answer", "text": "Then I can't."}]
    answers = await asyncio.gather(
        *(web.http.post(link, data={**form, "decision": "decline"}) for _ in range(5)),
    )
    assert sorted(answer.status_code for answer in answers) == [200, 410, 410, 410, 410]
    await web.settled()
    assert await web.says() == "Then I can't."


async def test_an_account_that_is_deleted_while_its_session_is_made_is_connected_anew(
    start_web, sandbox, proxy
) -> None:
    connection_id = await sandbox.connect("github", {"end_user_id": "ada"})
    async with start_web(nango={"base_url": proxy.url}) as web:
        await web.breaks(connection_id)
        link = await link_of(web)

        async def deleting(request, forward):
            if request.url.path == "/connect/sessions/reconnect":
                proxy.handle = passing_on
                await web.agent.services.nango.connections.delete(connection_id, "github")
            return await forward()

        passing_on, proxy.handle = proxy.handle, deleting
        answer = await press(web, link, "continue")
        assert answer.status_code == 303
        assert "Connect an account" in (await web.http.get(answer.headers["location"])).text


async def test_nobody_is_sent_to_nango_for_a_wait_that_ended_while_the_session_was_made(start_web, proxy) -> None:
    """It could no longer be noted that an unknown person went there."""
    async with start_web(nango={"base_url": proxy.url}) as web:
        link = await link_of(web)
        wait = await web.wait()

        async def ending(request, forward):
            if request.url.path == "/connect/sessions":
                await web.agent.services.records.waits.change(wait.id, "consumed", only_from=("open",), now=1.0)
            return await forward()

        proxy.handle = ending
        answer = await press(web, link, "continue")
        assert (answer.status_code, "Already connected" in answer.text) == (200, True)
