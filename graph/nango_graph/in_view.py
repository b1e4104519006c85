"""What happened before, as a model may see it: without what a rule denies by now, and without what the catalogue holds back."""

from nango_graph.connections.finding import integrations_for
from nango_graph.offering import Offer, offer_of, visible
from nango_graph.records import TurnRow
from nango_graph.services import Services
from nango_graph.state import Result, State


async def in_view(state: State, turn: TurnRow, services: Services, offer: Offer | None = None) -> State:
    """The state with the results, and the steps of an unfinished plan, of tools that a model may still hear of.

    offer: of this turn, where it is at hand
    """
    unfinished = state.get("unfinished") or []
    named = {result["tool"] for result in [*state["earlier"], *state["results"]]}
    withheld = await _withheld(named | {str(step.get("tool")) for step in unfinished}, state, turn, services, offer)
    if not withheld:
        return state

    def seen(results: list[Result]) -> list[Result]:
        return [result for result in results if result["tool"] not in withheld]

    return {
        **state,
        "earlier": seen(state["earlier"]),
        "results": seen(state["results"]),
        "unfinished": [step for step in unfinished if step.get("tool") not in withheld],
    }


async def _withheld(named: set[str], state: State, turn: TurnRow, services: Services, offer: Offer | None) -> set[str]:
    """Of these tools, by id. Those of integrations that this turn does not use are judged as the choice of them is."""
    if not named:
        return set()
    connections = state.get("connections") or {}
    if offer is None and connections:
        offer = await offer_of(state, turn, services)
    withheld = {*offer.denied, *(held.tool for held in offer.held)} if offer is not None else set[str]()
    elsewhere = {tool.partition("/")[0] for tool in named} - connections.keys()
    if elsewhere:
        summaries = [one for one in await integrations_for(services, turn.requester) if one.key in elsewhere]
        shown = {f"{one.key}/{name}" for one in await visible(summaries, turn, services) for name, _ in one.tools}
        withheld |= {f"{one.key}/{name}" for one in summaries for name, _ in one.tools} - shown
        withheld |= {held.tool for integration in elsewhere for held in services.catalog.held(integration)}
    return named & withheld
