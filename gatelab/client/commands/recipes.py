"""`gatelab recipes`."""

from gatelab.client.commands.options import AsJson
from gatelab.client.output import print_json, print_table
from gatelab.client.recipes import recipes


def list_recipes(as_json: AsJson = False) -> None:
    """List the specs that come with Gatelab: `gatelab submit recipe:NAME` submits one."""
    found = recipes()
    if as_json:
        print_json(found)
    else:
        print_table(("recipe", "what it is"), [(recipe.name, recipe.about) for recipe in found])
