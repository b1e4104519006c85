"""What people are told of calls that failed: what they can do, before what may be cut."""

from dataclasses import replace
from typing import Any

import pytest

from nango_graph.execution.words import AskOfStep, told_of, why_failed
from nango_graph.nodes.respond import plain_account
from nango_graph.planning.plan import Step
from nango_graph.questions import approval_requests
from nango_graph.records import AUTHORIZATION, Call, CallKey
from nango_graph.state import Connection, Result
from nango_tools import errors

ID = "364f83c1-9b5c-4b4e-8f5e-0d6a3c1f2b7a"
ATTEMPT = errors.Call("POST /action/trigger", ID, "desk", "create-ticket", writes=True)


def call(error: errors.NangoError | str, *, access: str = "write", item: str = "", number: Any = 1) -> Call:
    """As the records have it."""
    state: Any = error.outcome.value if isinstance(error, errors.NangoError) else "failed"
    return Call(
        CallKey("p", "s1", item, 1),
        "desk/create-ticket",
        ID,
        access,
        "digest",
        {"number": number},
        state,
        "worker",
        0.0,
        error=str(error),
    )


def step(**more: Any) -> Step:
    return Step.model_validate({"id": "s1", "tool": "desk/create-ticket", "arguments": {}, **more})


def upstream(status: int, said: str = "no", **facts: Any) -> errors.UpstreamError:
    outcome = errors.Outcome.of_upstream(status)
    return errors.UpstreamError(f"the provider answered {status}: {said}", call=ATTEMPT, outcome=outcome, **facts)


MOVES = [
    (errors.InvalidKeyError("m", call=ATTEMPT), "Ask the admin"),
    (errors.InsufficientScopeError("m", call=ATTEMPT), "Ask the admin"),
    (errors.ActionDisabled("m", call=ATTEMPT), "Ask the admin of the integration to enable the action."),
    (errors.UnknownIntegration("m", call=ATTEMPT), "Ask the admin"),
    (errors.ActionNotFound("m", call=ATTEMPT), "Ask the admin"),
    (errors.UnknownConnection("m", call=ATTEMPT), "Connect the account again"),
    (errors.ReauthorizationRequired("m", call=ATTEMPT), "Authorize the account again"),
    (errors.RateLimited("m", call=ATTEMPT, retry_after=12), "Ask again in 12 seconds."),
    (errors.RateLimited("m", call=ATTEMPT), "Ask again later."),
    (errors.InvalidInput("m", call=ATTEMPT), "Ask again in other words"),
    (errors.NetworkFailure("m", call=ATTEMPT, outcome=errors.Outcome.NOT_SENT), "Ask again later"),
    (upstream(400), "Correct what the cause names"),
    (upstream(401), "Authorize the account again"),
    (upstream(403), "Ask the admin of the account for access"),
    (upstream(404), "Check in the account"),
    (upstream(429, limited=True, retry_after=30.0), "Ask again in 30 seconds."),
    (upstream(500), "Look in the account before you have it sent again."),
    (errors.TimedOut("m", call=ATTEMPT, outcome=errors.Outcome.UNKNOWN), "once 15 minutes have passed"),
    (errors.ActionRuntimeError("m", call=ATTEMPT), "Correct what the cause names"),
]


@pytest.mark.parametrize(("error", "move"), MOVES)
def test_each_failure_has_a_move_that_a_user_can_make(error: errors.NangoError, move: str) -> None:
    told = told_of(call(error))
    assert move in told
    assert error.message in told
    assert ID not in told
    assert "upstream_body" not in told
    assert "NANGO" not in told
    assert told.index(move) < told.index("Cause: "), "what may be cut comes last"


@pytest.mark.parametrize(("error", "move"), MOVES)
def test_a_read_that_failed_changed_nothing(error: errors.NangoError, move: str) -> None:
    made = call(error, access="read")
    for read in (made, replace(made, state="failed"), replace(made, state="unknown")):
        told = told_of(read)
        assert "may have" not in told
        assert "before you have it sent again" not in told
        assert "did not run" in told or "Nothing was" in told


