"""The whole way in Chromium: our page, its policy, Nango's page, and back into the chat."""

import os
import shutil
from pathlib import Path

import pytest
from playwright.async_api import async_playwright

QUIET = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]


@pytest.fixture
async def browser(pytestconfig):
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        if pytestconfig.getoption("--require-system"):
            pytest.fail("Chromium is not installed: apt-get install chromium")
        pytest.skip("Chromium is not installed")
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path=chromium, args=QUIET)
        yield running
        await running.close()


async def shot(page, name: str) -> None:
    if folder := os.environ.get("SCREENSHOTS"):
        await page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


@pytest.mark.system
async def test_the_button_leads_to_nango_and_the_chat_goes_on(browser, web) -> None:
    link = (await web.ask())["connect_link"]
    page = await browser.new_page()
    complaints: list[str] = []
    page.on(
        "console", lambda message: complaints.append(message.text) if message.type in {"error", "warning"} else None
    )
    await page.goto(link)
    assert await page.title() == "Connect GitHub"
    await page.get_by_role("button", name="Continue to GitHub").click()
    await page.wait_for_url(f"{web.agent.sandbox.base_url}/connect?session_token=*")
    assert await page.evaluate("document.referrer") == "", "our address is not told"
    await page.go_back()
    assert await page.get_by_role("button", name="Continue to GitHub").is_visible()
    await page.get_by_role("button", name="Continue to GitHub").click()
    await page.get_by_role("button", name="Authorize").click()
    assert (await web.answered())[1]["woken"] == 1
    await web.settled()
    await page.goto(link)
    assert await page.get_by_role("heading", name="Already connected").is_visible()
    assert complaints == [], "the policy was met by everything on the way"


@pytest.mark.system
async def test_another_site_can_neither_press_the_button_nor_frame_the_page(browser, web, start_web) -> None:
    link = (await web.ask())["connect_link"]
    wait = await web.wait()
    context = await browser.new_context()
    page = await context.new_page()
    await page.goto(link)  # the cookie is there
    evil = f"<form method=post action='{link}'><input name=decision value=decline><button>Win</button></form>"
    # Another site for the browser: localhost is not 127.0.0.1.
    elsewhere = web.url.replace("127.0.0.1", "localhost")
    await context.route(f"{elsewhere}/evil", lambda route: route.fulfill(content_type="text/html", body=evil))
    await page.goto(f"{elsewhere}/evil")
    async with page.expect_navigation() as navigation:
        await page.get_by_role("button", name="Win").click()
    assert (await navigation.value).status == 403
    assert await page.get_by_role("heading", name="Please open the link again").is_visible()
    framing = f"<iframe src='{link}'></iframe>"
    await context.route(f"{elsewhere}/frame", lambda route: route.fulfill(content_type="text/html", body=framing))
    await page.goto(f"{elsewhere}/frame")
    assert await page.frames[1].query_selector("form") is None
    assert await web.state_of(wait) == "open"


@pytest.mark.system
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1024])
async def test_the_pages_fit_a_small_screen_and_can_be_read(browser, web, scheme, width) -> None:
    user = "ada.lovelace-with-a-rather-long-name@analytical-engines.example"
    link = (await web.ask(user=user, organization_id="Analytical Engines"))["connect_link"]
    page = await browser.new_page(viewport={"width": width, "height": 700}, color_scheme=scheme)
    for name, address in (("ask", link), ("unknown", f"{web.url}/connect/forged")):
        await page.goto(address)
        await shot(page, f"{name}-{scheme}-{width}")
        assert await page.evaluate("document.documentElement.scrollWidth") <= width
        assert await page.evaluate("document.documentElement.lang") == "en"
        assert await page.locator("h1").count() == 1
    await page.goto(link)
    for button in await page.get_by_role("button").all():
        box = await button.bounding_box()
        assert box["height"] >= 44, "large enough for a finger"
    ink, ground = await page.evaluate(
        "[getComputedStyle(document.querySelector('.go')).color, getComputedStyle(document.querySelector('.go')).backgroundColor]"
    )
    assert contrast(ink, ground) >= 4.5
    soft, card = await page.evaluate(
        "[getComputedStyle(document.querySelector('dt')).color, getComputedStyle(document.querySelector('main')).backgroundColor]"
    )
    assert contrast(soft, card) >= 4.5
    await page.keyboard.press("Tab")
    assert await page.evaluate("document.activeElement.textContent") == "Continue to GitHub"
    await page.get_by_role("button", name="Don’t connect").click()
    await shot(page, f"declined-{scheme}-{width}")
    assert await page.get_by_role("heading", name="Not connected").is_visible()


def contrast(one: str, other: str) -> float:
    """As WCAG 2.2 defines it, of two `rgb(r, g, b)`."""

    def luminance(colour: str) -> float:
        parts = [int(part) / 255 for part in colour.removeprefix("rgb(").removesuffix(")").split(",")]
        red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)
