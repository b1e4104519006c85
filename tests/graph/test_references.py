"""References between steps: what they bring, what they refuse, and what they cost at most."""

import asyncio
import contextlib
import json
import time
import tracemalloc
from collections.abc import Coroutine
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nango_graph.execution.binding import bound_calls, bound_calls_beside, condition_holds_beside
from nango_graph.planning.plan import Step
from nango_graph.planning.references import (
    Binding,
    ReferenceProblem,
    bind,
    is_unbound,
    reference_problem,
    selection_problem,
    steps_referred_to,
)

OUTPUTS: dict[str, Any] = {
    "s1": {
        "issues": [
            {"number": 7, "title": "Crash", "open": True, "created_at": "2026-02-01", "labels": ["bug"]},
            {"number": 3, "title": "a } b", "open": False, "created_at": "2026-01-01", "labels": []},
        ],
        "none": None,
        "text": "plain",
        "evil": "${s2} ${s1.issues}",
        "with-dash": 1,
    },
    "s2": {"name": "general"},
}

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)
PIECES = ["${", "}", "{", "s1", "s2", ".", "[]", "[*]", "[0]", "[::0]", "[?", "]", "&", "@", "|", "||", "&&", "!", "`1`", "`", "'", '"', "(", ")",
          "join(", "map(", "sort_by(", "to_string(", "to_number(", "contains(", "length(", "merge(", "ceil(", ", ", "issues", "title", "'nan'",
          "'inf'", "\\", "[@,@]", "\ud800", "\x00", "99999999999999999999", "-1", ":"]  # fmt: skip
NEARLY = st.lists(st.sampled_from(PIECES), max_size=14).map("".join)
EXPRESSION = NEARLY.map(lambda text: f"${{{text}}}")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${s1.issues[0].number}", 7),
        ("${s1.issues[0].open}", True),
        ("${s1.issues[0].labels}", ["bug"]),
        ("${s1.issues[0]}", OUTPUTS["s1"]["issues"][0]),
        ("${s1.none}", None),
        ("${s1.issues[?open].title | [0]}", "Crash"),
        ("${s1.issues[?number==`7`].title}", ["Crash"]),
        ("${sort_by(s1.issues, &created_at)[0].number}", 3),
        ("${s1.issues[].{n: number, t: title}}", [{"n": 7, "t": "Crash"}, {"n": 3, "t": "a } b"}]),
        ('${s1."with-dash"}', 1),
        ("${s1.issues[?title=='a } b'].number}", [3]),
        ("${s1.issues[?title=='{'].number}", []),
        ("${join(', ', s1.issues[].to_string(number))}", "7, 3"),
        ("no reference", "no reference"),
        ("", ""),
        ("$", "$"),
        ("costs $5 {net}", "costs $5 {net}"),
        ("#${s1.issues[0].number}: ${s1.issues[0].title}!", "#7: Crash!"),
        ("${s1.issues[0].number} ", "7 "),
        ("open: ${s1.issues[0].open}", "open: true"),
        ("labels: ${s1.issues[0].labels}", 'labels: ["bug"]'),
        ("${s1.evil}", "${s2} ${s1.issues}"),
        ("x ${s1.evil}", "x ${s2} ${s1.issues}"),
        ("never closed ${s1.text", "never closed ${s1.text"),
    ],
)
def test_a_string_that_is_one_reference_keeps_the_type_and_others_become_text(text: str, value: Any) -> None:
    assert bind(text, OUTPUTS) == value
    assert type(bind(text, OUTPUTS)) is type(value)


def test_binding_reaches_every_corner_of_a_value_and_changes_nothing_else() -> None:
    value = {"${s1.text}": ["${s1.text}", {"deep": ["${s2.name}", 1, None, True]}]}
    assert bind(value, OUTPUTS) == {"${s1.text}": ["plain", {"deep": ["general", 1, None, True]}]}


