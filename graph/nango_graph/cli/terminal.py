"""Lines in and out of a terminal, or of pipes. What is shown may come from outside, so nothing in it is interpreted."""

import asyncio
import shutil
import sys
import textwrap
import threading
from collections.abc import Awaitable
from typing import TextIO, TypeVar

from prompt_toolkit import PromptSession
from prompt_toolkit.formatted_text import FormattedText
from prompt_toolkit.history import InMemoryHistory
from prompt_toolkit.input.typeahead import clear_typeahead
from prompt_toolkit.patch_stdout import patch_stdout

from nango_graph.display import visible

try:
    import termios
except ImportError:  # Windows
    termios = None  # type: ignore[assignment]

T = TypeVar("T")


class EndOfInput(Exception):
    """The user is done: end of input, or one of the words for it."""


GOODBYES = frozenset({"exit", "quit", "bye", ":q"})


class Terminal:
    """Reads lines with editing and history where there is a terminal, plain lines from a pipe otherwise."""

    def __init__(self, output: TextIO = sys.stdout) -> None:
        self._output = output
        self._interactive = sys.stdin.isatty() and output.isatty()
        self._prompts: PromptSession[str] | None = (
            PromptSession(history=InMemoryHistory()) if self._interactive else None
        )
        self._piped = None if self._interactive else _PipedLines(sys.stdin)
        self._at_line_start = True

    async def ask(self, prompt: str, *, afresh: bool = False) -> str:
        """A line without the white space around it. `afresh` forgets keys that were pressed before the prompt was there.

        Raises `EndOfInput`.
        """
        self.end_line()
        if self._prompts is not None:
            if afresh:
                clear_typeahead(self._prompts.input)
                self._prompts.input.flush()
                _forget_pressed_keys()
            try:
                with patch_stdout(raw=True):
                    line = await self._prompts.prompt_async(FormattedText([("bold", prompt)]))
            except (EOFError, KeyboardInterrupt):
                raise EndOfInput from None
        else:
            self._write(prompt)
            line = await self._piped_line()
            # The echo that a terminal would have shown, so that a transcript reads well.
            self._write(f"{visible(line)}\n")
        if line.strip().lower() in GOODBYES:
            raise EndOfInput
        return line.strip()

    async def ask_unless(self, prompt: str, event: Awaitable[T]) -> str | tuple[T]:
        """A line, or in a tuple what `event` brought if that came first. Raises `EndOfInput`."""
        asking = asyncio.ensure_future(self.ask(prompt))
        happening = asyncio.ensure_future(event)
        try:
            await asyncio.wait({asking, happening}, return_when=asyncio.FIRST_COMPLETED)
            if asking.done():
                return asking.result()
            return (happening.result(),)
        finally:
            for task in (asking, happening):
                task.cancel()
            await asyncio.gather(asking, happening, return_exceptions=True)
            self.end_line()

    def say(self, text: str = "") -> None:
        self.end_line()
        for line in visible(text).split("\n"):
            self._write(f"{self._wrapped(line)}\n")

    @property
    def width(self) -> int:
        """Columns; as good as endless where lines go to a pipe."""
        return shutil.get_terminal_size().columns if self._interactive else 1_000_000

    def quote(self, mark: str, text: str) -> None:
        """Text from outside, every line of it behind a mark, nothing of it left out or moved."""
        self.end_line()
        room = max(self.width - len(mark) - 1, 20)
        for line in visible(text, keep="\n").split("\n"):
            for start in range(0, len(line) or 1, room):
                self._write(f"{mark}{line[start : start + room]}\n")

    def explain(self, mark: str, text: str) -> None:
        """Sentences, whole words of them to a line, every line behind a mark: what they quote may come from outside."""
        self.end_line()
        for line in visible(text, keep="\n").split("\n"):
            # Never more than fits: what the terminal itself would wrap stands behind no mark.
            broken = textwrap.wrap(line, max(self.width - len(mark) - 1, 20), break_on_hyphens=False)
            for piece in broken or [""]:
                self._write(f"{mark}{piece}\n")

    def _wrapped(self, line: str) -> str:
        """Whole words to the width of the terminal. Links stay in one piece, and pipes get lines as they are."""
        width = self.width
        if len(line) <= width:
            return line
        indent = " " * (len(line) - len(line.lstrip()))
        return textwrap.fill(
            line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False, drop_whitespace=True
        )

    def stream(self, text: str) -> None:
        self._write(visible(text))

    def end_line(self) -> None:
        if not self._at_line_start:
            self._write("\n")

    def _write(self, text: str) -> None:
        self._output.write(text)
        self._output.flush()
        if text:
            self._at_line_start = text.endswith("\n")

    async def _piped_line(self) -> str:
        if self._piped is None:
            raise EndOfInput
        line = await self._piped.next()
        if not line:
            raise EndOfInput
        return line.rstrip("\n")


def _forget_pressed_keys() -> None:
    if termios is not None:
        termios.tcflush(sys.stdin.fileno(), termios.TCIFLUSH)


class _PipedLines:
    """Lines of a pipe, read by a thread: reading one must not hold up the event loop."""

    def __init__(self, source: TextIO) -> None:
        self._source = source
        self._lines: asyncio.Queue[str] = asyncio.Queue()
        self._started = False

    async def next(self) -> str:
        """The next line with its end, or "" at the end of input."""
        if not self._started:
            self._started = True
            loop = asyncio.get_running_loop()
            threading.Thread(target=self._read, args=(loop,), daemon=True).start()
        return await self._lines.get()

    def _read(self, loop: asyncio.AbstractEventLoop) -> None:
        while True:
            line = self._source.readline()
            try:
                loop.call_soon_threadsafe(self._lines.put_nowait, line)
            except RuntimeError:
                return  # the loop is closed: nobody listens any more
            if not line:
                return
