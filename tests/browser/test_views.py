"""Every view, light, dark and on a phone: axe finds nothing serious, and nothing is wider than the window."""

import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from gatelab.client.api import Gatelab
from gatelab.specs import JobSpec
from tests.browser.conftest import Open, Watched
from tests.service.installation import SPEC, TEXT
from tests.waiting import PATIENCE

AXE = Path(__file__).parents[2] / "service/web/node_modules/axe-core/axe.min.js"
SERIOUS = {"serious", "critical"}

GRID = {
    "name": "views",
    "corpus": "views",
    "grid": {"model.cell.gates": [["reset", "update"], []], "model.cell.hidden": [4, 6], "training.num_steps": [8, 16]},
    "training": SPEC["training"] | {"epochs": 2, "gate_statistics": True},
}


@pytest.fixture(scope="module")
def paths(installation: Gatelab) -> Mapping[str, str]:
    """Name -> address of every view, with something to see."""
    installation.add_corpus("views", TEXT * 2)
    job = installation.submit(JobSpec.model_validate(SPEC | GRID)).id
    assert installation.wait(job).state == "succeeded"
    first, second, *_ = (run.id for run in installation.runs(job=job))
    begun = installation.submit(installation.run(first).spec | {"name": "begun", "start": {"run": first}}).id
    assert installation.wait(begun).state == "succeeded"
    [fork] = (run.id for run in installation.runs(job=begun))
    return {
        "jobs": "/",
        "submit": "/submit",
        "curves": f"/jobs/{job}",
        "heat-map": f"/jobs/{job}?tab=heat",
        "runs": f"/jobs/{job}?tab=runs",
        "report": f"/jobs/{job}?tab=report",
        "spec": f"/jobs/{job}?tab=spec",
        "run": f"/runs/{first}",
        "compare": f"/compare?runs={first},{second},{fork}",
        "playground": f"/playground?a={first}&b={second}",
        "gates": f"/gates?run={first}&text=the+time",
        "cells": "/cells",
        "corpora": "/corpora",
        "corpus": "/corpora/views",
        "nothing": "/nothing",
    }


READY: Mapping[str, str] = {
    "jobs": "views",
    "submit": "Check, and see what it costs",
    "curves": "As a table",
    "heat-map": "best",
    "runs": "Choose two or more",
    "report": "Which hyper-parameter matters",
    "spec": "keep_checkpoints",
    "run": "keep_checkpoints",
    "compare": "Where runs branch",
    "playground": "Model B: checkpoint",
    "gates": "The initial state:",
    "cells": "No mistake found.",
    "corpora": "views",
    "corpus": "recondite",
    "nothing": "There is nothing here",
}
"""Name -> text that the view contains when it is complete."""


OFTEN = ("jobs", "curves", "playground", "gates", "cells")
"""Views that together have all colours and widths. They are also tested dark and on a phone."""
LOOKS = [
    *(pytest.param(view, "light") for view in READY),
    *(pytest.param(view, look, marks=pytest.mark.long) for view in OFTEN for look in ("dark", "phone")),
]


@pytest.mark.parametrize(("view", "look"), LOOKS)
def test_a_view_is_for_everybody(view: str, look: str, open_page: Open, paths: Mapping[str, str]) -> None:
    window = open_page(dark=look == "dark", phone=look == "phone")
    page = window.go(paths[view])
    expect(page.get_by_role("main").get_by_text(READY[view]).first).to_be_visible()
    if view == "playground":
        _write(page)
    _check_width(page)
    window.shoot(f"{view}-{look}")
    _check_accessible(window)


def test_nothing_is_cut_on_a_phone(open_page: Open, paths: Mapping[str, str]) -> None:
    """At 390 pixels all text of all views can be read: text that is wider than its container can be scrolled."""
    window = open_page(phone=True)
    for view, path in paths.items():
        page = window.go(path)
        expect(page.get_by_role("main").get_by_text(READY[view]).first).to_be_visible()
        if view == "playground":
            _write(page)
        for fold in page.locator("main summary").all():
            fold.click()
        _check_width(page)
        assert page.evaluate(CUT) == [], view
        window.shoot(f"{view}-phone")


CUT = """() => {
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode;
    const first = text.parentElement;
    if (!text.data.trim() || first.closest(".unseen, .skip, .rows thead, select, textarea, script")) continue;
    const range = document.createRange();
    range.selectNodeContents(text);
    const rects = [...range.getClientRects()].filter((rect) => rect.width);
    if (!rects.length) continue;
    const [left, right] = [Math.min(...rects.map((r) => r.left)), Math.max(...rects.map((r) => r.right))];
    let cutter = null;
    let reachable = false;
    for (let box = first; box && !cutter && !reachable; box = box.parentElement) {
      const how = getComputedStyle(box).overflowX;
      const place = box.getBoundingClientRect();
      const over = right > place.right + 1 || left < place.left - 1;
      if (over && (how === "hidden" || how === "clip")) cutter = box;
      if (how === "auto" || how === "scroll") reachable = true;
    }
    if (!cutter && !reachable && (right > innerWidth + 1 || left < -1)) cutter = document.body;
    if (cutter) found.push(`${text.data.trim().slice(0, 60)}: cut by ${cutter.outerHTML.slice(0, 100)}`);
  }
  // What leads elsewhere, and tables of results, are seen without scrolling.
  for (const bar of document.querySelectorAll("nav, [role=tablist], .scroll:has(.rows)"))
    if (bar.scrollWidth > bar.clientWidth) found.push(`${bar.outerHTML.slice(0, 100)} has to be scrolled`);
  return found;
}"""
"""Texts that are wider than their container and cannot be scrolled."""


def _write(page: Page) -> None:
    for name in ("Model A: run", "Model B: run"):
        expect(page.get_by_label(name)).not_to_have_value("")
    page.get_by_label("Prompt").fill("the time ")
    page.get_by_role("button", name="Write").click()
    expect(page.get_by_role("application")).to_have_count(2)
    page.get_by_role("application").first.locator("span").nth(12).hover()
    expect(page.get_by_text(re.compile("Likeliest"))).to_be_visible()


WIDER = """() => [...document.querySelectorAll("body *")]
  .filter((node) => node.getBoundingClientRect().right > document.documentElement.clientWidth + 0.5)
  .map((node) => `${node.outerHTML.slice(0, 120)} to ${node.getBoundingClientRect().right}`)"""


def _check_width(page: Page) -> None:
    """Wait until nothing is wider than the window, except for parts that scroll; new charts take a moment to fit."""
    deadline = time.monotonic() + PATIENCE
    while page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
        assert time.monotonic() < deadline, page.evaluate(WIDER)
        page.wait_for_timeout(100)


def _check_accessible(window: Watched) -> None:
    page = window.page
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found: Any = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    serious = [
        f"{fault['id']}: {fault['help']}: {[node['html'][:200] for node in fault['nodes']][:3]}"
        for fault in found["violations"]
        if fault["impact"] in SERIOUS
    ]
    assert serious == []
