"""Record the moving picture of the README: `python -m scripts.handbook.picture` writes docs/images/tour.webp.

It starts an installation, trains a grid on Python's own help texts, and takes screenshots of the real page in Chromium:
growing curves, the heat map, a model that generates text, and the gate lab with a gate held.
"""

import io
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from pydoc import plain
from pydoc_data.topics import topics
from urllib.parse import urlsplit

from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright

from gatelab.client.api import Gatelab
from gatelab.client.credentials import local_key
from scripts.handbook import DOCS
from service.authorization import COOKIE
from tests.acceptance.local_server import Up
from tests.browser import chromium
from tests.waiting import PATIENCE

expect.set_options(timeout=PATIENCE * 1000)

TARGET = DOCS / "images" / "tour.webp"
SIZE = {"width": 1180, "height": 760}
WIDTH = 880
"""The picture's size in pixels. The page is laid out wider, and scaled down."""
LENGTH = 20_000
"""Characters of the text. The grid should train within a minute, also on a busy machine."""
SPEC = {
    "name": "help-texts",
    "corpus": "help-texts",
    "training": {"batch_size": 64, "epochs": 2, "optimizer": {"kind": "adam", "lr": 0.01}},
    "grid": {"model.cell.hidden": [8, 16, 32], "training.optimizer.lr": [0.001, 0.003, 0.01]},
}


class Film:
    """Pictures with the time for which each is shown."""

    def __init__(self) -> None:
        self._pictures: list[Image.Image] = []
        self._milliseconds: list[int] = []

    def shoot(self, page: Page, milliseconds: int) -> None:
        picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
        height = round(picture.height * WIDTH / picture.width)
        self._pictures.append(picture.resize((WIDTH, height), Image.Resampling.LANCZOS))
        self._milliseconds.append(milliseconds)

    def save(self, target: Path) -> None:
        first, *rest = self._pictures
        first.save(target, save_all=True, append_images=rest, duration=self._milliseconds, loop=0, quality=60, method=3)


@contextmanager
def window(url: str) -> Iterator[Page]:
    """A page in Chromium that is signed in to the installation at `url`."""
    with sync_playwright() as playwright:
        program = chromium.find(Path(playwright.chromium.executable_path))
        browser = playwright.chromium.launch(executable_path=program, args=list(chromium.FLAGS))
        context = browser.new_context(viewport={"width": SIZE["width"], "height": SIZE["height"]})
        context.set_default_timeout(PATIENCE * 1000)
        if key := local_key(urlsplit(url).port or 80):
            context.add_cookies([{"name": COOKIE, "value": key, "url": url}])
        yield context.new_page()
        browser.close()


def record(url: str, target: Path) -> None:
    """Walk through the page of an installation and record the screenshots."""
    film = Film()
    with Gatelab(url) as gatelab, window(url) as page:
        gatelab.add_corpus("help-texts", plain("\n".join(topics.values()))[:LENGTH])
        job = gatelab.submit(SPEC).id
        page.goto(f"{url}/jobs/{job}")
        expect(page.get_by_text("As a table")).to_be_visible()
        film.shoot(page, 800)
        seen = 0
        while gatelab.job(job).state != "succeeded":
            if gatelab.job(job).runs.succeeded > seen:
                seen = gatelab.job(job).runs.succeeded
                film.shoot(page, 500)
            page.wait_for_timeout(500)
        film.shoot(page, 1500)
        page.goto(f"{url}/jobs/{job}?tab=heat")
        expect(page.get_by_role("main").get_by_text("best").first).to_be_visible()
        film.shoot(page, 2500)
        best = min(gatelab.runs(job), key=lambda run: run.metrics.validation_perplexity or 1e9)
        _write(page, f"{url}/playground?a={best.id}", film)
        _hold(page, f"{url}/gates?run={best.id}&text=the+statement", film)
    film.save(target)


def _write(page: Page, address: str, film: Film) -> None:
    page.goto(address)
    page.get_by_role("button", name="Write", exact=True).click()
    expect(page.get_by_role("button", name="Continue")).to_be_enabled()
    film.shoot(page, 3000)


def _hold(page: Page, address: str, film: Film) -> None:
    page.goto(address)
    expect(page.get_by_text("The initial state:")).to_be_visible()
    film.shoot(page, 2000)
    ranges = page.get_by_role("form", name="Hold a range of steps")
    ranges.get_by_role("button").first.click()
    expect(page.get_by_role("region", name="Held gates")).to_be_visible()
    page.wait_for_timeout(1500)
    film.shoot(page, 3500)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        up = Up(Path(folder) / "data")
        try:
            record(up.url, TARGET)
        finally:
            up.stop()
    print(f"{TARGET.name}: {TARGET.stat().st_size / 1024:.0f} KiB")
