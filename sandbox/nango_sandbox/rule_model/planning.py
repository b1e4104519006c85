"""What the planner submits: what a turn calls for, before its request is looked at closely."""

import re
from dataclasses import replace

from nango_sandbox.rule_model.answering import account
from nango_sandbox.rule_model.conversation import (
    agreed_but,
    combined,
    goes_on,
    is_small_talk,
    is_thanks,
    tries_again,
    withdrawn,
)
from nango_sandbox.rule_model.decision import Decision, overview
from nango_sandbox.rule_model.prompt import Prompt, Result
from nango_sandbox.rule_model.solving import clauses_in, services_of, solve
from nango_sandbox.rule_model.switching import switched
from nango_sandbox.rule_model.unfinished import counted, otherwise, renumbered

_SHORT = 3  # words of a reply that may answer a question although it begins with a verb: "label bug"
_LONGEST = 20  # steps of a plan


def plan(prompt: Prompt) -> Decision:
    if prompt.problem:
        return _after(prompt)
    switch = switched(prompt)
    if isinstance(switch, Decision):
        return switch
    prompt = switch
    wish = agreed_but(prompt.request)
    if prompt.unfinished and (goes_on(prompt.request) or tries_again(prompt.request) or wish):
        return _resumed(prompt, wish)
    if prompt.send_again:
        return _sent_again(prompt)
    if is_thanks(prompt.request):
        return Decision("answer", "You are welcome.")
    if is_small_talk(prompt.request):
        return Decision("answer", overview(prompt.tools, prompt.integrations))
    if withdrawn(prompt.request):
        return Decision("answer", "All right, I leave it at that.")
    if tries_again(prompt.request):
        before = [turn.said for turn in prompt.history if not turn.mine and not tries_again(turn.said)]
        return solve(prompt, before[-1]) if before else Decision("question", "What shall I try again?")
    decision = solve(prompt, prompt.request)
    whole = combined(prompt.history, prompt.request, services_of(prompt))
    if whole and not (_is_a_job(prompt) and (decision.kind == "plan" or len(prompt.request.split()) > _SHORT)):
        continued = solve(prompt, whole)
        if continued.kind != "answer" or decision.kind == "answer":
            return continued
    if goes_on(prompt.request):
        return Decision("answer", "There is nothing left to go on with. Tell me what you would like me to do.")
    return decision


def _sent_again(prompt: Prompt) -> Decision:
    """What the user said is to be sent again, and then what the request asks for, if that can be planned beside it."""
    again = _resumed(replace(prompt, unfinished=prompt.send_again), "")
    if again.kind != "plan":
        return again
    prefix, number = counted(prompt.next_id)
    after = replace(prompt, unfinished=(), send_again=(), next_id=f"{prefix}{number + len(again.steps)}")
    asked = plan(after)
    if asked.kind in ("integration", "account"):
        return asked  # the planner is asked again then, with the same steps
    return replace(again, steps=(*again.steps, *asked.steps), sought=asked.sought)


def _resumed(prompt: Prompt, wish: str) -> Decision:
    """The unfinished plan, with the one change that was wished for."""
    steps = otherwise(prompt.unfinished, wish) if wish else list(prompt.unfinished)
    if steps is None:
        jobs = ", ".join(str(step.get("purpose") or step["tool"]).lower() for step in prompt.unfinished)
        return Decision("question", f"I have not gone on ({jobs}), because I do not see what “{wish}” is to change. "
                        "Could you say the whole request again, the way you want it?")  # fmt: skip
    at_hand = {tool.key for tool in prompt.tools}
    lacking = [str(step["tool"]).partition("/")[0] for step in steps if step["tool"] not in at_hand]
    others = {one.key for one in prompt.integrations}
    if lacking and lacking[0] in others:
        return Decision("integration", integration=lacking[0])
    if lacking:
        return Decision("answer", f"I cannot go on: the tools of {lacking[0]} are not there any more.")
    return Decision("plan", steps=tuple(renumbered(steps, prompt.next_id)))


def _after(prompt: Prompt) -> Decision:
    """Says what became of the plan that failed. Trying the same again would not mend it."""
    results, sought = _ran(prompt)
    if not results:
        went = f"That did not work: {prompt.problem.rstrip('.')}."
        return Decision("answer", f"{went} I have not tried the same again; tell me what to do differently.")
    return Decision("answer", account(results, prompt.request, sought=sought))


def _ran(prompt: Prompt) -> tuple[list[Result], str]:
    """The results of this turn, and what its plan looked for: the prompt does not set them apart from earlier ones.

    They are those that the request makes a plan of again; else those that the problem names.
    """
    told = re.findall(r"Step (\w+) (?:failed|did nothing)", prompt.problem)
    failed = [result.id for result in prompt.earlier if result.id in told]
    for size in range(1, min(len(prompt.earlier), _LONGEST) + 1) if failed else ():
        before, ran = prompt.earlier[:-size], prompt.earlier[-size:]
        if not {result.id for result in ran}.issuperset(failed):
            continue
        again = plan(replace(prompt, earlier=before, problem="", next_id=ran[0].id))
        if [(step["id"], step["tool"]) for step in again.steps] == [(result.id, result.tool) for result in ran]:
            return list(ran), again.sought
    return [result for result in prompt.earlier if result.id in failed], ""


def _is_a_job(prompt: Prompt) -> bool:
    return any(clause.verb or clause.asks for clause in clauses_in(prompt, prompt.request))
