"""Functions that take effect as a whole, as one call of an app's API does."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import wraps
from typing import TypeVar

from nango_sandbox.functions.action import Call

I = TypeVar("I")  # noqa: E741
O = TypeVar("O")  # noqa: E741


def atomic(function: Callable[[Call, I], Awaitable[O]]) -> Callable[[Call, I], Awaitable[O]]:
    """Nothing comes between what the function reads and what it writes, and nothing stays of it if it fails.

    Without it each write stays, as those of a function that calls an app several times. Such a function must not wait.
    """

    @wraps(function)
    async def at_once(call: Call, given: I) -> O:
        async with call.documents.at_once() as documents:
            return await function(replace(call, documents=documents), given)

    return at_once
