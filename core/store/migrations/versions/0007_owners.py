"""whose a data set, a run and a job is; nobody's is everybody's"""

import sqlalchemy as sa
from alembic import op

revision = '0007'
down_revision = '0006'
branch_labels = None
depends_on = None

TABLES = ('datasets', 'runs', 'jobs')


def upgrade() -> None:
    for table in TABLES:
        op.add_column(table, sa.Column('owner', sa.String(length=255), nullable=True))
        op.create_index(op.f(f'ix_{table}_owner'), table, ['owner'], unique=False)


def downgrade() -> None:
    for table in TABLES:
        op.drop_index(op.f(f'ix_{table}_owner'), table_name=table)
        op.drop_column(table, 'owner')
