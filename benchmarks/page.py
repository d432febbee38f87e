"""What the page costs: bytes, milliseconds until it is usable and a chart is drawn, processor time of the service.

python -m benchmarks.page [--rounds 5] [--seconds 20]

It needs Linux, the built page and Chromium (see tests/browser). Every round starts a new browser.
"""

import argparse
import os
import signal
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Page, Playwright, sync_playwright
from pydantic import SecretStr
from sqlalchemy import insert, update

from benchmarks import tables
from benchmarks.idle_machine import warn_if_busy
from benchmarks.installation import installation, key_of
from gatelab.client.api import Gatelab
from gatelab.settings import Settings
from gatelab.specs import JobSpec
from gatelab.store import State, Store
from gatelab.store.clock import now
from gatelab.store.migrate import upgrade
from gatelab.store.tables import metrics, runs
from gatelab.sweeps import expand
from service.authorization import COOKIE
from tests.browser import chromium

TEXT = "the time traveller for so it will be convenient to speak of him was expounding a recondite matter to us. " * 200
LINES, POINTS = 100, 100
READY = """() => new Promise((ready) => {
  const look = () => document.querySelector('%s') ? ready(performance.now()) : requestAnimationFrame(look);
  look();
})"""
"""Milliseconds from the beginning of the navigation until the page contains such an element."""


@dataclass(frozen=True)
class Loaded:
    """A first visit: bytes transferred, headers included, and milliseconds until jobs are listed and can be steered."""

    bytes: int
    requests: int
    ready: float


def main() -> None:
    arguments = _arguments()
    warn_if_busy()
    with tempfile.TemporaryDirectory(prefix="gatelab-benchmark-") as folder, sync_playwright() as playwright:
        curves = _write_curves(Path(folder))
        with installation(1, Path(folder)) as gatelab:
            report_loading(playwright, gatelab, curves, arguments.rounds)
            report_processor(playwright, gatelab, Path(folder), arguments.seconds)


def report_loading(playwright: Playwright, gatelab: Gatelab, curves: str, rounds: int) -> None:
    visits = [_visit(playwright, gatelab, gatelab.url) for _ in range(rounds)]
    charts = [_chart(playwright, gatelab, f"{gatelab.url}/jobs/{curves}") for _ in range(rounds)]
    rows = [
        ("first page, compressed", f"{visits[0].bytes / 1000:.1f} kB in {visits[0].requests} requests"),
        ("first page until its jobs are there", _milliseconds([visit.ready for visit in visits])),
        (f"chart of {LINES} runs x {POINTS} points, drawn", _milliseconds([drawn for drawn, _ in charts])),
        ("its page from the address until it is drawn", _milliseconds([whole for _, whole in charts])),
    ]
    tables.show(("", "median (smallest - largest)"), rows)


def report_processor(playwright: Playwright, gatelab: Gatelab, folder: Path, seconds: float) -> None:
    """The share of one core that the service uses while a job is trained, and the time that it takes to stop."""
    gatelab.add_corpus("live", TEXT)
    job = gatelab.submit(JobSpec.model_validate(_spec("live", epochs=100_000))).id
    while gatelab.job(job).state != "running":
        time.sleep(0.1)
    service = _service(folder)
    rows = [("no page", f"{_share(service, seconds):.2%}")]
    for name, path in (("the list of jobs", "/"), ("the job", f"/jobs/{job}")):
        with _page(playwright, gatelab) as page:
            page.goto(gatelab.url + path)
            page.get_by_text("live", exact=True).first.wait_for()
            time.sleep(2)
            rows.append((name, f"{_share(service, seconds):.2%}"))
    tables.show(("page open while a job is trained", "processor time of the service"), rows)
    with _page(playwright, gatelab) as first, _page(playwright, gatelab) as second:
        first.goto(gatelab.url)
        second.goto(f"{gatelab.url}/jobs/{job}")
        second.get_by_text("live", exact=True).first.wait_for()
        print(f"with two pages open, the service stops within {_stop(service):.2f} s")