@pytest.mark.parametrize(
    "text",
    [
        "${s9.x}",
        "${item.x}",
        "x ${s1.nothing}",
        "${}",
        "${ }",
        "${s1.}",
        "${s1..text}",
        "${nosuch(s1)}",
        "${join(s1.text, s1.text)}",
        "${s1.issues[::0]}",
        "${contains(s1.text, `1`)}",
        "${ceil(to_number('inf'))}",
        "${floor(to_number('nan')) && s1}",
        "${[s1.text, to_number('nan')]}",
        "${[s1.text, to_number('1e999')]}",
        "${[s1, &text]}",
        "${avg([to_number('1" + "0" * 400 + "'), s1.issues[0].number])}",
        "${sum(s1.issues[].title)}",
        "${s1.issues | sort_by(@, &labels)}",
        "${" + "!" * 490 + "s1}",
        "${s1" + "[]" * 240 + "}",
        "${s1" + ".a" * 240 + "}",
        "${" + "[" * 240 + "s1" + "]" * 240 + "}",
        "${s1." + "x" * 600 + "}",
        "${&s1}",
    ],
)
def test_a_reference_that_cannot_be_followed_is_a_problem_with_a_sentence(text: str) -> None:
    with pytest.raises(ReferenceProblem) as problem:
        bind(text, OUTPUTS)
    assert len(str(problem.value)) > 10


@pytest.mark.parametrize(
    ("expression", "roots"),
    [
        ("s1", {"s1"}),
        ("s1.issues[0].number", {"s1"}),
        ("sort_by(s1.issues, &created_at)[0].number", {"s1"}),
        ("s1.issues[?number==`7`].x", {"s1"}),
        ("s1.issues[?labels[?contains(@, 'bug')]]", {"s1"}),
        ("s1.issues[].{a: number, b: title}", {"s1"}),
        ("{a: s1.text, b: s2.name}", {"s1", "s2"}),
        ("[s1.text, s2.name]", {"s1", "s2"}),
        ("s1.a || s2.b", {"s1", "s2"}),
        ("s1.a && !s2.b", {"s1", "s2"}),
        ("s1.a == s2.b", {"s1", "s2"}),
        ("s1 | issues | title", {"s1"}),
        ("s1.issues[] | [?open] | [0].{a: number}", {"s1"}),
        ("map(&title, s1.issues)", {"s1"}),
        ("join(s2.name, s1.issues[].title)", {"s1", "s2"}),
        ("s1.*.x", {"s1"}),
        ("s1.issues[0:2].x", {"s1"}),
        ("item.number", {"item"}),
        ("@", set()),
        ("[`1`]", set()),
        ("s1 | @.issues[?@.open]", {"s1"}),
        ("s1.issues[?@ > `1`]", {"s1"}),
        ("join(', ', map(&to_string(@), s1.issues))", {"s1"}),
    ],
)
def test_a_reference_needs_the_steps_at_its_roots_and_no_other(expression: str, roots: set[str]) -> None:
    assert steps_referred_to([{"x": f"a ${{{expression}}}"}]) == roots
    assert (reference_problem(f"${{{expression}}}") is None) == bool(roots)


@pytest.mark.parametrize(
    "expression",
    ["@", "*", "[]", "[*]", "[0]", "[1:]", "[?issues]", "@.s2", "*.name", "@ | s1.text", "[s1.text, @.s2.name]", "{a: s1.text, b: @}",
     "s1.text || @", "!@", "@ == s1", "values(@)", "map(&@, values(@))", "not_null(s1.none, @.s2.name)", "to_string(@) && s1.text",
     "[*].name | [0] || s1", "[][] | s1"],
)  # fmt: skip
def test_nothing_stands_for_the_outputs_of_all_steps(expression: str) -> None:
    assert "must begin with the id of a step" in (reference_problem(f"${{{expression}}}") or "")
    with pytest.raises(ReferenceProblem):
        bind(f"${{{expression}}}", OUTPUTS)


