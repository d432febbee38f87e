"""Fixtures of all tests: real servers, real text, and the rule that no test is skipped silently."""

import gc
import os
import shutil
import subprocess
import sys
from pathlib import Path

# Set before Triton is imported: without a GPU, its kernels run in its interpreter.
os.environ.setdefault("TRITON_INTERPRET", "0" if Path("/dev/nvidiactl").exists() else "1")
# The code of cells is compiled once for this and all later test runs: the file's name is a digest of its sources.
os.environ.setdefault("GATELAB_CELL_CACHE", str(Path(__file__).parent.parent / "build" / "cells"))
# Set before torch is imported: tests share few cores, and more threads only make their timing vary.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import structlog
from xdist.scheduler import LoadFileScheduling

from tests import disks, servers
from tests.faults.printing import FaultsTable

ROOT = Path(__file__).parent.parent
NO_GPU = "no CUDA device"
NO_COMPOSE = "no docker compose"
NO_BF16 = "the processor has no AVX512-BF16"


def has_docker_compose() -> bool:
    """Whether the command exists; checking a file needs no Docker engine."""
    docker = shutil.which("docker")
    return docker is not None and subprocess.run([docker, "compose", "version"], capture_output=True).returncode == 0


def has_bf16() -> bool:
    """Whether the processor multiplies bfloat16."""
    processor = Path("/proc/cpuinfo")
    return processor.exists() and "avx512_bf16" in processor.read_text()


EXPECTED_SKIPS: dict[str, Callable[[], bool]] = {
    servers.NO_RABBITMQ: lambda: servers.rabbitmq_binary() is None,
    servers.ONLY_LINUX: lambda: sys.platform != "linux",
    disks.NO_SMALL_DISK: lambda: not disks.can_mount(),
    NO_COMPOSE: lambda: not has_docker_compose(),
    NO_BF16: lambda: not has_bf16(),
    NO_GPU: lambda: not Path("/dev/nvidiactl").exists(),
}
"""The only reasons for which a test may be skipped, and whether each holds here. With CI=true, any other one fails."""


# -- Servers ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """A PostgreSQL server, for tests that make databases of their own with `servers.postgres_database`."""
    with servers.postgres_server() as url:
        yield url


@pytest.fixture(scope="session")
def postgres_url(postgres_server: str) -> Iterator[str]:
    """An empty PostgreSQL database, dropped at the end of the session."""
    with servers.postgres_database(postgres_server) as url:
        yield url


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """An empty Redis database, used by this session alone."""
    with ExitStack() as stack:
        try:
            url = stack.enter_context(servers.redis_database(stack.enter_context(servers.redis_server())))
        except LookupError:
            own = stack.enter_context(servers.start_redis(servers.redis_binary()))
            url = stack.enter_context(servers.redis_database(own))
        yield url


@pytest.fixture(scope="session")
def rabbitmq_url() -> Iterator[str]:
    """A RabbitMQ server whose queues may be shared with others."""
    with ExitStack() as stack:
        try:
            url = stack.enter_context(servers.rabbitmq_server())
        except LookupError as error:
            pytest.skip(str(error))
        yield url


# -- Text ---------------------------------------------------------------------------------------------------------


def corpus_text(name: str) -> str:
    """The text `name`.txt from GATELAB_CORPORA or ../shared/corpora, else some English that Python ships."""
    for folder in (os.environ.get("GATELAB_CORPORA"), ROOT.parent / "shared" / "corpora"):
        if folder and (path := Path(folder, f"{name}.txt")).is_file():
            return path.read_text(encoding="utf-8")
    from pydoc_data.topics import topics

    return "\n".join(topics[topic] for topic in sorted(topics))


@pytest.fixture(scope="session")
def time_machine() -> str:
    return corpus_text("timemachine")


@pytest.fixture(scope="session")
def shakespeare() -> str:
    return corpus_text("tinyshakespeare")


# -- Logs ---------------------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def _no_log_outlives_its_test() -> Iterator[None]:
    """Restore the logs after a test that configures them, since its standard error is closed."""
    yield
    structlog.reset_defaults()


# -- New input ----------------------------------------------------------------------------------------------------


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--seeds", type=int, metavar="N", help="run only the tests that take `seed` or `random`, each with N new seeds"
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    count = metafunc.config.getoption("--seeds")
    if count is not None and "seed" in metafunc.fixturenames:
        metafunc.fixturenames.append("_repetition")
        metafunc.parametrize("_repetition", range(count))


def _takes_seed(item: pytest.Item) -> bool:
    return "seed" in getattr(item, "fixturenames", ())


# -- Side by side -------------------------------------------------------------------------------------------------

TOGETHER = ("tests/browser/", "tests/faults/test_")
"""Files of tests that share an installation, which takes many seconds to start. One process runs them all."""


class BySharedInstallation(LoadFileScheduling):  # type: ignore[misc]
    """Assigns whole files, or all files that share an installation, to one process."""

    def _split_scope(self, nodeid: str) -> str:
        shared = next((start for start in TOGETHER if nodeid.startswith(start)), None)
        return shared or str(super()._split_scope(nodeid))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Those that one process must run begin first, so that no process waits for them in the end."""
    if config.getoption("--seeds") is not None:
        config.hook.pytest_deselected(items=[item for item in items if not _takes_seed(item)])
        items[:] = filter(_takes_seed, items)
    items.sort(key=lambda item: not item.nodeid.startswith(TOGETHER))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> BySharedInstallation:
    return BySharedInstallation(config, log)


# -- Collection ---------------------------------------------------------------------------------------------------


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect tests without garbage collection, since modules stay. It saves each process a fifth of its time."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


# -- Results ------------------------------------------------------------------------------------------------------


def pytest_configure(config: pytest.Config) -> None:
    # Only in the process that started the others.
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(FaultsTable(config))


# -- Nothing is skipped silently ----------------------------------------------------------------------------------


def _in_ci() -> bool:
    return os.environ.get("CI") == "true"


def _excuse(report: pytest.TestReport | pytest.CollectReport) -> str | None:
    """The reason for which a test or module was skipped or expected to fail; None if it counts."""
    if hasattr(report, "wasxfail"):
        return f"xfail: {report.wasxfail}"
    if report.skipped and isinstance(report.longrepr, tuple):
        return str(report.longrepr[2]).removeprefix("Skipped: ")
    return None


def _refuse_unexpected_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    excuse = _excuse(report)
    if _in_ci() and excuse is not None and not EXPECTED_SKIPS.get(excuse, lambda: False)():
        if hasattr(report, "wasxfail"):
            del report.wasxfail
        report.outcome = "failed"
        report.longrepr = f"skipped for a reason that tests/conftest.py does not expect here: {excuse}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    _refuse_unexpected_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _refuse_unexpected_skip(report)
    return report


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None:  # one of several processes, which leave the counting to their parent
        return
    assert isinstance(reporter, pytest.TerminalReporter)
    if _in_ci() and exitstatus == pytest.ExitCode.OK and not reporter.stats.get("passed"):
        session.exitstatus = pytest.ExitCode.NO_TESTS_COLLECTED
