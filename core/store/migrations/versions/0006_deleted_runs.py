"""runs that are deleted but can be brought back; who paused the queue and why; lines of the attention list put away"""

import sqlalchemy as sa
from alembic import op

import core.store.tables

revision = '0006'
down_revision = '0005'
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Plain additions: to make the table anew, as a batch does on SQLite, would take everything that belongs to runs along.
    op.add_column('runs', sa.Column('deleted_at', core.store.tables.UtcTime(timezone=True), nullable=True))
    op.add_column('runs', sa.Column('deleted_name', sa.String(length=120), nullable=True))
    op.create_index(op.f('ix_runs_deleted_at'), 'runs', ['deleted_at'], unique=False)
    op.add_column('pauses', sa.Column('who', sa.String(length=120), nullable=True))
    op.add_column('pauses', sa.Column('why', sa.Text(), nullable=True))
    op.create_table('dismissals',
    sa.Column('key', sa.String(length=160), nullable=False),
    sa.Column('created_at', core.store.tables.UtcTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('key', name=op.f('pk_dismissals'))
    )


def downgrade() -> None:
    op.drop_table('dismissals')
    for column in ('who', 'why'):
        op.drop_column('pauses', column)
    op.drop_index(op.f('ix_runs_deleted_at'), table_name='runs')
    for column in ('deleted_at', 'deleted_name'):
        op.drop_column('runs', column)