WORKS: st.SearchStrategy[str] = st.recursive(
    st.sampled_from(["s1", "s2", "@", "*", "[]", "[*]", "[0]", "`1`", "'x'", "s1.issues", "s2.name", "text"]),
    lambda inner: st.one_of(
        st.tuples(inner, inner, st.sampled_from([".", " | ", " || ", " && ", " == "])).map(
            lambda two: f"{two[0]}{two[2]}{two[1]}"
        ),
        st.tuples(inner, inner).map(lambda two: f"[{two[0]}, {two[1]}]"),
        st.tuples(inner, inner).map(lambda two: f"{two[0]}[?{two[1]}]"),
        st.tuples(inner, inner).map(lambda two: f"map(&{two[0]}, {two[1]})"),
        st.tuples(inner, inner).map(lambda two: f"not_null({two[0]}, {two[1]})"),
        st.tuples(inner, inner).map(lambda two: f"{two[0]}.{{a: {two[1]}}}"),
        inner.map(lambda one: f"{{a: {one}}}"),
        inner.map(lambda one: f"({one})"),
        inner.map(lambda one: f"!{one}"),
        inner.map(lambda one: f"{one}[]"),
        inner.map(lambda one: f"{one}.*"),
        st.tuples(st.sampled_from(["keys", "values", "to_array", "to_string", "length", "type", "merge"]), inner).map(
            lambda two: f"{two[0]}({two[1]})"
        ),
    ),
    max_leaves=7,
)


def found(text: str, outputs: dict[str, Any]) -> Any:
    try:
        return json.dumps(bind(text, outputs))
    except ReferenceProblem as problem:
        return str(problem)


@given(st.one_of(WORKS.map(lambda text: f"${{{text}}}"), EXPRESSION), JSON, JSON)
@settings(max_examples=600, deadline=None)
def test_what_a_reference_brings_hangs_on_the_steps_it_names_and_on_nothing_else(text, other, another) -> None:
    roots = steps_referred_to(text)
    named = {step: OUTPUTS.get(step, other) for step in roots}
    around = [
        {},
        {"s1": other, "s2": another, "s3": other, "text": another},
        {**OUTPUTS, "@": other, "*": another, "name": other},
    ]
    assert len({found(text, {**more, **named}) for more in around}) == 1


def test_a_literal_refers_to_nothing_and_is_the_way_to_write_a_dollar_and_a_brace() -> None:
    text = "cost: ${'$'}{net}, ${`7`}"
    assert reference_problem(text) is None
    assert steps_referred_to(text) == frozenset()
    assert bind(text, {}) == "cost: ${net}, 7"


def test_a_reference_in_a_key_or_a_broken_one_refers_to_nothing() -> None:
    assert steps_referred_to({"${s1}": 1}) == frozenset()
    assert steps_referred_to("${s1..}") == frozenset()
    assert reference_problem("${s1..}") is not None


BIG = {"s1": {"all": [{"number": n, "body": "x" * 1000} for n in range(1000)], "text": "y" * 150_000, "one": [1]}}


@pytest.mark.parametrize(
    "expression",
    [
        "s1.one" + " | [@,@][]" * 20,
        "s1.one" + " | [@,@]" * 18,
        "s1" + " | [@,@]" * 12,
        "s1" + " | {a: @, b: @}" * 15,
        "s1.all" + " | [@,@][]" * 9,
        "s1" + " | [@,@]" * 12 + " | to_string(@)",
        "s1.one" + " | [to_string(@),to_string(@)]" * 15,
        "s1.text | [@] " + "| [join('', [@[0], @[0]])]" * 8,
        "join(s1.text, s1.all[].to_string(number))",
        "s1.one" + " | map(&[@,@], @)[][]" * 12,
        "s1.all[].[" + ",".join(["body"] * 40) + "][]",
        "s1.all[].all[].all",
        "s1.all[*].[@, @, @, @, @, @, @, @]",
        "to_string(s1)",
        "reverse(s1.text) | [@, @, @, @] | join(@[0], @)",
    ],
)
def test_an_expression_that_would_build_too_much_is_stopped_soon(expression: str) -> None:
    started = time.thread_time()
    bound = None
    with contextlib.suppress(ReferenceProblem):
        bound = bind(f"${{{expression}}}", BIG)
    assert len(json.dumps(bound)) < 6_000_000
    assert time.thread_time() - started < 3


def test_a_text_that_would_fill_the_memory_is_never_built() -> None:
    tracemalloc.start()
    try:
        with pytest.raises(ReferenceProblem):
            bind("${join(s1.text, s1.all[].to_string(number))}", BIG)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 10_000_000


