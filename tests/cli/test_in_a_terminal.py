"""The chat in a real terminal, where lines are edited and a webhook interrupts a prompt that is open."""

import asyncio
import os
import pty
import re
import sys

from nango_graph.cli.autopilot import authorize

COMMAND = [sys.executable, "-m", "nango_graph.cli"]
PATIENCE = 30.0
_ESCAPES = re.compile(r"\x1b(\[[0-9;?]*[A-Za-z]|\][^\x07]*\x07|[=>])")


class Screen:
    def __init__(self, descriptor):
        self._descriptor = descriptor
        self._chunks = asyncio.Queue()
        self._seen = 0
        self.text = ""
        asyncio.get_running_loop().add_reader(descriptor, self._readable)

    def _readable(self):
        try:
            data = os.read(self._descriptor, 65536)
        except OSError:
            data = b""
        if not data:
            asyncio.get_running_loop().remove_reader(self._descriptor)
        self._chunks.put_nowait(data)

    async def expect(self, text):
        async def reading():
            while (found := self.text.find(text, self._seen)) < 0:
                data = await self._chunks.get()
                assert data, f"It ended without {text!r}:\n{self.text}"
                self.text += _ESCAPES.sub("", data.decode(errors="replace"))
            shown = self.text[self._seen : found + len(text)]
            self._seen = found + len(text)
            return shown

        try:
            return await asyncio.wait_for(reading(), PATIENCE)
        except TimeoutError:
            raise AssertionError(f"{text!r} did not come:\n{self.text}") from None

    def type(self, text):
        os.write(self._descriptor, text.encode())


async def test_a_webhook_goes_on_while_the_prompt_is_open_and_keys_decide(tmp_path):
    master, slave = pty.openpty()
    environ = {
        "PATH": os.environ["PATH"],
        "TERM": "xterm",
        "COLUMNS": "200",
        "NANGO_AGENT_DATA_DIR": str(tmp_path),
        "PROMPT_TOOLKIT_NO_CPR": "1",
    }
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        "demo",
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=environ,
        cwd=tmp_path,
        start_new_session=True,
    )
    os.close(slave)
    screen = Screen(master)
    try:
        await screen.expect("exit leaves")
        await screen.expect(">")
        screen.type("Post the titles of the open issues in octo/widgets to #general\r")
        link = re.search(r"http://\S+session_token=\w+", await screen.expect("waiting:"))[0]
        await authorize(link)
        await screen.expect("Connected.")
        await screen.expect("[r]eject:")
        screen.type("a\r")
        await screen.expect("slack/post-message done")
        await screen.expect(">")
        screen.type("\x04")  # end of input
        await screen.expect("Goodbye.")
        assert await asyncio.wait_for(process.wait(), PATIENCE) == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        asyncio.get_running_loop().remove_reader(master)
        os.close(master)
