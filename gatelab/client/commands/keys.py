"""`gatelab keys`: who may use the installation. Needs a key with the scope admin, as `gatelab up` makes."""

from typing import Annotated

import typer

from gatelab.client.commands.options import DEFAULT_URL, AsJson, Gatelab, Url, command_group
from gatelab.client.models import NewKey
from gatelab.client.output import print_json, print_line, print_table

app = command_group("API keys: create, list, rotate, revoke.")

KeyId = Annotated[str, typer.Argument(metavar="KEY", help="Id of a key.")]


@app.command()
def create(
    account: Annotated[
        str, typer.Argument(metavar="ACCOUNT", help="Account whose corpora, jobs and runs the key can use.")
    ],
    scope: Annotated[str, typer.Option(help="read, submit or admin.")] = "submit",
    name: Annotated[str, typer.Option(help="A note on what the key is for.")] = "key",
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Make a key for an account, and print it. It cannot be shown again."""
    with Gatelab(url) as gatelab:
        _print(gatelab.create_key(account, scope, name), as_json)


@app.command("list")
def list_(url: Url = DEFAULT_URL, as_json: AsJson = False) -> None:
    """List all keys, without their secrets."""
    with Gatelab(url) as gatelab:
        keys = gatelab.keys()
    if as_json:
        print_json(keys)
    else:
        rows = ([k.id, k.account, k.name, k.scope, "revoked" if k.revoked_at else ""] for k in keys)
        print_table(("key", "account", "name", "scope", ""), rows)


@app.command()
def rotate(key: KeyId, url: Url = DEFAULT_URL, as_json: AsJson = False) -> None:
    """Replace a key: make and print a new one, and revoke the old one."""
    with Gatelab(url) as gatelab:
        _print(gatelab.rotate_key(key), as_json)


@app.command()
def revoke(key: KeyId, url: Url = DEFAULT_URL) -> None:
    """Revoke a key. It stops working at once."""
    with Gatelab(url) as gatelab:
        gatelab.revoke_key(key)
    print_line(f"{key}: revoked")


def _print(made: NewKey, as_json: bool) -> None:
    if as_json:
        print_json(made)
    else:
        print_line(f"{made.key.id}: {made.key.scope} for the account {made.key.account}")
        print_line(made.secret)
