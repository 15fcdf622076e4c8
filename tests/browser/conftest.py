"""Chromium for the tests here, started once for the folder. All of them are slow to start: keep to few files."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Error, Page

from tests.browser.chromium import NoChromium, chromium, new_page


# Not for the session: while Playwright runs, its event loop is the thread's, and other tests have loops of their own.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    try:
        with chromium() as running:
            yield running
    except NoChromium as reason:
        pytest.skip(str(reason))


@pytest.fixture
def complaints() -> list[str]:
    """What the page's scripts threw, and what the browser refused: policies broken, files not found."""
    return []


@pytest.fixture
def page(browser: Browser, complaints: list[str]) -> Iterator[Page]:
    """A page in an empty profile. A test that expects complaints empties the list."""

    def said(message: ConsoleMessage) -> None:
        if message.type == "error":
            complaints.append(message.text)

    def thrown(error: Error) -> None:
        complaints.append(str(error))

    with new_page(browser) as opened:
        opened.on("console", said)
        opened.on("pageerror", thrown)
        yield opened
    assert complaints == []
