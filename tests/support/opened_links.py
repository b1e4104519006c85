"""What a person does with a link to connect an account."""

import re
import time
from collections.abc import Mapping
from html import unescape
from urllib.parse import urljoin

import httpx

from waiting_hosts import PATIENCE


async def open_link(link: str, cookies: Mapping[str, str]) -> float:
    """What a person does with a link in a chat: opens it, goes on, authorizes at Nango's page. Returns when that was
    pressed (`time.perf_counter`). Raises `LinkIsDead` where the page says that it is too late.
    """
    async with httpx.AsyncClient(
        follow_redirects=True, trust_env=False, cookies=dict(cookies), timeout=PATIENCE
    ) as browser:
        page = await browser.get(link)
        if page.status_code == 410:
            raise LinkIsDead
        page.raise_for_status()
        if 'name="decision" value="continue"' in page.text:
            page = (await browser.post(str(page.url), data=_fields(page.text))).raise_for_status()
        action = re.search(r'<form[^>]*action="([^"]*)"', page.text)
        pressed = time.perf_counter()
        done = await browser.post(
            urljoin(str(page.url), unescape(action[1]) if action else ""), data=_fields(page.text)
        )
        done.raise_for_status()
    return pressed


class LinkIsDead(Exception):
    """The page behind our link answers 410."""


def _fields(page: str) -> dict[str, str]:
    """Of the first form: hidden fields, and its first button."""
    form = re.search(r"<form.*?</form>", page, re.DOTALL)
    assert form is not None, page
    fields: dict[str, str] = {}
    for tag in re.findall(r"<(?:input|button)[^>]*>", form[0]):
        name, value = re.search(r'name="([^"]*)"', tag), re.search(r'value="([^"]*)"', tag)
        if name and name[1] not in fields:
            fields[name[1]] = unescape(value[1]) if value else ""
    return fields
