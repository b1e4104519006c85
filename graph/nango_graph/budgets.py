"""What a turn may use up: calls of the model, tokens, seconds of work, plans. What it has used stands in the records.

The rules of a turn come from its row, capped by what the deployment allows now; neither is taken from the state. Editing the
state, killing a run or forking a thread gives nothing back.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

from langchain_core.messages import AIMessage, AnyMessage
from langchain_core.messages.utils import count_tokens_approximately

from nango_graph.context import Context
from nango_graph.errors import ModelError
from nango_graph.records import TurnRow
from nango_graph.settings import Limits

if TYPE_CHECKING:
    from nango_graph.services import Services

BEAT = 5.0
"""Seconds of the machine between two notes of the time that a long piece of work has taken: a killed run loses no more."""
_ABSURD = 10**9
"""Tokens in one answer. An endpoint that tells more is not believed, and must not overflow a column."""


class BudgetReached(ModelError):
    """The model is not asked, or was cut off, because the turn has used up what it may. `str()` says which budget it is."""


def effective(asked: Mapping[str, Any], limits: Limits) -> dict[str, Any]:
    """The settings of a turn (those of its `Context`), with budgets no higher than the deployment's `limits`."""
    # A turn that an earlier version began knows fewer budgets.
    return {
        **asked,
        **{
            name: min(asked.get(name, Context.model_fields[name].default), most) for name, most in _caps(limits).items()
        },
    }


class Budget:
    """Of one turn, as one node sees it: it counts the seconds from when it is made. One at a time for a turn."""

    def __init__(self, turn: TurnRow, services: "Services") -> None:
        self.most = Context.model_validate(effective(turn.settings, services.settings.limits))
        self._turn = turn
        self._caps = _caps(services.settings.limits)
        self._turns = services.records.turns
        self._clock = services.clock
        self._spent = turn.spent
        self._since = self._clock.now()

    @property
    def seconds_left(self) -> float:
        return self.most.max_seconds - self._spent.seconds - self._unnoted

    def deadline_reached(self) -> str:
        """A sentence for a person, once the time is used up; empty before."""
        return "" if self.seconds_left > 0 else self.said("max_seconds")

    def too_long(self, what: str) -> str:
        """That there is no time left for this, for a person."""
        most = self.most.max_seconds
        return f"{what}, which is longer than what is left of the time that one request may work ({most} seconds). {self.what_to_do('max_seconds')}"

    def said(self, name: str) -> str:
        """That the budget of this name is used up, and what to do, for a person."""
        most: int = getattr(self.most, name)
        return f"I stopped, because {_USED_UP[name].format(most=most)}. {self.what_to_do(name)}"

    def what_to_do(self, name: str) -> str:
        """After this budget was used up, or kept something from being done."""
        if self._caps.get(name) == getattr(self.most, name):
            return f"Ask again to go on from what is done. (Whoever runs this agent can raise {name}, in NANGO_AGENT_LIMITS.)"
        return f"Ask again to go on from what is done, or raise {name} in the context of the run."

    async def spend(self, *, model_calls: int = 0, tokens: int = 0) -> None:
        """Notes this, and the time since it was noted last, in the records."""
        now = self._clock.now()
        seconds, self._since = max(now - self._since, 0.0), now
        self._spent = await self._turns.spend(self._turn.id, model_calls=model_calls, tokens=tokens, seconds=seconds)

    @asynccontextmanager
    async def at_work(self, *, every: float = BEAT) -> AsyncIterator[None]:
        """Notes the time that work takes, also while it goes on: whoever kills it does not get the time back."""
        over = asyncio.Event()
        beating = asyncio.create_task(self._beat(every, over))
        try:
            yield
        finally:
            over.set()
            await beating
            await self.spend()

    async def ask(
        self,
        prompt: Sequence[AnyMessage],
        answer: Callable[[], Awaitable[AIMessage]],
        *,
        tools: Sequence[dict[str, Any]] = (),
    ) -> AIMessage:
        """One call of the model within what is left. It is counted before it leaves, so that one that is killed counts.

        Tokens are those that the endpoint tells, or estimated, at four characters each. Raises `BudgetReached`.
        """
        asked = count_tokens_approximately(prompt, tools=list(tools))
        if reached := self._reached(asked):
            raise BudgetReached(reached)
        await self.spend(model_calls=1)
        tokens = asked
        try:
            async with asyncio.timeout(max(self.seconds_left, 0.0)) as limit:
                message = await answer()
            tokens = _told(message) or asked + count_tokens_approximately([message])
        except TimeoutError:
            if limit.expired():
                raise BudgetReached(self.said("max_seconds")) from None
            raise
        finally:
            await self.spend(tokens=min(tokens, _ABSURD))
        return message

    @property
    def _unnoted(self) -> float:
        return max(self._clock.now() - self._since, 0.0)

    def _reached(self, tokens: int) -> str:
        """Which budget has no room for another call of the model that sends so many tokens."""
        if self._spent.model_calls >= self.most.max_model_calls:
            return self.said("max_model_calls")
        if self._spent.tokens + tokens > self.most.max_tokens:
            return self.said("max_tokens")
        return self.deadline_reached()

    async def _beat(self, every: float, over: asyncio.Event) -> None:
        while not over.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(over.wait(), every)
            if not over.is_set():
                await self.spend()


_USED_UP = {
    "max_replans": "this has been planned again as often as one request may be ({most} times)",
    "max_model_calls": "the language model has been asked as often as one request may ({most} times)",
    "max_tokens": "one request may use {most} tokens of the language model, and there is no room for another call",
    "max_seconds": "the time that one request may work ({most} seconds) is used up",
}


def _caps(limits: Limits) -> dict[str, int]:
    return {f"max_{name}": most for name, most in limits.model_dump(exclude_none=True).items()}


def _told(message: AIMessage) -> int:
    """Tokens in and out, as the endpoint tells; 0 where it tells none."""
    usage = message.usage_metadata
    total = usage.get("total_tokens") if usage else None
    return max(total, 0) if isinstance(total, int) else 0
