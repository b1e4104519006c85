"""The ledger of writes, on SQLite and on Postgres: who may send, and how often."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from nango_graph import Records, UsageError
from nango_graph.digests import action_digest
from nango_graph.identity import Requester
from nango_graph.records import Call, CallKey, CallState, Decision, NotAllowed, TurnRow

NOW = 1_000_000.0
ADA = Requester("ada")
TOOL, CONNECTION, ARGUMENTS = "github/create-issue", "c1", {"title": "Crash"}
DIGEST = action_digest(TOOL, CONNECTION, ARGUMENTS)
KEY = CallKey("plan", "s1")


@pytest.fixture
async def records(records_url: str | Path) -> AsyncIterator[Records]:
    opened = await Records.open(records_url)
    await opened.turns.begin(TurnRow("turn", ADA, "thread", ""), message_id="m", now=NOW)
    yield opened
    await opened.close()


async def plan(records: Records, plan_id: str = "plan", *, turn_id: str = "turn", tenant: str = ADA.tenant) -> None:
    await records.plans.save(
        plan_id=plan_id,
        tenant=tenant,
        thread_id="thread",
        turn_id=turn_id,
        ordinal=0,
        steps=[{"id": "s1", "tool": TOOL}],
        seen=(),
        now=NOW,
    )


async def decide(records: Records, key: CallKey = KEY, *, verdict: str = "approved", digest: str = DIGEST) -> None:
    decision = Decision(key, verdict, digest, ARGUMENTS, asked_id="q", actor="ada")  # type: ignore[arg-type]
    await records.decisions.record([decision], tenant=ADA.tenant, thread_id="thread", now=NOW)


def call(
    key: CallKey = KEY, *, digest: str = DIGEST, state: CallState = "claimed", lease_until: float = NOW + 60
) -> Call:
    return Call(key, TOOL, CONNECTION, "write", digest, ARGUMENTS, state, "worker", lease_until)


async def claim(
    records: Records, a_call: Call | None = None, *, tenant: str = ADA.tenant, thread_id: str = "thread"
) -> Call | None:
    return await records.claims.claim(a_call or call(), tenant=tenant, thread_id=thread_id, now=NOW)


async def replayed(records: Records, a_call: Call) -> Call | None:
    return await records.claims.replayed(a_call, tenant=ADA.tenant, thread_id="thread", most=1)


@pytest.mark.parametrize(
    ("fingerprint", "access", "sent"),
    [("f1", "write", True), ("f2", "write", False), ("", "write", False), ("f1", "destructive", False)],
)
async def test_an_approval_covers_the_tool_that_was_shown(records: Records, fingerprint, access, sent) -> None:
    await plan(records)
    shown = Decision(KEY, "approved", DIGEST, ARGUMENTS, asked_id="q", actor="ada", fingerprint="f1", access="write")
    await records.decisions.record([shown], tenant=ADA.tenant, thread_id="thread", now=NOW)
    assert await records.decisions.of_plan("plan", ADA.tenant) == {KEY: shown}
    claiming = records.claims.claim(
        replace(call(), access=access), tenant=ADA.tenant, thread_id="thread", now=NOW, fingerprint=fingerprint
    )
    if sent:
        assert await claiming is None
    else:
        with pytest.raises(NotAllowed, match="not as it was"):
            await claiming


async def test_the_latest_turn_is_the_one_that_began_last_whatever_the_clocks_say(records: Records) -> None:
    for turn_id, now in (("t2", NOW), ("t1", NOW), ("t3", NOW - 500)):
        await records.turns.begin(TurnRow(turn_id, ADA, "thread", ""), message_id="m", now=now)
        last = await records.turns.last_of("thread")
        assert last is not None
        assert last.id == turn_id
        assert await records.turns.current(turn_id, "thread") == last
    for older in ("turn", "t2", "t1"):
        with pytest.raises(UsageError, match="later message"):
            await records.turns.current(older, "thread")
    # Sent once more, by the same person, it is the latest again.
    await records.turns.begin(TurnRow("t1", ADA, "thread", ""), message_id="m", now=NOW)
    assert (await records.turns.current("t1", "thread")).id == "t1"


async def test_what_a_turn_must_not_do_only_grows(records: Records) -> None:
    row = await records.turns.get("turn", "thread")
    assert await records.turns.tighten(row, {"deny": [], "max_steps": 3}) is row
    row = await records.turns.tighten(row, {"deny": ["a/*"], "ask": ["b/*"], "max_steps": 3})
    row = await records.turns.tighten(row, {"deny": ["c/*", "a/*", "c/*"]})
    assert row.settings == {"deny": ["a/*", "c/*"], "ask": ["b/*"]}
    assert await records.turns.get("turn", "thread") == row


async def test_fifty_workers_claim_one_write_and_one_of_them_may_send_it(
    records: Records, records_url: str | Path
) -> None:
    await plan(records)
    await decide(records)
    others = [await Records.open(records_url) for _ in range(4)]
    try:
        answers = await asyncio.gather(*(claim((records, *others)[number % 5]) for number in range(50)))
    finally:
        for other in others:
            await other.close()
    assert answers.count(None) == 1
    assert {answer.key for answer in answers if answer is not None} == {KEY}
    assert len(await records.calls.of_thread("thread", ADA.tenant)) == 1


async def test_a_claim_without_any_decision_is_refused(records: Records) -> None:
    await plan(records)
    with pytest.raises(NotAllowed, match="no approval covers exactly this action"):
        await claim(records)
    assert await records.calls.get(KEY) is None


async def test_a_rejected_write_cannot_be_claimed(records: Records) -> None:
    await plan(records)
    await decide(records, verdict="rejected")
    with pytest.raises(NotAllowed):
        await claim(records)


async def test_an_approval_covers_nothing_but_the_action_that_was_shown(records: Records) -> None:
    await plan(records)
    await decide(records)
    with pytest.raises(NotAllowed):
        await claim(records, call(digest=action_digest(TOOL, CONNECTION, {"title": "Else"})))


@pytest.mark.parametrize("key", [replace(KEY, step="s2"), replace(KEY, item="x"), replace(KEY, attempt=2)])
async def test_an_approval_covers_no_other_step_item_or_attempt(records: Records, key: CallKey) -> None:
    await plan(records)
    await decide(records)
    with pytest.raises(NotAllowed):
        await claim(records, call(key))


async def test_nothing_of_a_plan_is_sent_once_a_newer_message_closed_it(records: Records) -> None:
    await plan(records)
    await decide(records)
    await records.plans.close_others("thread", "newer turn")
    with pytest.raises(NotAllowed, match="closed by a newer message"):
        await claim(records)


@pytest.mark.parametrize(("tenant", "thread_id"), [("user:eve", "thread"), (ADA.tenant, "another thread")])
async def test_a_plan_of_another_tenant_or_thread_cannot_be_claimed(
    records: Records, tenant: str, thread_id: str
) -> None:
    await plan(records)
    await decide(records)
    with pytest.raises(NotAllowed):
        await claim(records, tenant=tenant, thread_id=thread_id)


async def test_another_tenant_does_not_even_see_what_was_claimed(records: Records) -> None:
    await plan(records)
    await decide(records)
    assert await claim(records) is None
    with pytest.raises(NotAllowed):
        await claim(records, tenant="user:eve")


async def test_a_decision_of_another_tenant_approves_nothing(records: Records) -> None:
    await plan(records)
    decision = Decision(KEY, "approved", DIGEST, ARGUMENTS, asked_id="q", actor="eve")
    await records.decisions.record([decision], tenant="user:eve", thread_id="thread", now=NOW)
    with pytest.raises(NotAllowed):
        await claim(records)


async def test_what_was_claimed_before_is_found_even_when_the_plan_has_been_closed(records: Records) -> None:
    await plan(records)
    await decide(records)
    assert await claim(records) is None
    await records.plans.close_turn("turn")
    found = await claim(records)
    assert found is not None
    assert found.state == "claimed"


async def test_a_lease_that_ran_out_leaves_an_unknown_outcome_and_one_that_runs_does_not(records: Records) -> None:
    await plan(records)
    await decide(records)
    await claim(records)
    await records.claims.give_up(KEY, now=NOW + 59)
    assert (found := await records.calls.get(KEY)) is not None
    assert found.state == "claimed"
    await records.claims.give_up(KEY, now=NOW + 61)
    assert (found := await records.calls.get(KEY)) is not None
    assert found.state == "unknown"


async def test_an_answer_that_comes_after_the_lease_still_counts(records: Records) -> None:
    await plan(records)
    await decide(records)
    await claim(records)
    await records.claims.give_up(KEY, now=NOW + 61)
    await records.claims.finish(KEY, state="succeeded", output={"number": 7}, error=None, now=NOW + 70)
    assert (found := await records.calls.get(KEY)) is not None
    assert (found.state, found.output, found.error) == ("succeeded", {"number": 7}, None)


@pytest.mark.parametrize("said", ["succeeded", "failed"])
async def test_an_ended_call_is_changed_by_nobody(records: Records, said: CallState) -> None:
    await plan(records)
    await decide(records)
    await claim(records)
    await records.claims.finish(KEY, state=said, output=1, error=None, now=NOW)
    await records.claims.finish(KEY, state="rejected", output=2, error="x", now=NOW)
    await records.claims.settle(KEY, state="failed" if said == "succeeded" else "succeeded", error="x", now=NOW)
    await records.claims.give_up(KEY, now=NOW + 1e9)
    assert (found := await records.calls.get(KEY)) is not None
    assert (found.state, found.output) == (said, 1)


@pytest.mark.parametrize("state", ["claimed", "unknown"])
async def test_the_same_action_of_another_plan_of_this_turn_is_settled_before_it_is_sent_again(
    records: Records, state: CallState
) -> None:
    await plan(records)
    await plan(records, "replanned")
    await decide(records)
    await decide(records, replace(KEY, plan_id="replanned", step="s2"))
    assert await claim(records) is None
    if state != "claimed":
        await records.claims.finish(KEY, state=state, output=1, error=None, now=NOW)
    again = call(replace(KEY, plan_id="replanned", step="s2"))
    found = await claim(records, again)
    assert found is not None
    assert (found.key, found.state) == (KEY, state)
    assert await replayed(records, again) is None, "nobody knows yet whether it stands for it"


@pytest.mark.parametrize("state", ["failed", "rejected", "not_sent"])
async def test_an_action_that_had_no_effect_may_be_sent_under_another_plan(records: Records, state: CallState) -> None:
    await plan(records)
    await plan(records, "replanned")
    await decide(records)
    await decide(records, replace(KEY, plan_id="replanned"))
    await claim(records)
    await records.claims.finish(KEY, state=state, output=None, error="no", now=NOW)
    assert await claim(records, call(replace(KEY, plan_id="replanned"))) is None


async def test_the_same_action_may_be_done_again_in_another_turn(records: Records) -> None:
    await plan(records)
    await plan(records, "next", turn_id="next turn")
    await decide(records)
    await decide(records, replace(KEY, plan_id="next"))
    await claim(records)
    await records.claims.finish(KEY, state="succeeded", output=1, error=None, now=NOW)
    again = call(replace(KEY, plan_id="next"))
    assert await replayed(records, again) is None
    assert await claim(records, again) is None


async def test_the_first_decision_on_a_call_stands(records: Records) -> None:
    await plan(records)
    await decide(records, verdict="rejected")
    await decide(records, verdict="approved")
    assert (await records.decisions.of_plan("plan", ADA.tenant))[KEY].verdict == "rejected"


async def test_the_first_plan_of_an_id_stands(records: Records) -> None:
    await plan(records)
    kept = await records.plans.save(
        plan_id="plan",
        tenant=ADA.tenant,
        thread_id="thread",
        turn_id="turn",
        ordinal=0,
        steps=[{"id": "else"}],
        seen=(),
        now=NOW,
    )
    assert kept.steps == [{"id": "s1", "tool": TOOL}]


async def test_the_first_outcome_of_a_read_stands(records: Records) -> None:
    for output in (["first"], ["second"]):
        seen = replace(call(state="succeeded"), access="read", output=output)
        await records.calls.record(seen, tenant=ADA.tenant, thread_id="thread", now=NOW)
    assert (found := await records.calls.get(KEY)) is not None
    assert found.output == ["first"]


async def test_a_null_output_comes_back_as_null(records: Records) -> None:
    await plan(records)
    await decide(records)
    await claim(records)
    await records.claims.finish(KEY, state="succeeded", output=None, error=None, now=NOW)
    assert (found := await records.calls.get(KEY)) is not None
    assert found.output is None


async def test_text_that_a_database_may_choke_on_is_kept(records: Records) -> None:
    await plan(records)
    await decide(records)
    await claim(records)
    text = "nul \x00, lone surrogate \ud800, emoji 😀, ' \" \\u0000"
    await records.claims.finish(KEY, state="succeeded", output={text: [text]}, error=None, now=NOW)
    assert (found := await records.calls.get(KEY)) is not None
    assert found.output == {text: [text]}


async def test_words_that_a_database_may_choke_on_are_kept_readable(records: Records) -> None:
    await plan(records)
    said = "nul \x00, lone surrogates \ud800 \udc00x, a pair \ud83d\ude00, emoji 😀"
    decision = Decision(KEY, "approved", DIGEST, ARGUMENTS, asked_id="q", actor="ada", message=said)
    await records.decisions.record([decision], tenant=ADA.tenant, thread_id="thread", now=NOW)
    assert (await records.decisions.of_plan("plan", ADA.tenant))[KEY].message == (
        "nul \ufffd, lone surrogates \ufffd \ufffdx, a pair 😀, emoji 😀"
    )
    await claim(records)
    await records.claims.finish(KEY, state="failed", output=None, error=said, now=NOW)
    assert (found := await records.calls.get(KEY)) is not None
    assert found.error is not None
    assert found.error.startswith("nul \ufffd")


async def test_a_thread_of_another_tenant_cannot_be_gone_on_with(records: Records) -> None:
    with pytest.raises(UsageError, match="belongs to somebody else"):
        await records.turns.begin(TurnRow("t2", Requester("eve"), "thread", ""), message_id="m", now=NOW)
    with pytest.raises(UsageError):
        await records.turns.begin(TurnRow("t2", Requester("ada", "acme"), "thread", ""), message_id="m", now=NOW)
    await records.turns.begin(TurnRow("t2", ADA, "thread", ""), message_id="m", now=NOW)


async def test_the_requester_of_a_turn_is_fixed_when_it_begins(records: Records) -> None:
    await records.turns.begin(TurnRow("turn", Requester("ada", ""), "thread", "other"), message_id="x", now=NOW + 1)
    assert await records.turns.get("turn", "thread") == TurnRow("turn", ADA, "thread", "")
    with pytest.raises(UsageError, match="know nothing of this turn"):
        await records.turns.get("turn", "another thread")


@pytest.mark.parametrize("state", ["rejected", "not_sent"])
async def test_a_write_that_a_broken_connection_kept_from_running_is_claimed_again_by_one_worker(
    records: Records, records_url: str | Path, state: CallState
) -> None:
    await plan(records)
    await decide(records)
    await claim(records)
    await records.claims.finish(KEY, state=state, output=None, error="gone", now=NOW)
    assert await claim(records) is not None, "not before it is known why it did not run"
    await records.claims.broke(KEY)
    others = [await Records.open(records_url) for _ in range(3)]
    try:
        answers = await asyncio.gather(*(claim((records, *others)[number % 4]) for number in range(24)))
    finally:
        for other in others:
            await other.close()
    assert answers.count(None) == 1
    kept = await records.calls.get(KEY)
    assert kept is not None
    assert (kept.state, kept.cause, kept.error) == ("claimed", None, None)


async def test_a_write_that_ran_and_failed_with_its_connection_is_not_claimed_again(records: Records) -> None:
    await plan(records)
    await decide(records)
    await claim(records)
    await records.claims.finish(KEY, state="failed", output=None, error="no credentials", now=NOW)
    await records.claims.broke(KEY)
    found = await claim(records)
    assert found is not None
    assert (found.state, found.cause) == ("failed", "authorization")


async def test_being_claimed_again_takes_the_approval_and_the_open_plan_as_the_first_time(records: Records) -> None:
    await plan(records)
    await decide(records)
    await claim(records)
    await records.claims.finish(KEY, state="rejected", output=None, error="gone", now=NOW)
    await records.claims.broke(KEY)
    with pytest.raises(NotAllowed, match="no approval covers exactly this action"):
        await claim(records, call(digest=action_digest(TOOL, "another account", ARGUMENTS)))
    await records.plans.close_others("thread", "a newer turn")
    with pytest.raises(NotAllowed, match="closed by a newer message"):
        await claim(records)


@pytest.mark.parametrize("state", ["claimed", "succeeded"])
async def test_no_attempt_follows_one_that_is_under_way_or_succeeded(records: Records, state: CallState) -> None:
    again = replace(KEY, attempt=2)
    await plan(records)
    await decide(records)
    await decide(records, again)
    await claim(records)
    if state != "claimed":
        await records.claims.finish(KEY, state=state, output=1, error=None, now=NOW)
    found = await claim(records, call(again))
    assert found is not None
    assert (found.key, found.state) == (KEY, state)


@pytest.mark.parametrize("state", ["succeeded", "unknown", "failed", "rejected", "not_sent"])
async def test_of_what_was_sent_before_that_is_told_which_may_have_had_an_effect(
    records: Records, state: CallState
) -> None:
    await plan(records)
    await decide(records)
    await claim(records)
    await records.claims.finish(KEY, state=state, output=None, error="why", now=NOW)
    found = await records.claims.sent_before(DIGEST, ADA.tenant, "thread")
    told = [(one.key, one.turn_id, one.state, one.may_have_happened) for one in found]
    effect = state in ("unknown", "failed")
    assert told == ([] if state in ("rejected", "not_sent") else [(KEY, "turn", state, effect)])
    assert await records.claims.sent_before(DIGEST, "user:eve", "thread") == []
    assert await records.claims.sent_before(DIGEST, ADA.tenant, "another thread") == []
    failed = await records.claims.failed_with(TOOL, CONNECTION, turn_id="turn", tenant=ADA.tenant, thread_id="thread")
    assert [one.key for one in failed] == ([KEY] if state == "failed" else [])


async def test_what_a_person_said_did_not_happen_needs_no_warning(records: Records) -> None:
    await plan(records)
    await decide(records)
    await claim(records)
    await records.claims.finish(KEY, state="unknown", output=None, error="lost", now=NOW)
    await decide(records, replace(KEY, attempt=2), verdict="rejected")
    (left_open,) = await records.claims.sent_before(DIGEST, ADA.tenant, "thread")
    assert left_open.may_have_happened
    await records.claims.settle(KEY, state="failed", error="ada says so", now=NOW)
    (settled,) = await records.claims.sent_before(DIGEST, ADA.tenant, "thread")
    assert not settled.may_have_happened


@pytest.mark.parametrize("state", ["failed", "unknown"])
async def test_a_rule_covers_no_repeat_of_what_may_have_happened_and_a_person_does(
    records: Records, state: CallState
) -> None:
    await plan(records)
    await plan(records, "next", turn_id="next turn")
    await decide(records)
    await claim(records)
    await records.claims.finish(KEY, state=state, output=None, error="why", now=NOW)
    again = replace(KEY, plan_id="next")
    by_rule = Decision(again, "approved", DIGEST, ARGUMENTS, asked_id="", actor="policy:robot")
    with pytest.raises(NotAllowed, match="a person must decide"):
        await records.claims.claim(call(again), tenant=ADA.tenant, thread_id="thread", now=NOW, by_rule=by_rule)
    assert await records.decisions.of_plan("next", ADA.tenant) == {}, "nor is the rule's decision kept"
    await decide(records, again)
    assert await claim(records, call(again)) is None


async def test_a_claim_that_is_withdrawn_can_be_made_again_and_nobody_withdraws_another_ones(records: Records) -> None:
    await plan(records)
    await decide(records)
    await claim(records)
    await records.claims.withdraw(replace(call(), worker="another"))
    assert await claim(records) is not None
    await records.claims.withdraw(call())
    assert await claim(records) is None
    await records.claims.finish(KEY, state="succeeded", output=1, error=None, now=NOW)
    await records.claims.withdraw(call())
    assert (found := await records.calls.get(KEY)) is not None
    assert found.state == "succeeded"
