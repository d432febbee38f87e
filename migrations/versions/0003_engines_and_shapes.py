"""The engine of a run, and the shape by which runs can be trained together."""

import sqlalchemy as sa
from alembic import op

from gatelab.specs import RunSpec, shape_key

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

INDEX = "ix_runs_shape_state_queued_at_id"


def upgrade() -> None:
    op.add_column("runs", sa.Column("engine", sa.String(16)))
    op.add_column("runs", sa.Column("shape", sa.String(64)))
    _fill_shapes()
    op.create_index(INDEX, "runs", ["shape", "state", "queued_at", "id"])


def downgrade() -> None:
    op.drop_index(INDEX, "runs")
    with op.batch_alter_table("runs") as runs:
        runs.drop_column("shape")
        runs.drop_column("engine")


def _fill_shapes() -> None:
    """Shapes of unfinished runs, computed by this version, since it will compare them."""
    runs = sa.table("runs", sa.column("id"), sa.column("state"), sa.column("spec", sa.JSON), sa.column("shape"))
    connection = op.get_bind()
    waiting = sa.select(runs.c.id, runs.c.spec).where(runs.c.state.in_(["queued", "running", "paused"]))
    for run in connection.execute(waiting).all():
        shape = shape_key(RunSpec.model_validate(run.spec))
        connection.execute(sa.update(runs).where(runs.c.id == run.id).values(shape=shape))
