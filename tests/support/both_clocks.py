"""The agent's time and the sandbox's, moved as one."""

import asyncio

from agents import MovableClock
from nango_sandbox.clock import Clock


class BothClocks(MovableClock):
    """Whoever sleeps moves both. Those who sleep at the same time do not sleep one after another.

    settling: real seconds in which whatever answers are on their way come in before time passes
    """

    def __init__(self, sandbox: Clock, *, settling: float = 0.02) -> None:
        super().__init__()
        self._sandbox = sandbox
        self._settling = settling

    async def sleep(self, seconds: float) -> None:
        until = self.time + seconds
        await asyncio.sleep(self._settling)
        if until > self.time:
            self._sandbox.advance(until - self.time)
            self.time = until
