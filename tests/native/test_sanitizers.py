"""The native engine's C++ tests under sanitizers. Without a suitable compiler they fail; they are never skipped."""

import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent.parent.parent / "scripts" / "sanitize"


@pytest.mark.long
@pytest.mark.parametrize("sanitizer", ["address", "thread"])
def test_the_native_tests_are_clean(sanitizer: str) -> None:
    done = subprocess.run([SCRIPT, sanitizer], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    assert done.stdout == f"{sanitizer} sanitizer: all native tests passed\n"
