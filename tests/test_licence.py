"""The licence and the version are the same in all files that name them."""

import tomllib

import yaml

from gatelab import __version__
from tests.conftest import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))


def test_the_licence_is_the_same_everywhere() -> None:
    assert PROJECT["license"] == CITATION["license"] == "Apache-2.0"
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert ("Apache License" in text, "Version 2.0, January 2004" in text) == (True, True)
    assert PROJECT["license-files"] == ["LICENSE"]


def test_the_version_is_the_same_everywhere() -> None:
    assert CITATION["version"] == __version__
