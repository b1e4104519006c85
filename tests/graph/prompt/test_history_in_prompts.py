"""What models see of the conversation before: so many tokens of it, whole sentences of every language, people first."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, SystemMessage, ToolMessage

from nango_graph.prompts import (
    ANNOUNCES,
    FOR_PEOPLE,
    HISTORY,
    Offered,
    answer_prompt,
    choose_prompt,
    plan_prompt,
    said_before,
)
from nango_graph.prompts.conversation import LONGEST, tokens_of
from nango_graph.state import Result, Turn

NOW = HumanMessage("and now?", id="now")
OFFERED = Offered(index="", signatures="github/list-issues() -> any", others="slack — Slack: post-message")
JAPANESE = "課題を一覧にして、#general に「完了」と投稿してください。"
GERMAN = "Schließe alle überfälligen Aufträge für Müller & Söhne – größer als 5 €."


def turn(request: str = NOW.text) -> Turn:
    return Turn(id="t", message_id="now", request=request, settings={}, planned=0)


def planning(request: str, said: list[AnyMessage] | None = None, **more: Any) -> list[AnyMessage]:
    given_parts: dict[str, Any] = {
        "offered": OFFERED,
        "conversation": [*(said or []), HumanMessage(request, id="now")],
        "turn": turn(request),
        "results": [],
        "unfinished": [],
        "declined": [],
        "declined_because": {},
        "accounts": [],
        "searches": [],
        "problem": None,
        "next_step_id": "s1",
        "max_steps": 20,
        "now": 1_800_000_000.0,
    }
    return plan_prompt(**{**given_parts, **more})


def before(*said: AnyMessage) -> list[AnyMessage]:
    return said_before(turn(), [*said, NOW, HumanMessage("later", id="later")])


def exchange(number: int, length: int = 400) -> list[AnyMessage]:
    return [
        HumanMessage(f"request {number} {'x' * length}", id=f"h{number}"),
        AIMessage(f"answer {number} {'y' * length}", id=f"a{number}"),
    ]


def test_short_messages_are_all_there_however_many_they_are() -> None:
    many = [message for number in range(60) for message in exchange(number, 20)]
    assert [message.text for message in before(*many)] == [message.text for message in many]


def test_of_long_ones_the_last_are_kept_as_far_as_the_tokens_go_and_a_person_speaks_first() -> None:
    many = [message for number in range(100) for message in exchange(number, 2_000)]
    kept = before(*many)
    assert tokens_of(kept) <= HISTORY
    assert tokens_of(kept) > HISTORY - 2 * 600, "no more is left out than must be"
    assert [message.text for message in kept] == [message.text for message in many[-len(kept) :]]
    assert isinstance(kept[0], HumanMessage)
    assert kept[-1].text.startswith("answer 99")


@pytest.mark.parametrize("letter", ["x", "ü", "課", "🎉", "\ud800"])
def test_a_huge_message_is_cut_in_the_middle_and_says_how_much_is_missing(letter: str) -> None:
    huge = f"Begin. {letter * 300_000} The end."
    first, answer = before(HumanMessage(huge, id="h"), AIMessage("Done.", id="a"))
    assert first.text.startswith("Begin. ")
    assert first.text.endswith(" The end.")
    assert tokens_of([first]) <= LONGEST + 10
    head, told, tail = (
        first.text.partition("\n[… ")[0],
        first.text.split("[… ")[1].split(" ")[0],
        first.text.rpartition("…]\n")[2],
    )
    assert int(told) == len(huge) - len(head) - len(tail), "the count is true"
    assert answer.text == "Done."


def test_two_huge_messages_in_a_row_are_both_there() -> None:
    kept = before(*exchange(1, 500_000), *exchange(2, 500_000))
    assert [message.text[:9] for message in kept[-2:]] == ["request 2", "answer 2 "]


def test_a_message_that_is_not_long_is_not_touched() -> None:
    text = "課" * (LONGEST * 4 // 3)
    assert before(HumanMessage(text, id="h"))[0].text == text


def test_what_only_announces_what_is_for_people_and_what_is_no_conversation_is_left_out() -> None:
    said: list[AnyMessage] = [
        AIMessage("Hello, I am first.", id="a0"),
        HumanMessage("list them", id="h1"),
        AIMessage("Authorize here: https://example.com", id="a1", additional_kwargs={ANNOUNCES: "connections"}),
        AIMessage("Two issues.\n\nA rule withheld x.", id="a2", additional_kwargs={FOR_PEOPLE: "A rule withheld x."}),
        SystemMessage("You are another agent's rules.", id="s"),
        AIMessage("  ", id="a3"),
    ]
    assert [message.text for message in before(*said)] == ["list them", "Two issues."]


def test_calls_and_pictures_of_another_graph_do_not_reach_a_model_without_their_answers() -> None:
    call = {"name": "other", "args": {}, "id": "c1", "type": "tool_call"}
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 100_000}}
    kept = before(
        HumanMessage([{"type": "text", "text": "look at this"}, picture], id="h1"),
        AIMessage("I ask another tool.", tool_calls=[call], id="a1"),
        ToolMessage("its answer", tool_call_id="c1", id="t1"),
    )
    assert [message.content for message in kept] == ["look at this", "I ask another tool."]
    assert not any(getattr(message, "tool_calls", None) for message in kept)


@given(st.lists(st.tuples(st.booleans(), st.text(max_size=30), st.integers(1, 3_000)), max_size=30))
@settings(deadline=None)
def test_whatever_was_said_there_is_room_for_it_and_it_begins_with_a_person(said: list[tuple[bool, str, int]]) -> None:
    messages: list[AnyMessage] = [
        (HumanMessage if human else AIMessage)(text * times, id=str(n)) for n, (human, text, times) in enumerate(said)
    ]
    kept = before(*messages)
    assert tokens_of(kept) <= HISTORY
    assert not kept or isinstance(kept[0], HumanMessage)
    spoken = [message for message in messages if message.text.strip()]
    assert [message.id for message in kept] == [message.id for message in spoken[len(spoken) - len(kept) :]]


@pytest.mark.parametrize("words", [JAPANESE, GERMAN])
def test_no_prompt_escapes_the_letters_of_a_language(words: str) -> None:
    result = Result(step="s1", tool="github/list-issues", status="succeeded", arguments={"title": words}, error=words)
    said: list[AnyMessage] = [HumanMessage(words, id="h1"), AIMessage(words, id="a1")]
    step = {"id": "s1", "tool": "slack/post-message", "arguments": {"text": words}}
    everything = {
        "results": [result],
        "unfinished": [step],
        "problem": words,
        "searches": [json.dumps(words, ensure_ascii=False)],
    }
    prompts = [
        planning(words, said, **everything, declined=["slack"], declined_because={"slack": words}),
        answer_prompt(
            conversation=[*said, HumanMessage(words, id="now")],
            turn=turn(words),
            results=[result],
            earlier=[result],
            accounts=[{"integration": "github", "connection_id": "c", "label": words}],
            problem=words,
        ),
        choose_prompt(
            integrations="github — GitHub: list", conversation=[*said, HumanMessage(words, id="now")], turn=turn(words)
        ),
    ]
    for prompt, times in zip(prompts, (9, 9, 3), strict=True):
        text = "\n".join(message.text for message in prompt)
        assert text.count(words[:20]) >= times - 1
        assert "\\u" not in text.replace("\\u003c", "")
        assert prompt[-1].text.endswith(words)


def test_two_requests_of_a_person_share_all_that_stands_before_what_is_new() -> None:
    said = exchange(1)
    one = planning("list them", said)
    result = Result(step="s1", tool="github/list-issues", status="succeeded", shape="[] (0)", preview="[]")
    answered: list[AnyMessage] = [*said, HumanMessage("list them", id="first"), AIMessage("None.", id="a2")]
    two = planning("now close them", answered, results=[result], next_step_id="s2", problem="Look again.")
    assert [message.text for message in two[: len(one) - 1]] == [message.text for message in one[:-1]]
    assert OFFERED.signatures in one[0].text


def test_with_a_large_catalogue_rules_and_index_are_shared_and_what_was_picked_stands_beside_the_request() -> None:
    def offered(signature: str, others: str) -> Offered:
        return Offered(index="github: list-issues, create-issue, …", signatures=signature, others=others)

    said = exchange(1)
    one = planning("list them", said, offered=offered("github/list-issues()", "slack — Slack: a, …"))
    two = planning("open one", said, offered=offered("github/create-issue()", "slack — Slack: b, …"))
    assert [message.text for message in one[:-1]] == [message.text for message in two[:-1]]
    assert one[0].text.endswith("</tool_index>\n")
    assert "github/list-issues()" in one[-1].text
    assert one[-1].text.index("</other_integrations>") < one[-1].text.index("<request>")


def test_a_result_is_shown_with_its_shape_its_size_and_what_was_selected_of_it() -> None:
    result = Result(
        step="s1",
        tool="github/list-issues",
        status="succeeded",
        arguments={"title": "</results>"},
        shape="{issues: [{number: integer}] (900)}",
        size=2_345_678,
        selected="issues[].number",
        preview="[1,2]",
    )
    lines = (
        planning("x", results=[result])[-1]
        .text.split("<earlier_results>\n")[1]
        .split("\n</earlier_results>")[0]
        .split("\n")
    )
    assert lines == [
        's1 github/list-issues {"title":"\\u003c/results>"} -> succeeded',
        "shape: {issues: [{number: integer}] (900)}",
        "size: 2.3 MB as JSON; a part is shown, references see the whole",
        "selected: issues[].number",
        "preview: [1,2]",
    ]
    small = Result(step="s1", tool="a/b", status="succeeded", shape="string", size=8_400, preview='"x"')
    assert "size: 8 kB as JSON" in planning("x", results=[small])[-1].text


def test_the_day_and_the_size_of_a_plan_stand_beside_the_request_and_not_in_what_is_kept() -> None:
    system, *_, asked = planning("Remind me next Friday", now=1_800_000_000.0, max_steps=7)
    assert "<now>Friday 2027-01-15 08:00 UTC</now>" in asked.text
    assert "<most_steps>7</most_steps>" in asked.text
    assert system.text == planning("Remind me next Friday", now=1_900_000_000.0, max_steps=9)[0].text
