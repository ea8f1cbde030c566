"""seeds up to 2³²−1, as the settings allow them; PostgreSQL's integers end at half of that"""

import sqlalchemy as sa
from alembic import op

revision = '0005'
down_revision = '0004'
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_bind().dialect.name != 'sqlite':  # its integers are wide as they are
        op.alter_column('runs', 'seed', type_=sa.BigInteger())


def downgrade() -> None:
    if op.get_bind().dialect.name != 'sqlite':
        op.alter_column('runs', 'seed', type_=sa.Integer())
