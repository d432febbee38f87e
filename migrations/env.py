"""Runs the migrations on the connection that `gatelab.store.migrate` passes, or on the configured database."""

from contextlib import closing

from alembic import context
from sqlalchemy import Connection

from gatelab.settings import load
from gatelab.store.engine import Database
from gatelab.store.tables import metadata


def run(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()


passed: Connection | None = context.config.attributes.get("connection")
if passed is not None:
    run(passed)
else:
    with (
        closing(Database(load().database_url.get_secret_value(), foreign_keys=False)) as database,
        database.write() as opened,
    ):
        run(opened)