def test_a_large_output_may_be_passed_on_whole_but_text_of_many_is_bounded() -> None:
    assert bind("${s1.all}", BIG) == BIG["s1"]["all"]
    assert bind("${s1.all[].{n: number, b: body}}", BIG)[999]["n"] == 999
    with pytest.raises(ReferenceProblem, match="grew past"):
        bind("${s1.text} ${s1.text}", BIG)


def bind_each(arguments: dict[str, Any], items: list[Any], outputs: dict[str, Any]) -> list[Any]:
    """As a step binds its calls that runs for each of the items."""
    binding = Binding(outputs)
    return [binding.bind(arguments, {"item": item}) for item in items]


def test_what_all_items_of_a_step_come_to_together_is_bounded() -> None:
    """Each of them alone would be allowed."""
    tracemalloc.start()
    started = time.process_time()
    try:
        with pytest.raises(ReferenceProblem, match="come to more than 20 MB together"):
            bind_each({"n": "${item.number}", "all": ["${s1.all}"]}, BIG["s1"]["all"], BIG)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 10_000_000
    assert time.process_time() - started < 5


@pytest.mark.parametrize(
    "arguments",
    [
        {"x": "${s1.text} ${item.number}"},
        {"x": "y" * 50_000},
        {"x": ["${s1.text}", {"deep": "${item} and ${s1.text}"}]},
        {"x" * 50_000: 1},
        {"x": "${[item, s1.all]}"},
    ],
)
def test_texts_names_and_values_of_the_plan_itself_count_as_well(arguments: dict[str, Any]) -> None:
    with pytest.raises(ReferenceProblem, match="together"):
        bind_each(arguments, BIG["s1"]["all"], BIG)


def test_many_arguments_of_one_call_have_one_budget() -> None:
    with pytest.raises(ReferenceProblem, match="together"):
        bind({f"a{number}": "${s1.all}" for number in range(40)}, BIG)


@pytest.mark.parametrize(
    "expression",
    [
        "${item && s1.all[?contains(to_string(@), 'q') && number > `5`]}",
        "${item && sort_by(s1.all, &body)[0].number}",
        "${[item, s1.all][1][?number==`1`].body}",
        "${item && map(&contains(body, 'y'), s1.all)[0]}",
    ],
)
def test_work_that_every_item_asks_for_is_bounded_over_all_of_them(expression: str) -> None:
    started = time.process_time()
    with pytest.raises(ReferenceProblem, match="for all calls of the step together"):
        bind_each({"x": expression}, BIG["s1"]["all"] * 10, BIG)
    assert time.process_time() - started < 8


def test_what_is_the_same_for_all_items_is_worked_out_once() -> None:
    bound = bind_each({"x": "${sort_by(s1.all, &body)[0].number}", "n": "${item}"}, list(range(5_000)), BIG)
    assert [one["n"] for one in bound] == list(range(5_000))
    assert {one["x"] for one in bound} == {0}


def test_a_join_of_a_thousand_items_with_a_thousand_others_has_room() -> None:
    even = {"s1": {"ids": list(range(0, 2_000, 2))}}
    bound = bind_each({"x": "${contains(s1.ids, item)}"}, list(range(1_000)), even)
    assert bound == [{"x": number % 2 == 0} for number in range(1_000)]


def test_an_item_is_seen_by_its_own_call_only() -> None:
    binding = Binding({"s1": {"x": 1}})
    assert binding.bind("${item.n} ${s1.x}", {"item": {"n": 1}}) == "1 1"
    assert binding.bind("${item.n} ${s1.x}", {"item": {"n": 2}}) == "2 1"
    assert binding.bind("${item}", {"item": None}) is None
    with pytest.raises(ReferenceProblem, match="needs item"):
        binding.bind("${item.n}")


def test_a_list_or_a_condition_is_not_counted_as_what_is_sent() -> None:
    large = {"s1": {"all": [{"body": "x" * 100_000} for _ in range(300)]}}
    binding = Binding(large)
    assert len(binding.value_of("${s1.all}")) == 300
    assert binding.value_of("${length(s1.all) > `0`}") is True
    with pytest.raises(ReferenceProblem, match="together"):
        binding.bind("${s1.all}")


