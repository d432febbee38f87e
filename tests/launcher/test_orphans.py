import os
import signal
import subprocess
import sys

import pytest

from tests import servers
from tests.launcher.conftest import alive
from tests.waiting import eventually

PARENT = """
import subprocess, time
from gatelab.launcher.orphans import leash
child = subprocess.Popen(["sleep", "600"], preexec_fn=leash())
print(child.pid, flush=True)
time.sleep(600)
"""


@pytest.mark.skipif(sys.platform != "linux", reason=servers.ONLY_LINUX)
def test_a_child_dies_with_its_killed_parent() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        child = int(parent.stdout.readline())
        assert alive(child)
        parent.kill()
    eventually(lambda: not alive(child), "the child has died")


@pytest.mark.skipif(sys.platform != "linux", reason=servers.ONLY_LINUX)
def test_a_parent_that_died_before_is_noticed() -> None:
    late = f"from gatelab.launcher.orphans import die_with_parent; die_with_parent({os.getpid() + 1})"
    assert subprocess.run([sys.executable, "-c", late], check=False).returncode == -signal.SIGKILL


def test_it_imports_next_to_nothing() -> None:
    program = "import sys, gatelab.launcher.orphans as o; o.die_with_parent(); print('pydantic' in sys.modules)"
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert shown == "False\n"
