"""The findings in the text of a corpus: its line ends, whether it is in NFC, its control characters."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("corpora", sa.Column("findings", sa.JSON))


def downgrade() -> None:
    with op.batch_alter_table("corpora") as corpora:
        corpora.drop_column("findings")