def _visit(playwright: Playwright, gatelab: Gatelab, url: str) -> Loaded:
    with _page(playwright, gatelab) as page:
        sizes: list[int] = []
        protocol = page.context.new_cdp_session(page)
        protocol.send("Network.enable")
        protocol.on("Network.loadingFinished", lambda told: sizes.append(int(told["encodedDataLength"])))
        page.goto(url, wait_until="commit")
        ready: float = page.evaluate(READY % "main li button")
        page.wait_for_load_state("load")
        page.wait_for_timeout(500)
        return Loaded(sum(sizes), len(sizes), ready)


def _chart(playwright: Playwright, gatelab: Gatelab, url: str) -> tuple[float, float]:
    """Milliseconds of the drawing alone, as the page itself measures it, and from the beginning of the navigation."""
    with _page(playwright, gatelab) as page:
        page.goto(url, wait_until="commit")
        page.evaluate(READY % ".plot canvas")
        page.wait_for_timeout(500)
        drawn: tuple[float, float] = page.evaluate(
            "(({duration, startTime}) => [duration, startTime + duration])(performance.getEntriesByName('chart')[0])"
        )
        return drawn


@contextmanager
def _page(playwright: Playwright, gatelab: Gatelab) -> Iterator[Page]:
    """A new browser, signed in."""
    program = chromium.find(Path(playwright.chromium.executable_path))
    browser = playwright.chromium.launch(executable_path=program, args=list(chromium.FLAGS))
    try:
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.context.add_cookies([{"name": COOKIE, "value": key_of(gatelab), "url": gatelab.url}])
        yield page
    finally:
        browser.close()


def _spec(corpus: str, epochs: int) -> dict[str, object]:
    training = {"num_steps": 32, "batch_size": 64, "epochs": epochs, "optimizer": {"kind": "adam", "lr": 0.01}}
    return {"corpus": corpus, "model": {"cell": {"kind": "gru", "hidden": 64}}, "training": training}


def _write_curves(folder: Path) -> str:
    """Write a job whose runs have curves into the database, before a service or worker starts. Returns its id."""
    settings = Settings(data_dir=folder, database_url=SecretStr(f"sqlite:///{folder}/gatelab.db"))
    upgrade(settings)
    spec = JobSpec.model_validate(_spec("curves", POINTS) | {"name": "curves", "repeats": LINES})
    with Store(settings) as store:
        corpus, _ = store.corpora.add("curves", TEXT)
        job = store.jobs.create(spec, corpus.id, expand(spec, LINES)).id
        ids = [run.id for run in store.runs.list(job_id=job, limit=LINES).items]
        rows = [
            {"run_id": id, "step": epoch, "epoch": epoch, "tokens": 0, "validation_loss": 1 + (1 + at / 50) / epoch}
            for at, id in enumerate(ids)
            for epoch in range(1, POINTS + 1)
        ]
        with store.database.write() as connection:
            connection.execute(insert(metrics), rows)
            connection.execute(update(runs).values(state=State.SUCCEEDED, epoch=POINTS, finished_at=now()))
    return job


def _service(folder: Path) -> int:
    """The process that serves the installation in `folder`."""
    told = f"GATELAB_DATA_DIR={folder}".encode()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if told in (process / "environ").read_bytes() and b"service.app" in (process / "cmdline").read_bytes():
                return int(process.name)
        except OSError:
            continue
    raise RuntimeError("the service is not running")


def _share(process: int, seconds: float) -> float:
    """The share of one core that a process uses over the next `seconds`."""
    before, start = _processor_seconds(process), time.monotonic()
    time.sleep(seconds)
    return (_processor_seconds(process) - before) / (time.monotonic() - start)


def _processor_seconds(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _stop(process: int) -> float:
    """Seconds from SIGTERM to the end of the process."""
    start = time.monotonic()
    os.kill(process, signal.SIGTERM)
    while Path(f"/proc/{process}").exists() and "Z" not in Path(f"/proc/{process}/stat").read_text().split()[2]:
        time.sleep(0.01)
    return time.monotonic() - start


def _milliseconds(values: Sequence[float]) -> str:
    return f"{statistics.median(values):.0f} ms ({min(values):.0f} - {max(values):.0f})"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=20, help="seconds for which processor time is counted")
    return parser.parse_args()


if __name__ == "__main__":
    main()
