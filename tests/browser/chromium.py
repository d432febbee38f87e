"""A Chromium to test with: the system's, or else Playwright's own, or else Debian's package if we may install it.

Its headless shell is preferred, without windows, menus and extensions: the tests then take half the processor time.
"""

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

SHELL = "chromium-headless-shell"
NAMES = (SHELL, "chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-software-rasterizer",
    "--in-process-gpu",
    "--disable-background-networking",
)


def find(playwrights: Path) -> str:
    """The program's path. Tests that run side by side install it once.

    Args:
        playwrights: where Playwright keeps its own, if it has been downloaded.

    Raises:
        RuntimeError: there is none, and none can be installed.
    """
    with Path(tempfile.gettempdir(), f"gatelab-test-chromium-{os.getuid()}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if found := _installed(playwrights):
            return found
        subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], capture_output=True, timeout=600)
        if not _installed(playwrights):
            _apt_get("update")
            _install(SHELL)
        if not _installed(playwrights):  # an older Debian has no package of the shell
            _install("chromium")
        if found := _installed(playwrights):
            return found
    raise RuntimeError("the page's tests need Chromium: install Debian's package, or `playwright install chromium`")


def _install(*packages: str) -> None:
    """Install Debian's packages, if we may and there are such."""
    _apt_get("install", "--no-install-recommends", *packages)


def _apt_get(*command: str) -> None:
    if os.geteuid() == 0 and shutil.which("apt-get"):
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run(["apt-get", "-qq", "-y", *command], capture_output=True, env=environment, timeout=600)


def _installed(playwrights: Path) -> str | None:
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    return found or (str(playwrights) if playwrights.exists() else None)


def main() -> None:
    """Find or install it before the tests, which have too little time for an installation."""
    from playwright.sync_api import sync_playwright

    if shutil.which("chromium") and not shutil.which(SHELL):
        _install("--no-upgrade", SHELL)
    with sync_playwright() as playwright:
        try:
            find(Path(playwright.chromium.executable_path))
        except RuntimeError as reason:
            print(reason, file=sys.stderr)


if __name__ == "__main__":
    main()
