import logging
import signal
import sys
from pathlib import Path

import pytest

from gatelab.launcher import child_process
from gatelab.launcher.child_process import Child, Program
from tests.launcher.conftest import alive, descendants
from tests.waiting import eventually

IGNORES_SIGTERM = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True)"


def child(folder: Path, code: str, **fields: object) -> Child:
    program = Program("child", [sys.executable, "-c", code], folder, {"PATH": "/usr/bin:/bin"}, **fields)  # type: ignore[arg-type]
    return Child(program, folder)


def stop(running: Child) -> None:
    running.begin_stop()
    eventually(running.stopped, "it has stopped")


def test_a_child_runs_in_its_folder_and_logs(folder: Path) -> None:
    writer = child(folder, "import os; print(os.getcwd(), sorted(os.environ)); raise SystemExit(3)")
    writer.start()
    eventually(lambda: not writer.alive(), "it has ended")
    assert writer.exit_code == 3
    assert str(folder.resolve()) in writer.log_tail()
    assert "'PATH'" in writer.log_tail()


def test_a_dead_child_is_started_again_after_growing_pauses(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(child_process, "FIRST_BACKOFF", 0.01)
    monkeypatch.setattr(child_process, "LAST_BACKOFF", 0.03)
    dying = child(folder, "print('alive')")
    dying.start()

    def tended() -> bool:
        dying.tend()
        return dying.log.read_text().count("alive") >= 4

    with caplog.at_level(logging.WARNING):
        eventually(tended, "it was started four times")
    stop(dying)
    pauses = [message.rpartition(" in ")[2] for message in caplog.messages[:3]]
    assert pauses == ["0.01 s", "0.02 s", "0.03 s"]


def test_a_child_that_lived_long_starts_with_a_short_pause(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child_process, "STEADY", 0.0)
    dying = child(folder, "pass")
    dying.deaths = 7
    dying.start()
    eventually(lambda: not dying.alive(), "it has ended")
    dying.tend()
    assert dying.deaths == 1


@pytest.mark.parametrize(
    ("code", "hopeless"), [("raise SystemExit(1)", True), ("import os; os.kill(os.getpid(), 9)", False)]
)
def test_a_child_that_keeps_giving_up_is_hopeless(
    folder: Path, monkeypatch: pytest.MonkeyPatch, code: str, hopeless: bool
) -> None:
    monkeypatch.setattr(child_process, "FIRST_BACKOFF", 0.01)
    dying = child(folder, code)
    dying.start()

    def died_often() -> bool:
        dying.tend()
        return dying.deaths == child_process.HOPELESS_DEATHS

    eventually(died_often, "it died often")
    assert dying.hopeless is hopeless
    stop(dying)


def test_a_child_that_ignores_its_signal_is_killed_with_all_it_started(folder: Path) -> None:
    code = f"import subprocess, sys; subprocess.Popen(['sleep', '600']); {IGNORES_SIGTERM}; time.sleep(600)"
    stubborn = child(folder, code, farewell=((0.0, signal.SIGTERM), (0.2, signal.SIGKILL)))
    stubborn.start()
    eventually(lambda: "up" in stubborn.log_tail(), "it ignores the signal")
    assert stubborn.pid
    family = descendants(stubborn.pid)
    assert list(family.values()) == ["sleep 600"]
    stop(stubborn)
    assert stubborn.exit_code == -signal.SIGKILL
    eventually(lambda: not any(alive(pid) for pid in family), "all it started is gone")


def test_a_hurry_skips_the_farewell(folder: Path) -> None:
    stubborn = child(folder, f"{IGNORES_SIGTERM}; time.sleep(600)", farewell=((600.0, signal.SIGKILL),))
    stubborn.start()
    stubborn.begin_stop()
    assert not stubborn.stopped()
    stubborn.hurry()
    eventually(stubborn.stopped, "it has stopped")


def test_a_child_that_never_started_has_stopped(folder: Path) -> None:
    idle = child(folder, "pass")
    idle.begin_stop()
    assert idle.stopped()
    assert idle.log_tail() == ""


def test_a_large_log_is_put_aside(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child_process, "ROTATE_BYTES", 10)
    idle = child(folder, "pass")
    idle.rotate_log()
    idle.log.write_text("x" * 11)
    idle.rotate_log()
    assert not idle.log.exists()
    assert (folder / "child.log.1").read_text() == "x" * 11


def test_the_log_of_a_process_that_goes_on_is_bounded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child_process, "ROTATE_BYTES", 1000)
    writer = child(folder, "import time\nwhile True:\n    print('x' * 49, flush=True)\n    time.sleep(0.001)")
    writer.start()
    for _ in range(3):
        eventually(lambda: writer.log.stat().st_size > 1000, "the log is large")
        writer.bound_log()
        assert writer.log.with_suffix(".log.1").stat().st_size > 1000
    eventually(lambda: writer.log.stat().st_size > 100, "the process writes on")
    stop(writer)
    assert set(writer.log.read_text().splitlines()[1:]) == {"x" * 49}, "from the beginning, without a hole"
