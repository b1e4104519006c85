"""The link of the demo, opened and pressed in a real browser."""

import re
import shutil

import pytest
from playwright.async_api import async_playwright

QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.mark.system
async def test_one_click_on_the_connect_page_lets_the_chat_go_on(start, pytestconfig):
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        if pytestconfig.getoption("--require-system"):
            pytest.fail("Chromium is not installed: apt-get install chromium")
        pytest.skip("Chromium is not installed")
    demo = await start("demo")
    page_of_sandbox = re.search(r"ledger: (\S+)", await demo.expect("> "))[1]
    await demo.send("How many open issues does octo/gadgets have?")
    link = re.search(r"http://\S+session_token=\w+", await demo.expect("waiting: "))[0]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=QUIET)
        page = await browser.new_page()
        await page.goto(link)
        await page.get_by_role("button", name="Authorize").click()
        await demo.expect("Connected.")
        await demo.expect("> ")
        await page.goto(page_of_sandbox)
        assert "github/list-issues" in await page.inner_text("body")
        await browser.close()
