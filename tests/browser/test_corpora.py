"""An uploaded text, and the service's notes on it."""

from playwright.sync_api import Route, expect

from gatelab.client.api import Gatelab
from tests.browser.conftest import Open
from tests.service.installation import TEXT

NOTES = ["3 lines end with a carriage return and a line feed.", "It is not in normal form C."]


def test_what_was_noticed_in_a_text_is_told(open_page: Open, installation: Gatelab) -> None:
    window = open_page()

    def note(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, json=answer.json() | {"notes": NOTES})

    window.page.route("**/v1/corpora/noticed", note)
    page = window.go("/corpora")
    page.get_by_label("A UTF-8 text file").set_input_files(
        {"name": "noticed.txt", "mimeType": "text/plain", "buffer": TEXT.encode()}
    )
    page.get_by_role("button", name="Upload").click()
    told = page.get_by_role("region", name="Notes on the text")
    expect(told.get_by_role("listitem")).to_have_text(NOTES)
    page.unroute("**/v1/corpora/noticed")
    page.route("**/v1/corpora/noticed", lambda route: route.fulfill(json=route.fetch().json() | {"notes": []}))
    page.reload()
    expect(page.get_by_role("heading", name="noticed")).to_be_visible()
    expect(told).to_have_count(0)