@pytest.mark.parametrize(
    ("expression", "told"),
    [
        ("issues[].{n: number, t: title}", None),
        ("@", None),
        ("[0]", None),
        ("length(@)", None),
        ("issues[", "is not JMESPath"),
        ("", "is not JMESPath"),
        ("nosuch(@)", "calls nosuch()"),
        ("x" * 501, "is longer than 500 characters"),
        ("x" + "[]" * 100, "is too complex"),
    ],
)
def test_a_selection_is_checked_before_anything_runs(expression: str, told: str | None) -> None:
    problem = selection_problem(expression)
    assert problem is None if told is None else told in (problem or "")


@given(NEARLY | st.text())
@settings(max_examples=500)
def test_whatever_a_selection_is_it_is_a_problem_or_none(expression: str) -> None:
    assert selection_problem(expression) != ""


@given(st.text())
def test_a_text_without_a_reference_is_unchanged(text: str) -> None:
    if "${" not in text:
        assert bind(text, {}) == text
        assert not is_unbound(text)


@given(JSON)
def test_a_value_that_a_reference_brings_is_never_looked_into(value: Any) -> None:
    assert bind("${s1.value}", {"s1": {"value": value}}) == value
    nested = {"a": ["${s1.value}"]}
    assert bind(nested, {"s1": {"value": value}}) == {"a": [value]}


@given(st.text(), st.text())
def test_text_around_a_reference_stays_as_it_is(before: str, value: str) -> None:
    if "$" not in before:
        assert bind(f"{before}${{s1}}", {"s1": value}) == before + value


@given(EXPRESSION | NEARLY | st.text(), JSON)
@settings(max_examples=1500)
def test_whatever_the_string_and_the_outputs_only_a_reference_problem_is_raised(text: str, output: Any) -> None:
    steps_referred_to(text)
    problem = reference_problem(text)
    assert problem is None or problem
    with contextlib.suppress(ReferenceProblem):
        json.dumps(bind(text, {"s1": output, "s2": OUTPUTS["s1"]}), allow_nan=False)


@given(EXPRESSION)
@settings(max_examples=500)
def test_what_passes_the_check_needs_only_the_steps_it_names(text: str) -> None:
    if reference_problem(text) is not None:
        return
    told = ""
    try:
        bind(text, dict.fromkeys(steps_referred_to(text), OUTPUTS["s1"]))
    except ReferenceProblem as problem:
        told = str(problem)
    assert "has no output" not in told


MANY = {f"k{number}": number for number in range(40_000)}
LARGE: dict[str, Any] = {
    "s1": {
        "list": [{"n": number, "t": f"title {number}"} for number in range(60_000)],
        "text": "x" * 1_000_000,
        "names": MANY,
        "same": dict(MANY),
        "numbers": list(range(40_000)),
        "page": [list(range(40_000)) for _ in range(2)],
        "long": ["y" * 150_000 for _ in range(200)],
    }
}


@pytest.mark.parametrize(
    "expression",
    [
        "item == `-1` || ((s1.names == s1.same) && (s1.names == s1.same) && (s1.names == s1.same))",
        "item != `-1` && s1.names != s1.same",
        "item && s1.page[0] == s1.page[1]",
        "item && contains(s1.page, s1.page[1])",
        "item && sort(s1.long)[0] == sort(s1.long)[1]",
        "item && s1.text < s1.text",
        "item && length(merge(s1.names, {a: item}))",
        "item && length([s1.names, item])",
        "item && length(keys(s1.names))",
        "item && max(s1.numbers)",
        "item && starts_with(reverse(s1.long[0]), 'y')",
    ],
)
def test_what_is_compared_searched_and_sorted_counts_with_all_that_is_in_it(expression: str) -> None:
    """However few parts the expression has itself."""
    started = time.process_time()
    with pytest.raises(ReferenceProblem, match="for all calls of the step together"):
        bind_each({"x": f"${{{expression}}}"}, list(range(10_000)), LARGE)
    assert time.process_time() - started < 4


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("s1.list[0].n", 0),
        ("s1.list[-1].t", "title 59999"),
        ("length(s1.list)", 60_000),
        ("s1.list[:2].n", [0, 1]),
        ("s1.list[?n == `59999`].t | [0]", "title 59999"),
        ("max_by(s1.list, &n).n", 59_999),
        ("length(s1.text)", 1_000_000),
        ("contains(s1.text, 'y')", False),
        ("not_null(s1.nothing, s1.text)", "x" * 1_000_000),
        ("s1.list", LARGE["s1"]["list"]),
    ],
)
def test_what_is_there_already_may_be_of_any_size(expression: str, value: Any) -> None:
    assert bind(f"${{{expression}}}", LARGE) == value


