"""The specs that come with Gatelab are submitted by name."""

import json

import pytest

from gatelab.client import recipes, specfile
from gatelab.client.commands.jobs import spec_path
from gatelab.errors import InvalidSpec
from tests.client.trained import Trained


def test_each_is_a_spec_and_says_what_it_is_for() -> None:
    found = recipes.recipes()
    assert found
    for recipe in found:
        assert specfile.load(recipes.find(recipe.name)).name == recipe.name
        assert recipe.about.endswith((".", "?"))


def test_they_are_listed(trained: Trained) -> None:
    listed = json.loads(trained.command("recipes", "--json").stdout)
    names = [one["name"] for one in listed]
    assert names == sorted(file.stem for file in recipes.folder().glob("*.yaml"))
    table = trained.command("recipes").stdout
    assert [one for one in table.split() if one in names] == names


def test_a_recipe_is_submitted_as_its_file_is(trained: Trained) -> None:
    file = str(recipes.folder() / "gru-scratch.yaml")
    for given in ("recipe:gru-scratch", file):
        trained.command("submit", given, "--dry-run", "--set", "corpus=wells")
    by_name, by_file = [asked.body for asked in trained.wire.asked if asked.body]
    assert by_name == by_file


def test_an_unknown_name_is_answered_with_those_that_there_are() -> None:
    with pytest.raises(InvalidSpec, match=r"no recipe 'gru-scrach'; did you mean 'gru-scratch'\? \(there are .*memory"):
        spec_path("recipe:gru-scrach")
    with pytest.raises(InvalidSpec, match=r"no recipe '\.\./examples/memory'"):
        spec_path("recipe:../examples/memory")
