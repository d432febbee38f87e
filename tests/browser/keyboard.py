"""Using the page without a mouse."""

from playwright.sync_api import Locator, Page

MOST_TABS = 150


def tab_to(page: Page, target: Locator) -> None:
    """Press Tab until the focus is on `target`, which must then be visible."""
    target.wait_for()
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        if target.evaluate("node => node === document.activeElement"):
            assert target.evaluate("node => node.matches(':focus-visible')"), "and it is seen that it is there"
            return
    raise AssertionError(f"no way to {target} by the Tab key")


def press(page: Page, target: Locator, key: str = "Enter") -> None:
    tab_to(page, target)
    page.keyboard.press(key)


def write(page: Page, target: Locator, text: str) -> None:
    """Type a text that replaces the present one."""
    tab_to(page, target)
    page.keyboard.press("Control+A")
    page.keyboard.type(text)
