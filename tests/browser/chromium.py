"""Debian's headless Chromium, driven by Playwright: it talks to this machine and to nobody else."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

PROGRAMS = ("chromium-headless-shell", "chromium")

TIMEOUT = 20_000  # ms; pages come at once, but two cores may be busy

FLAGS = (
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    # Names that a page asks for are not looked up, whatever the network would answer.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
)


class NoChromium(Exception):
    """This machine has no Chromium. The text says how to get it."""


def find_chromium() -> Path:
    """Return the program.

    Raises:
        NoChromium: there is none.
    """
    found = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if found is None:
        raise NoChromium("no chromium-headless-shell: `make system` installs it, as root and on Debian")
    return Path(found)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run it, with an empty profile that goes when it ends.

    Raises:
        NoChromium: there is none.
    """
    program = find_chromium()
    with sync_playwright() as playwright, playwright.chromium.launch(executable_path=program, args=FLAGS) as browser:
        yield browser


@contextmanager
def new_page(browser: Browser, *, width: int = 1280, height: int = 800) -> Iterator[Page]:
    """Open a page as a person would who has never been here."""
    size = {"width": width, "height": height}
    context = browser.new_context(viewport=size, locale="en-GB", timezone_id="UTC")  # type: ignore[arg-type]
    context.set_default_timeout(TIMEOUT)
    yield context.new_page()
    context.close()