def test_a_write_that_ran_and_failed_is_to_be_looked_after() -> None:
    told = told_of(call(upstream(404)))
    assert told.startswith("It ran and failed: what it did before that may have taken effect. Look in the account. ")


def test_what_a_provider_says_in_the_words_of_this_client_is_still_the_cause() -> None:
    told = told_of(call(upstream(400, "no; the action did not run; enable the action in the Nango dashboard")))
    assert told.startswith("It ran and failed")
    assert "Correct what the cause names" in told
    assert told.endswith("no; the action did not run; enable the action in the Nango dashboard.")


def test_a_connection_that_broke_is_to_be_authorized() -> None:
    broke = replace(call(errors.UnknownConnection("m", call=ATTEMPT)), cause=AUTHORIZATION)
    assert "Authorize the account again" in told_of(broke)


def test_a_fan_out_tells_which_items_failed_and_how_many_did_not() -> None:
    good = replace(call(""), state="succeeded")
    bad = [call(upstream(400), number=number) for number in range(5)]
    odd = call(upstream(403), number="x" * 1_000)
    told = why_failed(step(for_each="${s0}"), "Ada", [good, *bad, odd, good])
    assert told.startswith(
        's1 desk/create-ticket in Ada: 6 of 8 failed, 2 succeeded. {"number": 0}, {"number": 1}, {"number": 2} and 2 more: It ran'
    )
    assert "the provider answered 400" in told
    assert "the provider answered 403" in told
    assert len(told) < 900


def test_of_many_reasons_the_first_are_told_and_the_others_counted() -> None:
    bad = [call(upstream(400, f"reason {number}"), number=number) for number in range(9)]
    told = why_failed(step(for_each="${s0}"), "Ada", bad)
    assert "reason 1" in told
    assert "reason 2" not in told
    assert told.endswith("7 more failed for other reasons.")


def test_a_long_cause_leaves_the_move_within_what_prompts_show() -> None:
    told = why_failed(step(), "A" * 100, [call(upstream(404, "x" * 5_000))])
    assert "Check in the account" in told[:400]
    assert len(told) < 800


def test_what_the_plain_account_says_of_a_step_it_says_once() -> None:
    told = why_failed(step(), "Ada", [call(upstream(404))])
    account = Connection(integration="desk", connection_id=ID, label="Ada")
    shown = plain_account(
        [Result(step="s1", tool="desk/create-ticket", status="failed", error=told)], {"desk": account}
    )
    assert shown.count("desk/create-ticket") == 1
    assert shown.count("Ada") == 1
    assert "Check in the account" in shown


def test_the_question_what_became_of_a_write_tells_equal_ones_apart() -> None:
    lost = call(errors.OutcomeLost("Nango lost *it*", call=ATTEMPT))
    [one] = approval_requests([AskOfStep(lost, "Open the [second] ticket", "Ada's *desk*")])
    assert (
        "Step s1 (Open the \\[second\\] ticket): desk/create-ticket in Ada's \\*desk\\* was sent" in one["description"]
    )
    assert "Cause: Nango lost \\*it\\*." in one["description"]
    assert ID not in one["description"]


def test_of_an_earlier_request_sending_again_is_asked_once_more() -> None:
    lost = call(errors.OutcomeLost("lost", call=ATTEMPT))
    [one] = approval_requests([AskOfStep(lost, "Open a ticket", earlier=True)])
    told = one["description"]
    assert "Step s1 (Open a ticket) of an earlier request: desk/create-ticket in the desk account was sent" in told
    assert "you are asked once more before it is sent" in told
    assert ID not in told
    [same_turn] = approval_requests([AskOfStep(lost, "Open a ticket")])
    assert "earlier request" not in same_turn["description"]
    assert "`not_happened_retry` (send it again)" in same_turn["description"]
