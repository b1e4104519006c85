"""What is wrong with a submission, each in a sentence that lets the model do better. It reads them in `<problem>`."""

from collections.abc import Sequence


def refused(text: str) -> str:
    """The complaint about a submission, `text` being one of the sentences below."""
    return f"Your last submission was refused: {text}"


# Submissions

NO_STEPS = "steps: a plan needs at least one step"
NO_WORDS = "text: say something"
NO_SEARCH = "text: say what the tool that you look for does"


# The plan as a graph


def too_many_steps(count: int, most: int) -> str:
    return f"The plan has {count} steps; at most {most} are allowed. Use for_each for repetitions."


def id_used(step_id: str, free: str = "") -> str:
    return f"Step id {step_id} was used before; {f'begin with {free}' if free else 'ids must be new'}."


def id_is_item() -> str:
    return "No step can have the id item: it names the item of for_each. Use s1, s2, ..."


def in_step(step_id: str, problem: str) -> str:
    return f"Step {step_id}: {problem}"


def not_one_list(step_id: str) -> str:
    return f"Step {step_id}: for_each must be one reference to a list, like ${{s1.items}}."


def list_of_items(step_id: str) -> str:
    return f"Step {step_id}: for_each can't refer to item."


def not_one_condition(step_id: str) -> str:
    return f"Step {step_id}: when must be one reference that holds or not, like ${{length(s1.items) > `0`}}."


def condition_of_items(step_id: str) -> str:
    return (
        f"Step {step_id}: when can't refer to item, because it is looked at once, before for_each. "
        "Filter the list instead: ${s1.items[?state=='open']}."
    )


def item_without_list(step_id: str) -> str:
    return f"Step {step_id} refers to item, but has no for_each."


def needs_itself(step_id: str) -> str:
    return f"Step {step_id} refers to itself, which is a cycle: it can only use outputs of earlier steps."


def cycle(step_ids: Sequence[str]) -> str:
    told = " needs ".join([*step_ids, step_ids[0]])
    return f"There is a cycle: {told}, so none of them could begin. Leave one of these references out."


def needs_later(step_id: str, needed: str) -> str:
    return f"Step {step_id} refers to {needed}, which is not an earlier step, but a later one: put {needed} before it."


def needs_failed(step_id: str, needed: str) -> str:
    return f"Step {step_id} refers to {needed}, which has no output: it did not succeed. Refer to others, or do it anew under a new id."


def needs_nobody(step_id: str, needed: str) -> str:
    return f"Step {step_id} refers to {needed}, which is not an earlier step: there is none of that id."


def selects_by_braces(step_id: str) -> str:
    return f"Step {step_id}: select is JMESPath itself, without ${{}}: issues[].title."


def selects_by_id(step_id: str) -> str:
    return f"Step {step_id}: select looks at the step's own output already: leave {step_id}. out of it."


def cannot_select(step_id: str, problem: str) -> str:
    return f"Step {step_id}: select {problem}"


# The plan and the tools


def no_such_tool(step_id: str, tool: str) -> str:
    return f"Step {step_id}: there is no tool {tool[:100]!r}; use one of those listed, by its full name."


def misfit(step_id: str, tool: str, problem: str, *, shown_now: bool) -> str:
    see = " Its signature is among <tools> now." if shown_now else ""
    return f"Step {step_id}: the arguments don't fit {tool}: {problem}.{see}"
