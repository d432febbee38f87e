"""A browser, an installation, and the rule that a page causes no error and contacts no other host."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Playwright, Request, expect, sync_playwright

from gatelab.client.api import Gatelab
from gatelab.client.credentials import local_key
from service.authorization import COOKIE
from service.static_files import FOLDER
from tests.acceptance.local_server import Up
from tests.browser import chromium
from tests.waiting import PATIENCE

SCREENSHOTS = Path(__file__).parent / "screenshots"
DESK, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}

expect.set_options(timeout=PATIENCE * 1000)


@dataclass
class Watched:
    """A page, with a record of everything that it should not have done."""

    page: Page
    url: str
    errors: list[str] = field(default_factory=list)

    def go(self, path: str) -> Page:
        self.page.goto(self.url + path)
        return self.page

    def forgive(self, part: str) -> None:
        """The browser reports refused requests as errors; this one was intended."""
        expected = [told for told in self.errors if part in told]
        assert expected
        self.errors = [told for told in self.errors if told not in expected]

    def shoot(self, name: str) -> None:
        """Save a screenshot for people who want to see the view."""
        SCREENSHOTS.mkdir(exist_ok=True)
        self.page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)


Open = Callable[..., Watched]


# Its scope is a module, not the session: while Playwright lives, its event loop runs in this thread, and no other can.
@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="module")
def browser(playwright: Playwright) -> Iterator[Browser]:
    assert (FOLDER / "index.html").is_file(), "the page is not built: make page"
    program = chromium.find(Path(playwright.chromium.executable_path))
    browser = playwright.chromium.launch(executable_path=program, args=list(chromium.FLAGS))
    yield browser
    browser.close()


@contextmanager
def watched(
    browser: Browser, url: str, *, key: str | None = None, dark: bool = False, phone: bool = False
) -> Iterator[Watched]:
    """A new window on an installation, signed in with a key, and the errors that occur in it."""
    viewport = PHONE if phone else DESK
    context = browser.new_context(
        viewport={"width": viewport["width"], "height": viewport["height"]}, color_scheme="dark" if dark else "light"
    )
    context.set_default_timeout(PATIENCE * 1000)
    if key:
        context.add_cookies([{"name": COOKIE, "value": key, "url": url}])
    opened = Watched(context.new_page(), url)

    def hear(told: ConsoleMessage) -> None:
        if told.type in ("error", "warning"):
            opened.errors.append(f"{told.text} ({told.location['url']})")

    def see(asked: Request) -> None:
        if not asked.url.startswith((url, "blob:")):
            opened.errors.append(f"asked {asked.url}")

    opened.page.on("console", hear)
    opened.page.on("pageerror", lambda error: opened.errors.append(str(error)))
    opened.page.on("request", see)
    yield opened
    context.close()


@pytest.fixture
def open_page(browser: Browser, installation: Gatelab) -> Iterator[Open]:
    """Opens windows on the installation. At the end, none of them may have caused an error."""
    opened: list[Watched] = []
    contexts = []

    def open_one(*, dark: bool = False, phone: bool = False, signed_in: bool = True) -> Watched:
        key = local_key(urlsplit(installation.url).port or 80) if signed_in else None
        context = watched(browser, installation.url, key=key, dark=dark, phone=phone)
        contexts.append(context)
        opened.append(context.__enter__())
        return opened[-1]

    yield open_one
    for context in contexts:
        context.__exit__(None, None, None)
    assert [error for one in opened for error in one.errors] == []


@pytest.fixture(scope="session")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gatelab]:
    """A whole Gatelab for all tests of the page, which do not touch each other's jobs."""
    up = Up(tmp_path_factory.mktemp("page"))
    try:
        with Gatelab(up.url) as client:
            yield client
    finally:
        up.stop()