@pytest.mark.parametrize(
    "expression", ["s1.list[].n", "s1.list[*]", "to_string(s1.list)", "reverse(s1.text)", "sort_by(s1.list, &n)"]
)
def test_what_an_expression_makes_is_bounded_and_the_way_out_is_said(expression: str) -> None:
    with pytest.raises(
        ReferenceProblem, match=r"builds more than 50,000 elements .* take a part first, by \[0\], \[:100\]"
    ):
        bind(f"${{{expression}}}", LARGE)


async def longest_hold(work: Coroutine[Any, Any, Any]) -> tuple[Any, float]:
    """What comes of it, and for how many seconds of this process's work at most it kept all else from having its turn."""
    held, task = 0.0, asyncio.ensure_future(work)
    while not task.done():
        begun = time.process_time()
        await asyncio.sleep(0)
        held = max(held, time.process_time() - begun)
    return (task.exception() or task.result()), held


HEAVY = ["s1.list[?t == 'title 59999'].n | [0]", "s1.names == s1.same && s1.page[0] == s1.page[1]"]


@pytest.mark.parametrize(
    ("for_each", "arguments", "outcome"),
    [
        ("${s1.items}", {"x": "${item == `-1` || (s1.names == s1.same && s1.names == s1.same)}"}, "takes too long"),
        ("${s1.items}", {"x": "${item && s1.all[?@ == `3`]}"}, "takes too long"),
        ("${s1.all}", {f"x{number}": "a ${item} b ${to_string(item)}" for number in range(10)}, 2_000),
        ("${s1.list[:10000]}", {"x": "${item.t}"}, 10_000),
    ],
)
async def test_the_loop_is_not_held_up_while_the_calls_of_a_step_are_bound(
    for_each: str, arguments: dict[str, Any], outcome: int | str
) -> None:
    step = Step(id="s2", tool="github/get-issue", arguments=arguments, for_each=for_each)
    outputs = {"s1": {**LARGE["s1"], "items": list(range(200)), "all": list(range(2_000))}}
    bound, held = await longest_hold(bound_calls_beside(step, "p", outputs))
    assert outcome == len(bound) if isinstance(outcome, int) else outcome in str(bound)
    assert held < 0.5, "and all of it takes longer"
    if isinstance(outcome, int):
        assert bound == bound_calls(step, "p", outputs)


@pytest.mark.parametrize("condition", HEAVY)
async def test_the_loop_is_not_held_up_by_a_condition(condition: str) -> None:
    holds, held = await longest_hold(condition_holds_beside(f"${{{condition}}}", LARGE))
    assert holds is True
    assert held < 0.5


async def test_what_is_little_work_needs_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asyncio, "to_thread", None)
    step = Step(id="s2", tool="github/get-issue", arguments={"x": "${item}"}, for_each="${s1.all}")
    assert len(await bound_calls_beside(step, "p", {"s1": {"all": list(range(100))}})) == 100
    assert await condition_holds_beside("${length(s1.list) > `0`}", LARGE)


async def test_a_problem_is_the_same_in_a_thread() -> None:
    step = Step(
        id="s2", tool="github/get-issue", arguments={"x": "${item.n} ${s1.nothing}"}, for_each="${s1.list[:1000]}"
    )
    with pytest.raises(ReferenceProblem, match="found nothing"):
        await bound_calls_beside(step, "p", LARGE)
