"""processes told apart by the moment they began; a pause of the queue"""

import sqlalchemy as sa
from alembic import op

import core.store.tables

revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ('jobs', 'workers'):
        op.add_column(table, sa.Column('pid_started', sa.Double(), nullable=True))
    op.create_table('pauses',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('since', core.store.tables.UtcTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_pauses'))
    )


def downgrade() -> None:
    op.drop_table('pauses')
    for table in ('jobs', 'workers'):
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.drop_column('pid_started')
