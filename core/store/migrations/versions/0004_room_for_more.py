"""room for the names of many devices and for large models, which PostgreSQL, unlike SQLite, would refuse"""

import sqlalchemy as sa
from alembic import op

revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_bind().dialect.name == 'sqlite':  # it takes both as it is
        return
    for table in ('runs', 'diagnoses', 'jobs', 'workers'):
        op.alter_column(table, 'device', type_=sa.Text())
    op.alter_column('checkpoints', 'bytes', type_=sa.BigInteger())


def downgrade() -> None:
    if op.get_bind().dialect.name == 'sqlite':
        return
    for table in ('runs', 'diagnoses', 'jobs', 'workers'):
        op.alter_column(table, 'device', type_=sa.String(length=120))
    op.alter_column('checkpoints', 'bytes', type_=sa.Integer())
