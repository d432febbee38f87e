"""The rule that no test is skipped silently, tried on small test suites."""

import pytest

from tests.conftest import ROOT, corpus_text

pytest_plugins = ["pytester"]

GOOD = "def test_good(): pass\n"
SKIPPED = "import pytest\ndef test_skipped(): pytest.skip('no time')\n"
EXPECTED = "import pytest\nfrom tests import servers\ndef test_expected(): pytest.skip(servers.NO_RABBITMQ)\n"
XFAILED = "import pytest\n@pytest.mark.xfail(reason='hard')\ndef test_xfailed(): assert False\n"
XPASSED = "import pytest\n@pytest.mark.xfail(reason='hard')\ndef test_xpassed(): pass\n"
MODULE = "import pytest\npytest.skip('not today', allow_module_level=True)\n"


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A suite under the project's conftest, in CI, on a machine without RabbitMQ."""
    monkeypatch.setenv("CI", "true")
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # they would take most of the time
    pytester.makepyprojecttoml(f"[tool.pytest.ini_options]\npythonpath = ['{ROOT}']\n")
    pytester.makeconftest(
        "from tests.conftest import *\nfrom tests import servers\nservers.rabbitmq_binary = lambda: None\n"
    )
    return pytester


def outcomes(suite: pytest.Pytester, source: str) -> tuple[int, dict[str, int]]:
    suite.makepyfile(source)
    result = suite.runpytest_subprocess("-ra")
    return int(result.ret), result.parseoutcomes()


@pytest.mark.parametrize("bad", [SKIPPED, XFAILED, XPASSED])
def test_an_unexpected_skip_fails_in_ci(suite: pytest.Pytester, bad: str) -> None:
    assert outcomes(suite, GOOD + bad) == (pytest.ExitCode.TESTS_FAILED, {"passed": 1, "failed": 1})


def test_an_unexpectedly_skipped_module_fails_in_ci(suite: pytest.Pytester) -> None:
    assert outcomes(suite, MODULE) == (pytest.ExitCode.INTERRUPTED, {"errors": 1})


def test_an_expected_skip_passes_in_ci_and_says_why(suite: pytest.Pytester) -> None:
    assert outcomes(suite, GOOD + EXPECTED) == (pytest.ExitCode.OK, {"passed": 1, "skipped": 1})


def test_skipping_everything_fails_in_ci(suite: pytest.Pytester) -> None:
    assert outcomes(suite, EXPECTED) == (pytest.ExitCode.NO_TESTS_COLLECTED, {"skipped": 1})


def test_anything_may_be_skipped_by_hand(suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI")
    assert outcomes(suite, GOOD + SKIPPED) == (pytest.ExitCode.OK, {"passed": 1, "skipped": 1})


def test_there_is_always_some_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GATELAB_CORPORA", raising=False)
    assert len(corpus_text("a book that nobody has")) > 100_000
