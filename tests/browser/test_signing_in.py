"""Signing in with the address that `gatelab up` prints or with a typed key, and signing out."""

from urllib.parse import urlsplit

from playwright.sync_api import expect

from gatelab.client.api import Gatelab
from gatelab.client.credentials import local_key
from tests.browser.conftest import Open


def key_of(installation: Gatelab) -> str:
    key = local_key(urlsplit(installation.url).port or 80)
    assert key
    return key


def test_the_printed_address_signs_in_and_shows_no_key(open_page: Open, installation: Gatelab) -> None:
    watched = open_page(signed_in=False)
    page = watched.go(f"/#key={key_of(installation)}")
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    expect(page.get_by_role("heading", name="Jobs")).to_be_visible()
    assert key_of(installation) not in page.url
    assert page.evaluate("document.cookie") == ""
    page.reload()
    expect(page.get_by_role("heading", name="Jobs")).to_be_visible()


def test_an_address_replaces_no_session_silently(open_page: Open, installation: Gatelab) -> None:
    """Another page may link here, and must not make the user act as somebody else."""
    watched = open_page()
    page = watched.go("/#key=gatelab_of_somebody_else")
    expect(page.get_by_role("heading", name="Sign in with another key?")).to_be_visible()
    watched.shoot("other-session")
    page.get_by_role("button", name="Stay signed in").press("Enter")
    expect(page.get_by_role("heading", name="Jobs")).to_be_visible()
    assert "gatelab_of" not in page.url
    page.goto(f"{installation.url}/corpora#key={key_of(installation)}")
    page.get_by_role("button", name="Use the address's key").press("Enter")
    expect(page.get_by_role("heading", name="Corpora")).to_be_visible()


def test_a_key_is_typed_and_given_back_by_keyboard(open_page: Open, installation: Gatelab) -> None:
    watched = open_page(signed_in=False)
    page = watched.go("/corpora")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    watched.shoot("sign-in")
    field = page.get_by_label("API key")
    field.focus()
    page.keyboard.type("gatelab_wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("unknown or was revoked")
    watched.forgive("401")
    field.fill("")
    field.focus()
    page.keyboard.type(key_of(installation))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Corpora")).to_be_visible()
    page.get_by_role("button", name="Sign out").press("Enter")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
