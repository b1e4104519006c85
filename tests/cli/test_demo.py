"""The first thing that anybody runs."""

import re

import httpx

from nango_graph.cli.autopilot import authorize

REQUEST = "Post the titles of the open issues in octo/widgets to #general"


def link_in(text):
    return re.search(r"http://\S+session_token=\w+", text)[0]


async def writes_in_the_ledger(page):
    async with httpx.AsyncClient() as client:
        entries = (await client.get(f"{page}sandbox/api/ledger")).json()["entries"]
    return [(entry["action"], entry["input"]) for entry in entries if entry["access"] != "read"]


async def test_the_demo_runs_by_itself_and_finds_its_write_once_in_the_ledger(start):
    demo = await start("demo", "--auto")
    assert await demo.finish() == 0, demo.output
    assert "slack/post-message done" in demo.output
    assert "Each approved write happened exactly once." in demo.output


async def test_the_suggested_request_goes_the_whole_way_and_the_next_one_refers_to_it(start):
    demo = await start("demo")
    greeting = await demo.expect("> ")
    assert REQUEST in greeting
    page = re.search(r"ledger: (\S+)", greeting)[1]
    await demo.send(REQUEST)
    await authorize(link_in(await demo.expect("waiting: ")))
    # Nobody types: the webhook wakes the chat.
    await demo.expect("Connected.")
    shown = await demo.expect("[r]eject: ")
    assert "s1 github/list-issues done" in shown
    assert "channel: #general" in shown
    assert await writes_in_the_ledger(page) == []
    await demo.send("a")
    await demo.expect("> ")
    (posted,) = await writes_in_the_ledger(page)
    assert posted[0] == "post-message"

    await demo.send("now close the oldest one")
    shown = await demo.expect("[r]eject: ")
    assert "state: closed" in shown
    await demo.send("r")
    await demo.expect("Why")
    await demo.send("not today")
    await demo.expect("> ")
    assert len(await writes_in_the_ledger(page)) == 1
    await demo.send("bye")
    assert await demo.finish() == 0
    assert "chat --thread" in demo.output


async def test_a_chat_that_is_killed_at_each_question_goes_on_where_it_was(start):
    first = await start("demo")
    thread = re.search(r"thread (\w+)", await first.expect("> "))[1]
    await first.send(REQUEST)
    link = link_in(await first.expect("waiting: "))
    await first.kill()

    second = await start("chat", "--thread", thread)
    assert link_in(await second.expect("waiting: ")) == link, "the link that is on somebody's screen still works"
    await authorize(link)
    shown = await second.expect("[r]eject: ")
    await second.kill()

    third = await start("chat", "--thread", thread)
    greeting = await third.expect("[r]eject: ")
    page = re.search(r"ledger: (\S+)", greeting)[1]
    assert shown[shown.rindex("slack/post-message") :] in greeting, "the same question, with the same arguments"
    await third.send("a")
    await third.expect("> ")
    assert len(await writes_in_the_ledger(page)) == 1


async def test_a_message_typed_over_an_open_question_approves_nothing_and_loses_nothing(start):
    demo = await start("demo")
    page = re.search(r"ledger: (\S+)", await demo.expect("> "))[1]
    await demo.send("Post 'deploy is done' to #engineering")
    await demo.expect("[r]eject: ")
    await demo.send("yes, please go on")
    again = await demo.expect("[r]eject: ")
    assert "deploy is done" in again
    assert await writes_in_the_ledger(page) == []
    await demo.send("e")
    await demo.expect("channel [")
    await demo.send("#random")
    await demo.expect("text [")
    await demo.send("")
    assert "channel: #random" in await demo.expect("[r]eject: "), "what was edited is shown before it is sent"
    await demo.send("a")
    await demo.expect("> ")
    assert await writes_in_the_ledger(page) == [("post-message", {"channel": "#random", "text": "deploy is done"})]


async def test_what_is_missing_is_asked_for(start):
    demo = await start("demo")
    await demo.expect("> ")
    await demo.send("Post a message in Slack")
    answer = await demo.expect("> ")
    assert "?" in answer
    await demo.send("")
    await demo.expect("> ")
    assert await demo.finish() == 0
    assert "Goodbye" in demo.output
